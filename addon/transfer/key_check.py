"""Checks that an entry from elsewhere lies under the key of its own request."""

from __future__ import annotations

import re

from addon.identity import CacheControl, IdentityRules, key_of_saved
from addon.identity.old_keys import is_old, old_key_of_saved
from addon.identity.unknown_headers import plain_key
from addon.policy.variants import CREDENTIAL_STATUSES, REJECTION_PREFIX, split_key
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError

__all__ = ["UncheckedKey", "check_key"]

# A saved request shows what the rules left that it was recorded under. `exact` removes nothing more from it.
_RULES = IdentityRules(cache_control=CacheControl.EXACT)

# Of a test, and of the n-th equal request.
_SUFFIX = re.compile(r"(@[0-9a-f]{32})?(\.[0-9]+)?")
_STAND_IN = re.compile("⟦[a-z0-9-]{1,40}#([0-9]{1,4})⟧".encode())


class UncheckedKey(EntryError):
    """Nothing says which request an entry answers: its request was not saved."""


def check_key(entry: Entry) -> None:
    """Raise CorruptEntry if the entry lies under another request's key, and so would answer another question.

    The key of a 401 or 403 depends on a credential that is not saved. Such keys look different, and a request finds
    one only with that very credential. Raises UncheckedKey if the request was not saved.
    """
    key, suffix = split_key(entry.key)
    if not key.startswith("pp"):
        raise CorruptEntry("its key is not one of ours")
    is_rejection = entry.status in CREDENTIAL_STATUSES
    if not is_old(key) and key.startswith(REJECTION_PREFIX) != is_rejection:
        raise CorruptEntry(f"its key does not fit its status {entry.status}")
    if is_rejection:
        return
    saved = entry.request_json
    if saved == b"{}":
        raise UncheckedKey("its request is not saved, so its key cannot be checked")
    expected = old_key_of_saved(saved) if is_old(key) else key_of_saved(saved, _RULES)
    if not _SUFFIX.fullmatch(suffix) or expected != plain_key(key):
        raise CorruptEntry("its key does not match its saved request")
    if {int(n) for n in _STAND_IN.findall(saved)} - {n for _, n, _ in entry.bindings}:
        raise CorruptEntry("it lacks the volatile values of its request, so its answer cannot be adapted")
