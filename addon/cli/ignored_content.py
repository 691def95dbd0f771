"""Guards a start against ignore rules that give one test the answer of another."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import click

from addon.accounting.figures import plural
from addon.cli.keys import short_key
from addon.cli.output import say
from addon.identity import IdentityRules
from addon.identity.keying import resave
from addon.identity.rules import Pointer
from addon.identity.saved_form import key_of
from addon.settings.settings import Settings
from cache_store.errors import EntryError, StoreError, UsageError

__all__ = ["check_ignored_content", "covers_content", "force_option"]

_CONTENT = frozenset({
    "messages", "input", "contents", "system", "instructions", "prompt", "systemInstruction", "system_instruction",
    "tools", "documents", "query", "text", "texts", "inputText", "inputs", "*",
})  # fmt: skip
_ID = re.compile(r".*(id|ids|uuid|create_time|timestamp|cache_control)", re.IGNORECASE)
_NAMED = 3


def force_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --force to a command that starts a proxy."""
    meaning = "Start even if ignored fields make recorded requests equal whose answers differ."
    decorated: Callable[..., Any] = click.option("--force", is_flag=True, help=meaning)(command)
    return decorated


def covers_content(pointer: Pointer) -> bool:
    """Whether an ignored field holds what a request asks: a message, a prompt, a tool. The ids in them do not."""
    return pointer[0] in _CONTENT and (len(pointer) < 2 or _ID.fullmatch(pointer[-1]) is None)


def check_ignored_content(settings: Settings, *, force: bool) -> None:
    """Warn of ignore rules that cover content.

    Raises UsageError if recorded requests with different answers would become equal, unless `force` is set.
    """
    pointers = [pointer for pointer in settings.identity.ignore_fields if covers_content(pointer)]
    if not pointers:
        return
    fields = ", ".join("/" + "/".join(pointer) for pointer in pointers)
    setting = f"PROVIDER_PROXY_IGNORE_FIELDS={fields}"
    meeting = _meeting(settings, IdentityRules(ignore_fields=tuple(pointers)))
    if meeting and not force:
        named = "; ".join(" and ".join(keys[:_NAMED]) for keys in meeting[:_NAMED])
        raise UsageError(
            f"{setting} would make recorded requests equal whose answers differ: {named}"
            f"{', …' if len(meeting) > _NAMED else ''}. Use a fixed value in the test instead, or give --force"
        )
    equal = (
        f" ({plural(len(meeting), 'group')} of recorded requests with different answers)" if meeting else ""
    )
    say(
        f"provider-proxy: warning: {setting} leaves out what requests ask: those that differ only there get the "
        f"same answer{equal}",
        err=True,
    )


def _meeting(settings: Settings, rules: IdentityRules) -> list[list[str]]:
    """Short keys of the recorded requests that are equal under `rules`, by group, if their answers differ."""
    from addon.settings.stores import open_store

    if settings.cache_dir is None or not settings.cache_dir.exists():
        return []
    groups: dict[str, dict[str, bytes]] = {}
    store = open_store(settings).local
    try:
        store.open()
        for entry in store.iterate():
            if entry.request_json != b"{}" and "." not in entry.key:
                try:
                    key = key_of(resave(entry.request_json, rules))
                except EntryError:
                    continue
                groups.setdefault(key, {})[entry.key] = sha256(entry.body).digest()
    except StoreError:
        return []  # the start says what is wrong with the cache
    finally:
        store.close()
    return [list(map(short_key, answers)) for answers in groups.values() if len(set(answers.values())) > 1]
