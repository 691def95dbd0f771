"""How numbers are written."""

from __future__ import annotations

from addon.accounting.figures import money, named, plural, seconds, size


def test_plurals() -> None:
    """Only one is singular; an irregular plural is given."""
    assert plural(1, "miss", "misses") == "1 miss"
    assert plural(2, "miss", "misses") == "2 misses"
    assert plural(0, "hit") == "0 hits"


def test_seconds() -> None:
    """The unit grows with the time."""
    assert [seconds(value) for value in (0.04, 90, 5400)] == ["0.0 s", "1.5 min", "1.5 h"]


def test_money_and_sizes() -> None:
    """Small amounts have more digits, and an unknown one is named as such."""
    assert [money(value) for value in (None, 0, 12.345, 0.0234, 0.0000042)] == [
        "unknown", "$0.00", "$12.35", "$0.0234", "$0.0000042"
    ]  # fmt: skip
    assert [size(value) for value in (0, 999, 1500, 2_500_000, 3e9)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.5 MB",
        "3.0 GB",
    ]


def test_only_the_first_few_are_named() -> None:
    """The count says how many there are."""
    assert named(["a"], "entry", "entries") == "1 entry (a)"
    assert named(list("abcd"), "host") == "4 hosts (a, b, c, …)"
