"""Escapes text for Markdown."""

from __future__ import annotations

import re
from html import escape

from addon.printing import printable

__all__ = ["markdown_text"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@:$^-])")


def markdown_text(text: str) -> str:
    """`text` in one line, escaped so that no part of it is markup, a link, a mention or the end of a cell."""
    return escape(_SPECIAL.sub(r"\\\1", printable(" ".join(text.split()))), quote=False)
