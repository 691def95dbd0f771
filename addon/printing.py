"""Makes text safe to print: on a terminal, in a CI log, in a report."""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import Any

__all__ = ["json_text", "printable", "printable_lines", "program"]

# Not printable by `str.isprintable`, and harmless: a tab, the no-break and the ideographic space, and the joiners
# that emoji and several scripts need.
_HARMLESS = frozenset("\t\xa0\u3000\u200c\u200d")
# GitHub reads `::command` at a line's start, after white space too, and `##[command` anywhere in a line
# (ActionCommand.cs in actions/runner); Azure Pipelines reads `##vso[`, and TeamCity reads `##teamcity[`.
_COMMAND_AT_START = re.compile(r"^(\s*):(?=:)")
_COMMAND_ANYWHERE = re.compile(r"#(?=#(?:vso|teamcity)?\[)", re.IGNORECASE)


def program() -> str:
    """The command as this user typed it: `run-proxy.sh` leaves its own name in RUN_PROXY_SH."""
    return shlex.quote(os.environ.get("RUN_PROXY_SH") or "provider-proxy")


def printable(line: str) -> str:
    """Make one line harmless to a terminal and to a CI runner. Unsafe characters become escapes such as `\\x1b`.

    These are control characters (line ends included, so that one line stays one line), bidirectional controls and
    other invisible characters, lone surrogates, and the first character of a runner's command.
    """
    if not line.isprintable():
        line = "".join(char if char.isprintable() or char in _HARMLESS else repr(char)[1:-1] for char in line)
    line = _COMMAND_AT_START.sub(r"\1\\x3a", line)
    return _COMMAND_ANYWHERE.sub(r"\\x23", line)


def printable_lines(text: str) -> str:
    """Make each line of `text` printable; only `\\n` ends a line."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, *, ascii_only: bool = False) -> str:
    """Write `value` as indented JSON whose lines are printable and which parses to the same value."""
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only).replace("\x7f", "\\u007f")
    lines = (line if line.isprintable() else "".join(map(_json_escape, line)) for line in text.split("\n"))
    return _COMMAND_ANYWHERE.sub(r"\\u0023", "\n".join(lines))


def _json_escape(char: str) -> str:
    return char if char.isprintable() or char in _HARMLESS else json.dumps(char)[1:-1]
