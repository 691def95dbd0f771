"""Which entries a command is about."""

from __future__ import annotations

import time

import click
import pytest

from addon.cli.filters import AGE, SIZE, Filter
from cache_store.entry import Entry

NOW = 1_000_000.0


def _entry(age: float = 0.0, body: bytes = b"Body", **label: str) -> Entry:
    return Entry("pp1-a", 200, "OK", (), body, NOW - age, 0.1, "run", label, "", b'{"q":"Ask"}')


@pytest.mark.parametrize(
    ("wanted", "entry", "matches"),
    [
        (Filter(), _entry(), True),
        (Filter(host="*.OPENAI.com"), _entry(host="api.openai.com"), True),
        (Filter(host="openai.com"), _entry(host="api.openai.com"), False),
        (Filter(model="gpt-*"), _entry(), False),
        (Filter(path="/v1/*"), _entry(path="/v1/a/b"), True),
        (Filter(older_than=10), _entry(10), True),
        (Filter(older_than=10), _entry(9), False),
        (Filter(newer_than=10), _entry(10), False),
        (Filter(newer_than=10), _entry(-50), True),
        (Filter(larger_than=4), _entry(), False),
        (Filter(larger_than=3), _entry(), True),
        (Filter(smaller_than=4), _entry(), False),
        (Filter(text="bODY"), _entry(), True),
        (Filter(text="ask"), _entry(), True),
        (Filter(text="other"), _entry(), False),
        (Filter(text="body", older_than=1), _entry(), False),
    ],
)
def test_all_that_is_asked_for_must_hold(wanted: Filter, entry: Entry, matches: bool) -> None:
    """Globs and text know no case."""
    assert wanted.matches(entry, NOW) is matches


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * 86400), ("12h", 43200), ("1.5m", 90), ("2w", 1209600), ("3", 259200)]
)
def test_ages(text: str, seconds: float) -> None:
    """A number without a unit is days."""
    assert AGE.convert(text, None, None) == seconds


def test_a_date_is_an_age() -> None:
    """The time since then."""
    assert AGE.convert("2026-01-31", None, None) == pytest.approx(time.time() - 1769817600, abs=5)


@pytest.mark.parametrize("text", ["", "soon", "1y", "-3d"])
def test_what_is_no_age_or_size_is_refused(text: str) -> None:
    """In a line that shows how to write one."""
    for kind in (AGE, SIZE):
        with pytest.raises(click.BadParameter, match="write"):
            kind.convert(text, None, None)


@pytest.mark.parametrize(("text", "size"), [("5", 5), ("1kB", 1000), ("64MiB", 2**26), ("1 gb", 10**9)])
def test_sizes(text: str, size: int) -> None:
    """Decimal and binary units."""
    assert SIZE.convert(text, None, None) == size
