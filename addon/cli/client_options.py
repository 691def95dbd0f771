"""The flags of `run`, `ci` and `env` that say what a command is given besides the proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from addon.settings.settings import Settings
from cache_store.errors import UsageError

__all__ = ["Given", "base_urls_option", "dummy_keys_option", "enclosed_options", "keys_to_set"]


@dataclass(frozen=True)
class Given:
    """What a command is given: `keys` are more variables. `local_ports` are those of this machine that an enclosed
    command may use.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    base_urls: bool = False
    enclosed: bool = False
    local_ports: tuple[int, ...] = ()


def dummy_keys_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --dummy-keys to a command."""
    meaning = "In read-only-require-hit, set API keys that are missing."
    decorated: Callable[..., Any] = click.option("--dummy-keys", is_flag=True, help=meaning)(command)
    return decorated


def base_urls_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --base-urls to a command."""
    about = "Set the base URLs of SDKs too, for clients that ignore HTTPS_PROXY."
    decorated: Callable[..., Any] = click.option("--base-urls", is_flag=True, help=about)(command)
    return decorated


def enclosed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --enclosed and --allow-local to a command."""
    port = click.IntRange(1, 65535)
    about = "Port of 127.0.0.1 that the enclosed command may use, such as a database's."
    command = click.option("--allow-local", multiple=True, type=port, metavar="PORT", help=about)(command)
    about = "Let the command reach nothing but the proxy, and name what it tried (Linux)."
    decorated: Callable[..., Any] = click.option("--enclosed", is_flag=True, help=about)(command)
    return decorated


def keys_to_set(environ: Mapping[str, str], settings: Settings, *, wanted: bool) -> dict[str, str]:
    """The dummy keys for those that are missing. Raises UsageError in a mode in which a provider would see them."""
    from addon.environment.dummy_keys import dummy_keys

    if wanted and settings.cache_mode.forwards:
        raise UsageError("--dummy-keys needs --mode read-only-require-hit; a provider refuses dummy keys")
    return dummy_keys(environ) if wanted else {}
