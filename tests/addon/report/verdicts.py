"""Reports with tests, for the tests of their renderers."""

from __future__ import annotations

from typing import Any

from addon.accounting.counts import RunCounts
from addon.diagnosis import Diagnosis

MARKUP = "tests/<b>.py::test_[x](http://e)|\x1b[31m\n::error::@all"


def report_with_tests(mode: str = "read-only-require-hit") -> dict[str, Any]:
    """A run in which one test missed twice, one went live, one was answered, and one has an odd name."""
    counts = RunCounts("r", mode)
    counts.host("h").misses = 3
    missed = counts.verdict("gw0", "tests/test_a.py::test_missed", 1)
    live = counts.verdict("gw0", "tests/test_a.py::test_live", 2)
    quiet = counts.verdict("gw1", "tests/test_b.py::test_quiet", 1)
    odd = counts.verdict("gw1", MARKUP, 1)
    assert missed
    assert live
    assert quiet
    assert odd
    missed.file, missed.line = "tests/test_a.py", 12
    missed.miss("k1")("nearest recorded: pp2-1… differs at /messages/0", "/messages/0", folded=False)
    missed.miss("k2")("like the one before", "/messages/1", folded=True)
    live.live, live.live_seconds, live.stored, live.coarse = 1, 2.0, 1, True
    quiet.hits = 4
    odd.miss("k1")("like none", "", folded=False)
    for key in ("k1", "k3"):
        why = Diagnosis(key, "POST h/v1", "pp2-1", question="Why?")
        counts.miss(key, why.as_dict(), f"the line of {key}")
    return counts.as_dict()
