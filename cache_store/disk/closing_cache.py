"""diskcache's `Cache`, which keeps a connection for each thread, with an end to each; what is removed is gone."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from diskcache import Cache

__all__ = ["ClosingCache"]


class ClosingCache(Cache):  # type: ignore[misc]  # diskcache ships no types
    """diskcache's, whose connections are closed when the threads end that made them.

    What is removed is overwritten: whoever removes an entry with a secret in it uploads the database next.
    """

    @property
    def _con(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._con
        closing = getattr(self._local, "closing", None)
        if closing is None or closing.connection is not connection:
            self._local.closing = _Closing(connection)
            # Debian builds SQLite so that this is the default; most others do not.
            connection.execute("PRAGMA secure_delete = ON")
        return connection


class _Closing:
    """Lives in a thread's own variables, and ends with them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        with suppress(sqlite3.Error):  # in another thread than its own it cannot be closed
            self.connection.close()
