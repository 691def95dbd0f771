"""The exceptions of provider-proxy.

ProviderProxyError                what a user can act on; its text is one line that says what to do
├── UsageError                    wrong setting, flag or argument (exit status 2)
├── StoreError                    the cache as a whole
│   ├── StoreUnavailable          locked, full, read-only or gone; the same call may work later
│   ├── DamagedStore              the database cannot be read; it may be moved aside
│   ├── ForeignStore              not ours, or holds content that we never write: refused, nothing read or removed
│   └── NewerStore                written by a newer provider-proxy
├── TransferError                 a pack, file or bucket that cannot be read or written; nothing was merged
└── EntryError                    one entry
    ├── CorruptEntry              its bytes do not add up
    └── UnknownSchema             its schema version is not known here
"""

__all__ = [
    "CorruptEntry",
    "DamagedStore",
    "EntryError",
    "ForeignStore",
    "NewerStore",
    "ProviderProxyError",
    "StoreError",
    "StoreUnavailable",
    "TransferError",
    "UnknownSchema",
    "UsageError",
]


class ProviderProxyError(Exception):
    """Something that a user can act on; its text is one line."""


class UsageError(ProviderProxyError):
    """A setting, flag or argument that cannot be used."""


class StoreError(ProviderProxyError):
    """The cache as a whole cannot be used."""


class StoreUnavailable(StoreError):
    """The cache cannot be read or written right now (locked, full, read-only, gone)."""


class DamagedStore(StoreError):
    """The database file is damaged; moved aside, an empty one can take its place."""


class ForeignStore(StoreError):
    """The directory holds content that provider-proxy never writes; it is refused unread."""


class NewerStore(StoreError):
    """The directory was written by a newer provider-proxy."""


class TransferError(ProviderProxyError):
    """A pack, a file or a bucket cannot be read or written; nothing of it was merged."""


class EntryError(ProviderProxyError):
    """One entry cannot be used; to a lookup it is a miss."""


class CorruptEntry(EntryError):
    """An entry's bytes do not add up."""


class UnknownSchema(EntryError):
    """An entry's schema version is not known to this version."""
