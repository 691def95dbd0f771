"""A review as Markdown: golden files, whose content was read once by a person, and bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from addon.reviewing.changes import Change, What
from addon.reviewing.markdown import COMMENT, STEP_SUMMARY, Bound, render_markdown
from addon.reviewing.recordings import Recording
from addon.reviewing.review import Block, Review, reviewed
from addon.reviewing.words import hunks_of
from cache_store.entry import Entry
from tests.addon.reviewing.states import HOSTILE, call, chat, state, system, tool

GOLDEN = Path(__file__).with_name("golden")
FIRST = [{"role": "user", "content": "Name a river."}]
SECOND = [
    *FIRST,
    {"role": "assistant", "content": "The Danube."},
    {"role": "user", "content": "How long is it?"},
]
TEST = "tests/test_a.py::test_b"


def named(test: str, *entries: Entry) -> list[Recording]:
    """Recordings of one test, whatever its name has in it."""
    return [replace(one, tests=(test,)) for one in state(*entries)]


KINDS: dict[str, Callable[[], tuple[list[Recording], list[Recording]]]] = {
    "prompt": lambda: (
        state((chat(system("You are a terse assistant.")), TEST)),
        state((chat(system("You are a helpful, verbose assistant.")), f"{TEST} tests/test_c.py::test_d")),
    ),
    "tools": lambda: (
        state((chat("a", tools=[tool("search"), tool("add")]), TEST)),
        state((chat("a", tools=[tool("search"), tool("multiply")]), TEST)),
    ),
    "model": lambda: (
        state((chat("a", model="gpt-4.1"), TEST)),
        state((chat("a", model="gpt-5"), TEST)),
    ),
    "parameter": lambda: (
        state((chat("a", temperature=0), TEST)),
        state((chat("a", temperature=1), TEST)),
    ),
    "answer": lambda: (
        state((chat("a", "It is sunny in Paris.", calls=[call("weather", city="Paris")]), TEST)),
        state((chat("a", "It is rainy in Paris.", calls=[call("weather", city="Rome")]), TEST)),
    ),
    "cost": lambda: (
        state((chat("a", "yes", tokens=(1000, 50)), TEST)),
        state((chat("a", "yes!", tokens=(9000, 2500)), TEST)),
    ),
    "turn": lambda: (
        state((chat(FIRST, "The Danube."), TEST)),
        state((chat(FIRST, "The Danube."), TEST), (chat(SECOND, "2,850 km", at=1001.0), TEST)),
    ),
    "added-and-removed": lambda: (
        state((chat("Name a river."), "tests/test_a.py::test_old")),
        state((chat("Translate “bread” into Hungarian."), "tests/test_a.py::test_new")),
    ),
    "hostile": lambda: (
        named(HOSTILE, chat(HOSTILE, "yes")),
        named(HOSTILE, chat(f"{HOSTILE} more {HOSTILE}", HOSTILE)),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of prices changes."""
    monkeypatch.setattr("addon.accounting.costs._price_of", lambda *_: None)


@pytest.mark.parametrize("kind", KINDS)
def test_golden(kind: str) -> None:
    """Eight kinds of change, and content that wants to be more than text."""
    assert render_markdown(reviewed(*KINDS[kind]())) == (GOLDEN / f"{kind}.md").read_text()


class _Texts(HTMLParser):
    """The elements of a page, and the text that is outside of `pre` and `code`."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.outside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"pre", "code"} & set(self.open):
            self.outside += data


def test_what_recordings_hold_is_text() -> None:
    """No element comes from it, none is closed by it, none of its blocks ends early, and no mention, issue, link or
    Markdown of it is outside of `pre` and `code`, where GitHub looks for them."""
    text = render_markdown(reviewed(*KINDS["hostile"]()), failed=(HOSTILE,))
    page = _Texts()
    page.feed(text)
    page.close()
    assert page.open == []
    assert page.seen <= {"details", "summary", "code", "ul", "li", "b", "p", "pre", "del", "ins"}
    for sign in ("@", "#1", "http", "www", "`", "[x]", "**", "::", "\x1b", "\u202e"):
        assert sign not in page.outside, sign
    for block in text.split("\n\n"):
        assert block.count("<pre>") == block.count("</pre>")
        assert block.count("<details>") == block.count("</details>")
    assert all(char.isprintable() or char == "\n" for char in text)


def many(words: str, count: int) -> Review:
    """The prompt of every test has changed."""
    change = Change(
        What.PROMPT, "request /messages/0/content", hunks=hunks_of(f"old {words} a", f"new {words} b")
    )
    return Review([Block(f"tests/test_{n}.py::test", changes=Counter([change])) for n in range(count)])


@pytest.mark.parametrize("words", ["a prompt", HOSTILE * 20, "\U0001f600" * 3000])
def test_it_fits(words: str) -> None:
    """Of many tests as many as fit are shown, and the rest is counted, whatever the text is made of."""
    text = render_markdown(many(words, 1000))
    assert len(text.encode("utf-16-le")) // 2 <= COMMENT.most == 65_536
    shown = text.count("<summary>") + text.count("(too long to be shown here)")
    assert text.endswith(f"and {1000 - shown} more tests, for which there is no room here\n")
    assert shown > 50
    summary = render_markdown(many(words, 1000), STEP_SUMMARY)
    assert len(summary.encode()) <= STEP_SUMMARY.most == 2**20
    assert summary.count("<summary>") > 500


def test_a_test_that_does_not_fit_is_named() -> None:
    """With the kinds of its changes."""
    old = [{"role": "user", "content": f"{HOSTILE} {n} {'<' * 300}"} for n in range(20)]
    new = [{"role": "user", "content": f"{n} {'>' * 300} {HOSTILE}"} for n in range(20)]
    text = render_markdown(reviewed(state((chat(old), TEST)), state((chat(new), TEST))), Bound(5000, len))
    assert f"<p><code>{TEST}</code>: prompt-change (too long to be shown here)</p>" in text


def test_what_could_not_be_read_is_said() -> None:
    """The first of it."""
    review = reviewed([], [])
    review.notes = [f"{HOSTILE} {n}" for n in range(9)]
    text = render_markdown(review, failed=("--fail-on any: there was 1 change",))
    assert "and 4 more could not be read" in text
    assert "<b>Failed:</b> <code>--fail-on any: there was 1 change</code>" in text
