"""The words in which two texts differ."""

from __future__ import annotations

import pytest

from addon.reviewing.words import Hunk, hunks_of


def shown(old: str, new: str) -> list[str]:
    """Each place as git shows it."""
    return [f"{h.before}[{h.old}|{h.new}]{h.after}" for h in hunks_of(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("You are terse.", "You are verbose.", ["You are [terse|verbose]."]),
        ("one word", "one words", ["one [word|words]"]),
        ("", "new", ["[|new]"]),
        ("gone", "", ["[gone|]"]),
        ("a b", "a c b", ["a [|c ]b"]),
        ("same", "same", []),
        ("the cat sat on the mat", "the dog sat on the rug", ["the [cat|dog] sat on the mat", "the cat sat on the [mat|rug]"]),
    ],
)  # fmt: skip
def test_places(old: str, new: str, places: list[str]) -> None:
    """Whole words, with what stands beside them; the context is that of the old text, or is in both."""
    found = [(h.old, h.new) for h in hunks_of(old, new)]
    wanted = [tuple(place.partition("[")[2].partition("]")[0].split("|")) for place in places]
    assert found == wanted


def test_context_is_short() -> None:
    """What both texts share is cut at both ends."""
    (hunk,) = hunks_of("x " * 5000 + "old" + " y" * 5000, "x " * 5000 + "new" + " y" * 5000)
    assert (hunk.old, hunk.new) == ("old", "new")
    assert hunk.before.startswith("…")
    assert hunk.after.endswith("…")
    assert len(hunk.before) < 50 > len(hunk.after)


def test_long_differences_are_one_place() -> None:
    """The work is bounded, and so is the text."""
    (hunk,) = hunks_of(" ".join(map(str, range(9000))), " ".join(map(str, range(9000, 18000))))
    assert len(hunk.old) < 250 > len(hunk.new)


def test_only_the_first_places_are_shown() -> None:
    """Of texts that differ in every second sentence."""
    old = " ".join(f"word{n} and then some more words" for n in range(20))
    assert len(hunks_of(old, old.replace("word", "term"))) == 6


def test_a_credential_is_not_shown() -> None:
    """As in a saved request."""
    secret = "sk-proj-" + "a1B2c3D4e5" * 5
    (hunk,) = hunks_of("the key is", f"the key is {secret}")
    assert secret not in str(hunk)
    assert "<redacted:" in str(hunk)


def test_a_place_is_json() -> None:
    """With its context."""
    assert Hunk("a ", "b", "c", "").as_dict() == {"before": "a ", "old": "b", "new": "c", "after": ""}
