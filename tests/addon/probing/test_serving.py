"""One run's alterations."""

from __future__ import annotations

import json

from addon.messages import WireRequest
from addon.probing.edits import Change, Kind
from addon.probing.serving import Probe
from tests.addon.probing.answers import ANSWERS

TEXT = Change(Kind.TEXT, "/choices/0/message/content")


def test_only_the_named_answer_of_the_named_test_is_altered() -> None:
    """Whoever else gets the same entry gets it as it was recorded."""
    probe = Probe({("t", "pp2-1"): TEXT})
    answer = ANSWERS["chat"]()
    assert probe.after_look_up(answer, "u") is None
    made = probe.after_look_up(answer, "t")
    assert made is not None
    assert made.body != answer.body
    assert (made.key, made.headers, made.status) == (answer.key, answer.headers, answer.status)
    assert probe.served == {("t", "pp2-1")}


def test_an_alteration_is_taken_back_in_its_own_test_alone() -> None:
    """And, if it is a shared scope's, in the tests below it."""
    body = json.dumps({"content": "Uif xfbuifs jo Qbsjt"}).encode()
    request = WireRequest("POST", "https", "a", 443, "/", (), body)
    for name in ("a.py::t", "a.py::<module>"):
        probe = Probe({(name, "pp2-1"): TEXT})
        assert probe.before_look_up(request, "a.py::t") is request
        probe.after_look_up(ANSWERS["chat"](), name)
        assert b"weather jo Paris" in probe.before_look_up(request, "a.py::t").body
        assert probe.before_look_up(request, "b.py::t") is request


def test_a_429_comes_once_before_each_answer_of_an_attempt() -> None:
    """The retry gets the answer; so does everything in a run without them."""
    probe = Probe(refuses=True)
    asked = [("k", "t", "1"), ("k", "t", "1"), ("l", "t", "1"), ("k", "t", "2"), ("k", "u", "1")]
    assert [probe.refuses(*each) for each in asked] == [True, False, True, True, True]
    assert not Probe().refuses("k", "t", "1")


def test_the_last_attempt_of_a_test_counts() -> None:
    """A test that is run again may pass in the end."""
    probe = Probe()
    probe.note_outcome("t", "failed")
    probe.note_outcome("t", "passed")
    probe.note_outcome("a.py::<module>", "failed")
    assert probe.outcomes == {"t": "passed"}
