"""Made by the client, echoed from an answer, or really different."""

from __future__ import annotations

from addon.learning.comparing import Compared, compare
from addon.learning.sorting import Pair, sort_out
from tests.addon.learning.requests_of_takes import UUIDS, asked

OLD, NEW = UUIDS


def _pair(texts: tuple[str, str], answers: tuple[bytes, bytes] = (b"", b"")) -> Pair:
    one, two = map(asked, texts)
    return Pair(one, two, compare(one, two), answers)


def test_a_value_of_two_answers_is_an_echo() -> None:
    """It needs no rule, as a replay answers from take 1; also where JSON escapes it."""
    answers = (f'{{"id": "{OLD}"}}'.encode(), f'{{"id": "{NEW}"}}'.encode())
    found = sort_out([_pair(("Hi", "Hi"), answers), _pair((f"Go on with {OLD}", f"Go on with {NEW}"))], [])
    assert [(change.old, change.new) for change in found.echoed] == [(OLD, NEW)]
    assert (found.proposals, found.refused, found.compared) == ([], [], 2)


def test_a_value_that_the_client_said_first_is_its_own() -> None:
    """Though an answer repeats it, and a later request repeats the answer."""
    first = _pair((f"Run {OLD}", f"Run {NEW}"), (OLD.encode(), NEW.encode()))
    found = sort_out([first, _pair((f"You said {OLD}", f"You said {NEW}"))], [])
    assert found.echoed == []
    assert sum(len(proposal.changes) for proposal in found.proposals) == 2


def test_an_answer_that_holds_one_value_only_explains_nothing() -> None:
    """Both takes must have got it from an answer."""
    found = sort_out([_pair(("Hi", "Hi"), (OLD.encode(), b"none")), _pair((f"Run {OLD}", f"Run {NEW}"))], [])
    assert len(found.proposals) == 1


def test_what_is_asked_in_one_take_only_is_named() -> None:
    """And what else differs, with its test."""
    only_one, only_two = asked("one"), asked("two")
    words = _pair(("Tell me of cats", "Tell me of dogs"))
    numbers = Pair(*map(asked, ({"n": 1}, {"n": 2})), Compared([], ["/n: 1 in take 1, 2 in take 2"]))
    first = [only_one, *(pair.one for pair in (words, numbers) if pair.one is not None)]
    found = sort_out([words, numbers, Pair(None, only_two, Compared([], []))], first)
    assert (found.diverged, found.missing) == ([only_two], [only_one])
    assert [refused.change.new for refused in found.refused] == ["dogs"]
    assert found.others == ["/n: 1 in take 1, 2 in take 2"]
