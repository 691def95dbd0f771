"""Says how many entries of a cache have a key of an earlier version, and are therefore never found."""

from __future__ import annotations

from addon.accounting.figures import plural
from addon.identity.old_keys import is_old
from cache_store.errors import StoreError
from cache_store.store import Store

__all__ = ["old_entries_note"]


def old_entries_note(store: Store) -> str:
    """One line about the entries of `store` that need `rekey`; '' if there are none or it cannot be read."""
    try:
        old = sum(map(is_old, store.keys()))
    except StoreError:
        return ""
    if not old:
        return ""
    were, are = ("was", "is") if old == 1 else ("were", "are")
    return (
        f"{plural(old, 'entry', 'entries')} {were} recorded by an earlier version and {are} never found: "
        "run `provider-proxy rekey`"
    )
