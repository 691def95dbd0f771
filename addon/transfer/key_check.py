"""Whether an entry from elsewhere lies under the key of its own request."""

from __future__ import annotations

from addon.identity import CacheControl, IdentityRules, key_of_saved
from addon.identity.old_keys import is_old, old_key_of_saved
from addon.policy.variants import CREDENTIAL_STATUSES
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry

__all__ = ["check_key"]

# Whatever rules it was recorded under, a saved request shows what they left. `exact` takes nothing more out of it.
_RULES = IdentityRules(cache_control=CacheControl.EXACT)


def check_key(entry: Entry) -> None:
    """Raises CorruptEntry where the saved request has another key: served, it would answer another question.

    The 401 and 403 of one credential lie apart under a digest of it, and an entry without a saved request says
    nothing; both are let pass.
    """
    if not entry.key.startswith("pp"):
        raise CorruptEntry("its key is not one of ours")
    if entry.request_json == b"{}" or entry.status in CREDENTIAL_STATUSES:
        return
    key, _, nth = entry.key.partition(".")
    saved = entry.request_json
    expected = old_key_of_saved(saved) if is_old(key) else key_of_saved(saved, _RULES)
    if (nth and not nth.isdecimal()) or expected != key:
        raise CorruptEntry("its key does not match its saved request")
