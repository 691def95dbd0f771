"""Text in Markdown."""

from __future__ import annotations

from addon.report.markdown_text import markdown_text


def test_nothing_in_a_text_is_markup() -> None:
    """Not even across lines."""
    assert markdown_text("a | <b> `c`\n# d & @e") == "a \\| &lt;b&gt; \\`c\\` \\# d &amp; \\@e"
