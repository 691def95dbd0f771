"""Where raw settings come from: flag beats environment beats file beats default."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from addon.settings.settings import SETTINGS, check_names, unknown_name
from cache_store.errors import UsageError

__all__ = ["raw_settings", "settings_of_process"]

_FILE = "provider-proxy.toml"
_TABLES = {
    "volatile": "volatile_rules",
    "fault": "faults",
}  # arrays of tables, and the setting that holds them


def raw_settings(
    environ: Mapping[str, str], folder: Path, flags: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Text by setting name: from `flags`, else `environ`, else the file in `folder`.

    Raises UsageError for an unknown name and for a file that does not parse.
    """
    check_names(environ)
    raw = _from_file(folder)
    for setting in SETTINGS:
        if environ.get(setting.variable, "").strip():
            raw[setting.name] = environ[setting.variable]
    raw.update({name: value for name, value in (flags or {}).items() if value is not None})
    return raw


def settings_of_process() -> dict[str, str]:
    """Text by setting name, from this process's environment and the file in its working directory."""
    return raw_settings(os.environ, Path.cwd())


def _from_file(folder: Path) -> dict[str, str]:
    own = folder / _FILE
    if own.is_file():
        return _texts(_load(own), own)
    project = folder / "pyproject.toml"
    if project.is_file():
        tool = _load(project).get("tool")
        return _texts(tool.get("provider-proxy", {}) if isinstance(tool, dict) else {}, project)
    return {}


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _texts(table: object, path: Path) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: tool.provider-proxy is not a table; write [tool.provider-proxy]")
    known = [setting.name for setting in SETTINGS]
    texts = {}
    for name, value in table.items():
        plain = name.replace("-", "_")
        if plain in _TABLES and isinstance(value, list) and all(isinstance(item, dict) for item in value):
            texts[_TABLES[plain]] = json.dumps(value, default=str)
            continue
        if plain not in known:
            raise UsageError(f"{path}: {unknown_name(name, known)}")
        texts[plain] = _text(value)
    return texts


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value)
