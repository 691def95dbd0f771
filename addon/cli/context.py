"""The parts that commands share: settings from flags, environment and file, and the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from addon.settings.configuration import raw_settings
from addon.settings.settings import SETTINGS, Settings
from cache_store.errors import UsageError
from cache_store.store import Store

if TYPE_CHECKING:
    from addon.host.host import Host
    from addon.host.options import HostOptions

__all__ = [
    "PROXY_FLAGS",
    "cache_options",
    "fault_option",
    "how_to_record",
    "make_host",
    "open_cache_untouched",
    "open_store_for_reading",
    "open_store_for_writing",
    "proxy_options",
    "raw_from_flags",
    "read_settings",
    "recorded_cache",
]

_MEANINGS = {setting.name: setting.meaning for setting in SETTINGS}


# The flags of commands that start a proxy, by setting.
PROXY_FLAGS = {
    "cache_mode": "--mode",
    "cache_dir": "--cache-dir",
    "hosts": "--hosts",
    "listen": "--listen",
    "max_live": "--max-live",
    "max_usd": "--max-usd",
    "workers": "--workers",
}


def _flag(setting: str) -> Callable[[Any], Any]:
    meaning = _MEANINGS[setting].replace("`", "")
    flag: Callable[[Any], Any] = click.option(PROXY_FLAGS[setting], setting, metavar="TEXT", help=meaning)
    return flag


def _faults(_ctx: click.Context, _param: click.Parameter, flags: tuple[str, ...]) -> str | None:
    if not flags:
        return None
    from addon.faults.rules import text_of_flags

    return text_of_flags(flags)


fault_option = click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_faults,
    metavar="KIND[,NAME=VALUE…]",
    help="Inject faults by a rule, such as rate-limit,nth=1; may be given more than once.",
)


def proxy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command that starts a proxy with its flags."""
    for setting in reversed(PROXY_FLAGS):
        command = _flag(setting)(command)
    return command


def cache_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command that reads a cache with its flag."""
    decorated: Callable[..., Any] = _flag("cache_dir")(command)
    return decorated


def raw_from_flags(**flags: str | None) -> dict[str, str]:
    """Settings as text: from flags, else the environment, else the file in the working directory."""
    return raw_settings(os.environ, Path.cwd(), flags)


def read_settings(**flags: str | None) -> Settings:
    """Settings from flags, environment and file, parsed."""
    return Settings.parse(raw_from_flags(**flags))


def open_store_for_reading(cache_dir: str | None = None) -> AbstractContextManager[Store]:
    """The store that the settings name. Raises UsageError if it does not exist."""
    return _opened(cache_dir, must_exist=True)


def open_store_for_writing(cache_dir: str | None = None) -> AbstractContextManager[Store]:
    """The store that the settings name, made if it does not exist."""
    return _opened(cache_dir, must_exist=False)


@contextmanager
def open_cache_untouched(cache_dir: str | None = None) -> Iterator[Store]:
    """The cache directory that the settings name, of which not a byte is written. Raises UsageError without one."""
    from cache_store.disk.disk_store import DiskStore

    store = DiskStore(recorded_cache(read_settings(cache_dir=cache_dir)), read_only=True)
    store.open()
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _opened(cache_dir: str | None, *, must_exist: bool) -> Iterator[Store]:
    from addon.settings.stores import open_store

    settings = read_settings(cache_dir=cache_dir)
    if must_exist:
        recorded_cache(settings)
    else:
        _directory(settings)
    store = open_store(settings)
    store.local.open()  # a shared tier is opened only by what needs it
    try:
        yield store
    finally:
        store.close()


def recorded_cache(settings: Settings) -> Path:
    """The directory of the cache that the settings name. Raises UsageError if there is none."""
    directory = _directory(settings)
    if not directory.exists():
        raise UsageError(f"there is no cache at {directory}; record one, or set PROVIDER_PROXY_CACHE_DIR")
    return directory


def _directory(settings: Settings) -> Path:
    if settings.cache_dir is None:
        raise UsageError("PROVIDER_PROXY_CACHE_DIR=:memory: keeps nothing on disk; set it to a directory")
    return settings.cache_dir


def how_to_record(mode: str | None) -> str:
    """Tell how to record what is missing. `mode` is the value of --mode, which beats the environment, or None."""
    from addon.diagnosis.remedies import RERECORD

    return f"run again with --mode read-old-write-new instead of --mode {mode}" if mode else RERECORD


def make_host(options: HostOptions) -> Host:
    """The proxy of this process; it starts the other workers if `options` ask for several."""
    from addon.host.host import Host

    host = Host(options)
    if options.workers > 1:
        from addon.workers.primary import Primary

        host.peers = Primary(host.cache, options)
    return host
