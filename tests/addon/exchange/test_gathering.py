"""Questions to every process of a run."""

from __future__ import annotations

from addon.exchange.gathering import Gatherings


def test_the_last_reply_completes_a_question() -> None:
    """None is a reply without a value; each peer replies once, and questions have their own tokens."""
    open_now = Gatherings()
    open_now.begin(0, 7, [0, 1, 2])
    open_now.begin(1, 7, [0, 1, 2])
    assert open_now.reply(1, 0, 7, "one") is None
    assert open_now.reply(1, 0, 7, "again") is None
    assert open_now.reply(0, 0, 7, None) is None
    done = open_now.reply(2, 0, 7, "two")
    assert done is not None
    assert (done.asker, done.token, done.replies) == (0, 7, ["one", "two"])
    assert open_now.reply(2, 0, 7, "late") is None
    assert open_now.reply(5, 1, 7, "a stranger") is None


def test_a_peer_that_is_gone_is_not_waited_for() -> None:
    """Its own questions go with it."""
    open_now = Gatherings()
    open_now.begin(0, 1, [0, 1])
    open_now.begin(0, 2, [0, 1, 2])
    open_now.begin(1, 3, [0, 1])
    assert open_now.reply(0, 0, 1, "zero") is None
    assert [done.token for done in open_now.leave(1)] == [1]
    assert open_now.reply(0, 1, 3, "nobody asks any more") is None
    assert open_now.reply(0, 0, 2, "x") is None
    assert open_now.reply(2, 0, 2, "y") is not None
