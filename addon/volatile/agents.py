"""The rules of the profile `agents`: what coding agents put into their requests anew in every run.

`agents.toml` has the rules, each with the agent and the versions in which it was seen. The working directory and
the home directory of a run are path prefixes: `run` knows them, and they are volatile wherever text has them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from addon.volatile.kinds import KINDS
from addon.volatile.rules import Place, Rule
from cache_store.errors import UsageError

__all__ = ["agent_rules", "folder_rules"]

_FILE = Path(__file__).with_name("agents.toml")
_GAP = "⟦…⟧"
# The same in JSON and in an expression.
_PLAIN = re.compile("[0-9A-Za-z _=:',;-]+")
_FOLDERS = ("cwd", "home")
_NO_NAME = re.compile("[^0-9A-Za-z]")


def agent_rules() -> Iterator[Rule]:
    """The rules of `agents.toml`, one for each place."""
    for table in tomllib.loads(_FILE.read_text(encoding="utf-8"))["rule"]:
        pattern = _pattern(table)
        hint = table.get("hint") or max(_PLAIN.findall(table["anchor"]), key=len).strip()
        for pointer in table["pointers"]:
            place = Place("pointer", pointer=tuple(pointer.split("/")[1:]))
            for host in table["hosts"]:
                yield Rule(
                    table["name"],
                    host,
                    table["path"],
                    place,
                    table.get("kind") or table["regex"],
                    table["anchor"],
                    _pattern=pattern,
                    hint=hint,
                    is_noise=table.get("noise", False),
                )


def folder_rules(text: str) -> Iterator[Rule]:
    """The rules of a list such as `cwd=/path,home=/path`. Raises UsageError with a one-line message.

    A path of one segment, such as `/root`, is a word like any other, and has no rule.
    """
    for item in filter(None, map(str.strip, text.split(","))):
        name, _, folder = item.partition("=")
        path = PurePath(folder)
        if name not in _FOLDERS or not path.is_absolute():
            raise UsageError(f"FOLDERS: {item!r} is not cwd=/path or home=/path")
        if len(path.parts) < 3:
            continue
        yield _literal(name, str(path))
        if name == "cwd":
            # Claude Code and others name a project's folder so.
            yield _literal(f"{name}-dashed", _NO_NAME.sub("-", str(path)))


def _literal(name: str, value: str) -> Rule:
    escaped = re.escape(value)
    pattern = re.compile(rf"(?<![0-9A-Za-z_.-]){escaped}(?![0-9A-Za-z_]|[.-][0-9A-Za-z_])")
    words = max(_PLAIN.findall(value), key=len, default="")
    return Rule(name, "*", "*", None, value, hint=words, is_known=True, _pattern=pattern)


def _pattern(table: Mapping[str, Any]) -> re.Pattern[str]:
    before, _, after = table["anchor"].partition(_GAP)
    value = KINDS[table["kind"]].pattern if "kind" in table else table["regex"]
    return re.compile(f"{re.escape(before)}({value}){re.escape(after)}")
