"""Says what proposed rules do to the requests of a take: their keys, and which of them would meet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from addon.identity import IdentityRules, identify
from addon.identity.keying import entry_under, rebind_saved, resave
from addon.identity.saved_form import key_of
from addon.identity.volatile_form import unbind_saved
from addon.learning.asked import Asked
from addon.policy.variants import REJECTION_PREFIX, RepeatCounter, key_of_test, nth_key, split_key
from addon.volatile.binding import Binding
from cache_store.entry import Entry
from cache_store.errors import EntryError

__all__ = ["Keyed", "carried", "keyed", "meeting", "plain_saved"]


class Keyed(NamedTuple):
    """A request under a set of rules: the key of its entry, its saved form and its volatile values."""

    asked: Asked
    key: str
    request_json: bytes
    bindings: tuple[Binding, ...]


def keyed(take: Iterable[Asked], rules: IdentityRules) -> list[Keyed]:
    """The requests of one take under `rules`, equal ones numbered as the run numbers them."""
    numbers = RepeatCounter()
    found = []
    for asked in take:
        if asked.request is not None:
            identity = identify(asked.request, rules)
            key, saved, bindings = identity.key, identity.request_json, identity.bindings
        else:
            saved, bindings = rebind_saved(resave(asked.saved, rules), rules)
            key = key_of(saved) + asked.suffix
        if asked.repeat == "per-test" and asked.counter:
            key = key_of_test(key, asked.test)
        if asked.repeat in ("sequence", "per-test") and (asked.counter or asked.repeat == "sequence"):
            key = nth_key(key, numbers.next(key + asked.counter))
        found.append(Keyed(asked, key, saved, bindings))
    return found


def meeting(take: Iterable[Asked], before: IdentityRules, after: IdentityRules) -> list[tuple[Asked, Asked]]:
    """Two requests of the take for each key under `after` that several keys under `before` would share."""
    take = list(take)
    first: dict[str, Keyed] = {}
    found: dict[str, tuple[Asked, Asked]] = {}
    for old, new in zip(keyed(take, before), keyed(take, after), strict=True):
        there = first.setdefault(new.key, old)
        if there.key != old.key:
            found.setdefault(new.key, (there.asked, old.asked))
    return list(found.values())


def plain_saved(entry: Entry) -> bytes | None:
    """The saved request of a recording, without volatile rules; None if it is not known."""
    if entry.request_json == b"{}" or entry.key.startswith(REJECTION_PREFIX):
        return None
    try:
        return unbind_saved(entry.request_json, entry.bindings)
    except EntryError:
        return None


def carried(entry: Entry, one: Keyed, rules: IdentityRules) -> Entry:
    """The recording that answered a request, under `rules`. Where that cannot be told it stays as it is."""
    if entry.key.startswith(REJECTION_PREFIX):
        return entry
    # A hit under rules of before was recorded with other values.
    if [tuple(each) for each in one.asked.bindings] == [tuple(each) for each in entry.bindings]:
        saved = one.request_json if entry.request_json != b"{}" else entry.request_json
        return replace(entry, key=one.key, request_json=saved, bindings=one.bindings)
    try:
        moved = entry_under(entry, rules)
    except EntryError:
        return entry
    return replace(moved, key=one.key) if key_of(moved.request_json) == split_key(one.key)[0] else entry
