"""The report's page and its Markdown, as text; tests/e2e looks at the page in a browser."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from addon.accounting.counts import RunCounts
from addon.report.html_page import render_html
from addon.report.markdown import render_markdown
from addon.report.publishing import conformed
from tests.addon.report.verdicts import report_with_tests

BAD = "<script>x</script>\"'&`|"


def run(hits: int = 2, misses: int = 1) -> RunCounts:
    """A run with one host of a hostile name."""
    counts = RunCounts("r", "read-write", started_at=1e300)
    row = counts.host(BAD)
    row.requests, row.hits, row.misses = hits + misses, hits, misses
    counts.failed_gates = [BAD]
    return counts


class Elements(HTMLParser):
    """Takes note of the elements and of what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert {name for name, _ in attrs}.isdisjoint({"src", "href", "onload", "onerror"})
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    """Every element is closed, none is a script, none refers to another place; hostile names are text."""
    page = render_html(run().as_dict())
    found = Elements(page)
    assert found.open == []
    assert found.seen.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("hits", "misses", "figure"), [(1, 0, "100 %"), (99_999, 1, "99.9 %"), (0, 3, "0.0 %"), (0, 0, ">-<")]
)
def test_the_rate_never_flatters(hits: int, misses: int, figure: str) -> None:
    """100 % is every one of them."""
    assert figure in render_html(run(hits, misses).as_dict())


def test_an_empty_run_has_a_page() -> None:
    """Nothing happened, and it says so."""
    assert "No requests." in render_html(RunCounts("r", "off").as_dict())
    assert "nothing looked up" in render_markdown(RunCounts("r", "off").as_dict())


def test_markdown_has_no_markup_from_outside() -> None:
    """A host's name ends no cell and opens no element."""
    text = render_markdown(run().as_dict())
    assert "<" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| ") and "requests" not in line]
    assert row.replace(r"\|", "").count("|") == 12


def test_a_report_of_another_version_is_completed() -> None:
    """A member that an older report lacks is zero; a member of the wrong type is refused."""
    whole = RunCounts("r", "read-write").as_dict()
    older = {"run": "r", "mode": "read-write", "hosts": {"h": {"hits": 2}}}
    assert conformed(older)["hosts"]["h"]["misses"] == 0
    assert conformed(whole) == whole
    for broken in (
        {"hosts": 1},
        {"total": {"hits": "x"}},
        {"missed": [1]},
        {"tunnelled": {"h": "x"}},
        {"saved": {"models": [0]}},
    ):
        with pytest.raises(TypeError):
            conformed(broken)


def test_a_table_by_test() -> None:
    """Every test has a row, with the places where it missed; names are text."""
    page = render_html(report_with_tests())
    assert "<h2>Tests</h2>" in page
    assert "tests/test_b.py::test_quiet" in page
    assert "<small>/messages/0</small><small>/messages/1</small>" in page
    assert "<b>.py" not in page
    assert "\x1b" not in page
