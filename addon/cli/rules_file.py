"""Adds tables of volatile rules to the file that holds the settings, and keeps what is there."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from addon.learning.toml_tables import HEADER
from cache_store.atomic_file import replace_file
from cache_store.errors import UsageError

__all__ = ["RulesFile", "add_tables", "check_rules_file", "rules_file"]

_VARIABLE = "PROVIDER_PROXY_VOLATILE_RULES"
_OWN, _PROJECT = "provider-proxy.toml", "pyproject.toml"


class RulesFile(NamedTuple):
    """The file of the settings, and the header of a rule's table in it."""

    path: Path
    header: str


def rules_file(folder: Path) -> RulesFile:
    """Where rules are written for commands that run in `folder`: where the settings are read from.

    Raises UsageError for a file that cannot be read.
    """
    own, project = folder / _OWN, folder / _PROJECT
    if not own.is_file() and project.is_file():
        tool = _load(project).get("tool")
        if isinstance(tool, dict) and "provider-proxy" in tool:
            return RulesFile(project.resolve(), "[[tool.provider-proxy.volatile]]")
    return RulesFile(own.resolve(), HEADER)


def check_rules_file(file: RulesFile) -> None:
    """Raise UsageError if no table can be added to the file."""
    if os.environ.get(_VARIABLE, "").strip():
        raise UsageError(f"{_VARIABLE} would hide the rules in {file.path.name}; unset it")
    text = _text(file.path)
    try:
        tomllib.loads(f'{text.rstrip()}\n\n{file.header}\nname = "x"\n')
    except ValueError as error:
        raise UsageError(
            f"{file.path} has no place for {file.header} tables ({error}); if `volatile` is set there, move that "
            "to PROVIDER_PROXY_VOLATILE, or add the rules by hand"
        ) from error
    if not os.access(file.path if file.path.exists() else file.path.parent, os.W_OK):
        raise UsageError(f"{file.path} cannot be written; leave out --write, and add the rules by hand")


def add_tables(file: RulesFile, tables: str) -> None:
    """Append `tables` in one step. Raises UsageError, with the file as it was, if that cannot be done."""
    before = _text(file.path)
    text = f"{before.rstrip()}\n\n{tables}" if before.strip() else tables
    try:
        tomllib.loads(text)
        mode = file.path.stat().st_mode & 0o777 if file.path.exists() else 0o644
        replace_file(file.path, text.encode(), mode)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file.path} cannot be written: {error}; add the rules by hand") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
