"""Turns as text."""

from __future__ import annotations

from addon.page.as_text import text_of_turns
from addon.page.blocks import Part, Turn


def test_turns_as_text() -> None:
    """Each under its role; control characters are escaped, and a long one is cut."""
    parts = [
        Part("text", "hi\x1b[31m"),
        Part("call", "{}", "f"),
        Part("result", "r", "f"),
        Part("thinking", "hm"),
        Part("image", media_type="image/png"),
    ]
    assert text_of_turns([Turn("user", parts), Turn("assistant", [Part("error", "no")])]) == (
        "user\nhi\\x1b[31m\n-> f({})\n<- f r\n[thinking] hm\n[image image/png]\n\nassistant\nno"
    )
    assert text_of_turns([Turn("user", [Part("text", "x" * 2_000_000)])]).endswith("more characters")
