"""Equal requests of a run, in order."""

from __future__ import annotations

from addon.policy.sequence import Sequence, nth_key


def test_the_first_has_the_plain_key() -> None:
    """A cache recorded with `single` serves the first request of a sequence."""
    assert nth_key("pp1-a", 1) == "pp1-a"


def test_later_ones_have_keys_of_their_own() -> None:
    """Each number is another key, and no two keys' numbers meet."""
    keys = [nth_key(key, n) for key in ("pp1-a", "pp1-ab") for n in range(1, 30)]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("pp1-") for key in keys)


def test_each_key_counts_for_itself() -> None:
    """Counting starts at 1 for each key and never skips."""
    sequence = Sequence()
    assert [sequence.next(key) for key in "aabab"] == [1, 2, 1, 3, 2]
