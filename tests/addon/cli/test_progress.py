"""How far a long command is."""

from __future__ import annotations

import io
import sys

import pytest

from addon.cli import progress as module
from addon.cli.progress import progress


def test_captured_output_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short command says nothing; a long one says how much is done, on stderr."""
    with progress() as shown:
        shown.counter("entries checked")(5)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(module, "_SECONDS", 0.0)
    with progress() as shown:
        assert list(shown.over("ab", "entries checked")) == ["a", "b"]
        shown.counter("fetched", is_bytes=True)(2_500_000)
        shown.counter("entries checked")(1234)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "1 entries checked so far",
        "2 entries checked so far",
        "2.5 MB fetched so far",
        "1,236 entries checked so far",
    ]


def test_a_terminal_shows_it_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several counts have a line each, which are gone at the end."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress() as shown:
        shown.counter("entries checked")(5)
        shown.counter("fetched", is_bytes=True)(2_500_000)
        shown.counter("entries checked")(5)
    assert "10 entries checked" in terminal.getvalue()
    assert "2.5 MB fetched" in terminal.getvalue()
