"""Admits entries in our own formats: from packs, exported directories, other caches, buckets and Redis.

They are held to the rules for answers that come from a provider.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from addon.judging.reasons import NotStored
from addon.policy.keeping import imported_entry
from addon.policy.variants import REJECTION_PREFIX
from addon.redaction import Taint
from addon.settings.settings import Settings
from addon.transfer.key_check import UncheckedKey, check_key
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry

__all__ = ["OwnEntries"]

_LABEL_NAMES = ("method", "host", "path", "model")
_MAX_LABEL = 200  # characters, as in labels of live requests


@dataclass(frozen=True, slots=True)
class OwnEntries:
    """The rules of `settings`. With `trust`, entries without a saved request are admitted as well."""

    settings: Settings
    trust: bool = False
    _taint: Taint = field(default_factory=Taint)

    def admit(self, entry: Entry) -> Entry:
        """The entry as it may be stored. Raises EntryError with the reason if it may not be."""
        try:
            check_key(entry)
        except UncheckedKey as error:
            if not self.trust:
                raise UncheckedKey(
                    f"{error}; if you trust its source, use import --trust or pull --trust"
                ) from error
        if _is_rejection_mark(entry):
            return entry
        kept = imported_entry(entry, self.settings, self._taint)
        if isinstance(kept, NotStored):
            raise CorruptEntry(f"its answer would not be stored: {kept}")
        label = {name: kept.label[name][:_MAX_LABEL] for name in _LABEL_NAMES if name in kept.label}
        return replace(kept, label=label)


def _is_rejection_mark(entry: Entry) -> bool:
    """Whether it only notes that a host rejects a credential; it is never served as an answer."""
    return entry.key.startswith(REJECTION_PREFIX) and not (entry.body or entry.headers)
