"""The exceptions of provider-proxy."""

import os
import shlex

__all__ = [
    "CorruptEntry",
    "DamagedStore",
    "EntryError",
    "ForeignStore",
    "LongEntry",
    "MissingExtra",
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


class MissingExtra(UsageError):
    """Something needs an extra that is not installed; says how this installation gets it."""

    def __init__(self, what: str, extra: str) -> None:
        wrapper = os.environ.get("RUN_PROXY_SH")  # set by run-proxy.sh, which can add extras
        how = f"install provider-proxy[{extra}] in its place"
        if wrapper:
            how = f"run `{shlex.quote(wrapper)} extras {extra}`"
        super().__init__(f"{what} the extra {extra}; {how}")


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


class LongEntry(ProviderProxyError):
    """An entry lies in a file of its own: reading it takes so long that others should not wait for it."""


class EntryError(ProviderProxyError):
    """One entry cannot be used; a look-up treats it as a miss."""


class CorruptEntry(EntryError):
    """An entry's bytes do not add up."""


class UnknownSchema(EntryError):
    """This version does not know an entry's schema version."""
