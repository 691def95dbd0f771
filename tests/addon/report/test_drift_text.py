"""The report of `drift` for people."""

from __future__ import annotations

from typing import Any

from addon.report.drift_text import drift_lines, drift_markdown

REASON = {"what": "field added", "place": "/a", "old": None, "new": "object", "benign": False}


def row(verdict: str = "changed", reasons: int = 1, **more: Any) -> dict[str, Any]:
    """One request."""
    about = {"short": "77172b45", "model": "gpt-x", "question": "Name the capital", "path": "/v1/x"}
    return {"verdict": verdict, "reasons": [REASON] * reasons, **about, **more}


def report(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A report with these requests."""
    counts = {
        name: sum(one["verdict"] == name.replace("_", " ") for one in rows)
        for name in ("same", "benign", "changed", "not_answered")
    }
    return {"asked": len(rows), **counts, "usd": 0.5, "unpriced": 0, "stored": None, "entries": list(rows), "not_asked": [], **more}  # fmt: skip


def test_a_terminal_shows_what_differs_and_the_sum() -> None:
    """Answers that are the same are only counted; many reasons are cut short."""
    lines = list(drift_lines(report(row(), row("benign", 7), row("same")), 40))
    assert lines[0] == "changed       77172b45  gpt-x  Name the…"
    assert lines[1] == "    field added at /a: object"
    assert "    and 2 more differences (--json has all)" in lines
    assert lines[-1] == "3 requests asked again: 1 same, 1 benign, 1 changed, $0.5000"


def test_what_was_not_asked_is_listed_with_its_reason() -> None:
    """With how many, and the first keys."""
    group = {"why": "its request was not saved", "count": 2, "shorts": ["a", "b"], "keys": []}
    found = report(row("not answered"), not_asked=[group], usd=None, unpriced=1)
    lines = list(drift_lines(found, None))
    assert "not asked     2 requests: its request was not saved (a, b)" in lines
    assert lines[-1].endswith("0 changed, 1 not answered, cost unknown for 1 answer")
    assert "- 2 requests: <code>its request was not saved</code>" in drift_markdown(found)


def test_a_refresh_says_what_was_stored() -> None:
    """And why an answer was not."""
    lines = list(drift_lines(report(row(refresh="not stored: status"), stored=0), None))
    assert lines[2] == "    not stored: status"
    assert lines[-1].endswith("; 0 stored")


def test_markdown_holds_hostile_content_as_text() -> None:
    """No markup, link, mention or end of a cell; the pieces stand in `code`, where GitHub looks for no mentions."""
    hostile = "@team </code><script>|`x` [a](http://b)\n\n# head"
    text = drift_markdown(report(row(question=hostile, reasons=0) | {"reasons": [REASON | {"new": hostile}]}))
    assert "<script>" not in text
    assert "\n\n#" not in text
    assert text.count("</code>") == 2
    (line,) = [line for line in text.splitlines() if line.startswith("| changed")]
    assert line.count("|") - line.count("\\|") == 4


def test_markdown_fits_into_a_comment_on_github() -> None:
    """It ends with how many there is no room for."""
    text = drift_markdown(report(*[row(question="x" * 500, reasons=9) for _ in range(3000)]))
    assert len(text) < 65_536
    assert text.rstrip().endswith("more requests.")
