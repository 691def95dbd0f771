"""The exceptions of provider-proxy."""

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
    """An error that a user can act on; its text is one line that says what to do."""


class UsageError(ProviderProxyError):
    """A setting, flag or argument that cannot be used; the exit status is 2."""


class StoreError(ProviderProxyError):
    """The cache as a whole cannot be used."""


class StoreUnavailable(StoreError):
    """The cache is locked, full, read-only or gone; the same call may work later."""


class DamagedStore(StoreError):
    """The database file is damaged; moved aside, an empty one can take its place."""


class ForeignStore(StoreError):
    """The directory holds content that provider-proxy never writes; it is refused unread."""


class NewerStore(StoreError):
    """The directory was written by a newer provider-proxy."""


class TransferError(ProviderProxyError):
    """A pack, a file or a bucket cannot be read or written."""


class EntryError(ProviderProxyError):
    """One entry cannot be used; a look-up treats it as a miss."""


class CorruptEntry(EntryError):
    """An entry's bytes do not add up."""


class UnknownSchema(EntryError):
    """This version does not know an entry's schema version."""
