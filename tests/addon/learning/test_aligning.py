"""Which request of take 1 another one repeats."""

from __future__ import annotations

from addon.learning.aligning import Aligner
from tests.addon.learning.requests_of_takes import UUIDS, asked, chat


def test_equal_requests_come_before_similar_ones() -> None:
    """In any order of arrival: equal, equal but for words with digits, then of the same shape, in order."""
    first = [asked(text, "t") for text in ("one", f"two {UUIDS[0]}", "three", "four")]
    aligner = Aligner(first)
    asks = ["four", f"two {UUIDS[1]}", "thirteen", "fourteen"]
    assert [aligner.partner(asked(text, "t")) for text in asks] == [first[3], first[1], first[0], first[2]]
    assert aligner.partner(asked("one", "t")) is None


def test_of_several_at_once_the_likest_is_taken() -> None:
    """A test may send requests in parallel, whose ids have no digit."""
    first = [asked(f"{word} the file tmpabcdefgh", "t") for word in ("read", "write", "remove")]
    aligner = Aligner(first)
    second = [asked(f"{word} the file tmpijklmnop", "t") for word in ("remove", "write", "read")]
    assert [aligner.partner(one) for one in second] == first[::-1]


def test_a_random_value_does_not_hide_the_order() -> None:
    """Of two that are equal but for words with digits, the one with the same number is meant."""
    first = [
        asked(f"number {n} in {folder}", "t") for n, folder in enumerate(("tmpabcdefgh", "tmp1", "tmp2"))
    ]
    aligner = Aligner(first)
    second = [asked(f"number {n} in tmp{n}9", "t") for n in range(3)]
    assert [aligner.partner(one) for one in second] == first


def test_tests_are_apart() -> None:
    """A request is answered from its own test; one whose test is not known, from those of no test."""
    first = [asked("one", "a"), asked("one", "b"), asked("one")]
    aligner = Aligner(first)
    assert aligner.partner(asked("one", "b")) is first[1]
    assert aligner.partner(asked("one", "b")) is None
    assert aligner.partner(asked("one", "new")) is first[2]
    assert Aligner(first[:2]).partner(asked("one", "new")) is None


def test_another_form_diverges() -> None:
    """It would need another kind of answer."""
    assert Aligner([asked("one")]).partner(asked(chat("one", stream=True))) is None
