"""The report as Markdown."""

from __future__ import annotations

from addon.accounting.counts import RunCounts
from addon.report.markdown import render_markdown
from tests.addon.report.verdicts import report_with_tests


def test_a_run_with_two_hosts_and_a_miss() -> None:
    """A row for each host and one for all, the misses below, a failed gate at the top."""
    counts = RunCounts("r", "read-write")
    for host in ("a.example", "b.example"):
        row = counts.host(host)
        row.requests, row.hits, row.misses = 4, 3, 1
    why = {"key": "pp1-0123456789", "place": "POST a.example/v1", "nearest": "pp1-x", "recorded_at": None,
           "shared_messages": 0, "differences": [], "more": False, "note": "", "remedy": "", "question": "Who *wrote* it?"}  # fmt: skip
    counts.miss("pp1-0123456789", why, "nearest recorded: pp1-x… differs at /model")
    counts.miss("pp1-other", {}, "", root="pp1-0123456789")
    counts.failed_gates = ["--min-hit-rate 1: 6 of 8 requests were hits"]
    text = render_markdown(counts.as_dict())
    assert text.startswith("## provider-proxy: 75.0 % hits, 8 requests\n")
    assert "**Gate failed:** \\-\\-min\\-hit\\-rate 1\\: 6 of 8 requests were hits" in text
    assert "| **all** | 8 | 6 | 2 | 0 | 0 | 0 | 0 | 0 B | 0.0 s | 0.0 s |" in text
    assert "(pp1\\-01234567…, 1 try, 1 later miss from it)" in text
    assert "differs at /model" in text
    assert "“Who \\*wrote\\* it?”" in text


def test_a_table_by_test() -> None:
    """Names are text: no markup, link, mention or cell."""
    text = render_markdown(report_with_tests())
    row = next(
        line for line in text.splitlines() if line.startswith("| tests/test\\_a.py::test\\_missed"[:12])
    )
    assert row.endswith("| 0 | 2 | 1 | 0 | 0.0 s | \\$0 |")
    assert "1 test answered from the cache alone." in text
    assert "<b>" not in text
    assert "](http" not in text
    assert all(line.count(" | ") == 6 for line in text.splitlines() if line.startswith("| tests"))
