"""The flags of `run` and `ci` that say what a command is given besides the proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from addon.settings.settings import Settings
from cache_store.errors import UsageError

__all__ = ["dummy_keys_option", "keys_to_set"]


def dummy_keys_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dummy-keys to a command."""
    meaning = "In read-only-require-hit, set API keys that are missing."
    decorated: Callable[..., Any] = click.option("--dummy-keys", is_flag=True, help=meaning)(command)
    return decorated


def keys_to_set(environ: Mapping[str, str], settings: Settings, *, wanted: bool) -> dict[str, str]:
    """The dummy keys for those that are missing. Raises UsageError in a mode in which a provider would see them."""
    from addon.environment.dummy_keys import dummy_keys

    if wanted and settings.cache_mode.forwards:
        raise UsageError("--dummy-keys needs --mode read-only-require-hit; a provider refuses dummy keys")
    return dummy_keys(environ) if wanted else {}
