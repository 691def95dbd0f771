"""Writes proposed rules as TOML, each with a comment on how it came about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from addon.learning.comparing import Change, place_name
from addon.learning.proposing import Proposal
from addon.printing import printable
from addon.redaction.redact import redact_text

__all__ = ["HEADER", "described", "toml_tables"]

HEADER = "[[volatile]]"
_NAMED = 3
_SHOWN = 48


def toml_tables(
    proposals: Iterable[Proposal], header: str = HEADER, shown: Callable[[str], str] = lambda test: test
) -> str:
    """The tables under `header`. `shown` gives the name of a test as it may be written."""
    return "\n".join(_table(proposal, header, shown) for proposal in proposals)


def described(change: Change) -> str:
    """Where a value changed, and both values, if they may be shown."""
    return printable(redact_text(f"{change.host}{change.path} {place_name(change.place)}: {_values(change)}"))


def _table(proposal: Proposal, header: str, shown: Callable[[str], str]) -> str:
    tests = list(dict.fromkeys(change.test for change in proposal.changes if change.test))
    times = f"{len(proposal.changes)} times" if len(proposal.changes) > 1 else "once"
    more = f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else ""
    where = f", in {', '.join(shown(test) for test in tests[:_NAMED])}{more}" if tests else ""
    evidence = f"# Seen {times}{where}: {_values(proposal.changes[0])}"
    lines = [header, printable(redact_text(evidence))]
    lines += [f"{name} = {_text(value)}" for name, value in proposal.members.items()]
    return "\n".join(lines) + "\n"


def _values(change: Change) -> str:
    if change.place.where == "header":
        return "values of a header are not shown"
    old, new = (_quoted(value) for value in (change.old, change.new))
    return f"{old} in both takes" if old == new else f"{old} in take 1, {new} in take 2"


def _quoted(value: str) -> str:
    return json.dumps(value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…", ensure_ascii=False)


def _text(value: str) -> str:
    """`value` as a basic string of TOML 1.0. A regular expression is easier to read as a literal string."""
    if "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
