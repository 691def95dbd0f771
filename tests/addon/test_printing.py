"""What is printed cannot act on a terminal or on a CI runner."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.printing import json_text, printable, printable_lines


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        ("GET api.openai.com/v1/chat", "GET api.openai.com/v1/chat"),
        ("日本語\u3000é 👩\u200d🚀\tx\xa0y", "日本語\u3000é 👩\u200d🚀\tx\xa0y"),
        ("a\nb\r\nc", r"a\nb\r\nc"),
        ("\x1b[31mred\x9b0m\x7f\x00", r"\x1b[31mred\x9b0m\x7f\x00"),
        ("\x85\u2028\u2029", r"\x85\u2028\u2029"),
        ("\u202eabc\u2066\u200f\ufeff", r"\u202eabc\u2066\u200f\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("::error::x", r"\x3a:error::x"),
        (" \t\u3000::set-env name=X::y", " \t\u3000\\x3a:set-env name=X::y"),
        ("std::vector and a::b", "std::vector and a::b"),
        ("x ##[error]y", r"x \x23#[error]y"),
        ("##vso[task.setvariable]", r"\x23#vso[task.setvariable]"),
        ("##teamcity[x] ##TeamCity[", r"\x23#teamcity[x] \x23#TeamCity["),
        ("###[debug]", r"#\x23#[debug]"),
        ("## A heading", "## A heading"),
    ],
)
def test_a_line_is_made_harmless(line: str, safe: str) -> None:
    """Controls, line ends, bidi controls, lone surrogates and runner commands are escaped; ordinary text stays."""
    assert printable(line) == safe


@given(st.text(st.characters(), max_size=40))
def test_no_line_acts(line: str) -> None:
    """Whatever comes in, one line comes out that is safe, can be encoded, and stays as it is when escaped again."""
    safe = printable(line)
    safe.encode("utf-8")
    assert len(safe.splitlines()) <= 1
    assert {unicodedata.category(char) for char in safe if char != "\t"}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert not safe.lstrip().startswith("::")
    assert "##[" not in safe
    assert printable(safe) == safe


def test_lines_are_escaped_one_by_one() -> None:
    """Only `\\n` ends a line; a command at the start of any line is escaped."""
    assert printable_lines("a\n::error::b\r\n") == "a\n\\x3a:error::b\\r\n"


@given(st.dictionaries(st.text(st.characters(), max_size=10), st.text(st.characters(), max_size=20)))
def test_json_is_harmless_and_means_the_same(value: dict[str, str]) -> None:
    """JSON parses to the same value, and none of its lines needs any escaping."""
    text = json_text(value)
    assert json.loads(text) == value
    assert printable_lines(text) == text
    assert json.loads(json_text(value, ascii_only=True)) == value


def test_json_escapes_a_command() -> None:
    """A runner's command inside a string is escaped in JSON's own way."""
    assert json_text(["##[error]\x7f\u202e"]) == '[\n  "\\u0023#[error]\\u007f\\u202e"\n]'
