"""Redis connections that stop reading an answer that is longer than anything that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cache_store.errors import StoreUnavailable

if TYPE_CHECKING:
    from redis.connection import ConnectionPool

__all__ = ["bound_answers"]


def bound_answers(pool: ConnectionPool, limit: int) -> None:
    """Make every connection of `pool` refuse an answer of more than `limit` bytes."""
    base: Any = pool.connection_class

    class Bounded(base):  # type: ignore[misc]  # one of redis-py's connection classes
        def _connect(self) -> Any:
            return _BoundedSocket(super()._connect(), limit)

    pool.connection_class = Bounded


class _BoundedSocket:
    """Counts the bytes that are received since something was last sent."""

    def __init__(self, inner: Any, limit: int) -> None:
        self._inner = inner
        self._limit = limit
        self._left = limit

    def sendall(self, data: bytes) -> None:
        """Send `data`; what is received next is the answer to it."""
        self._left = self._limit
        self._inner.sendall(data)

    def recv(self, size: int) -> bytes:
        """Receive at most `size` bytes. Raises StoreUnavailable past the limit."""
        data: bytes = self._inner.recv(size)
        self._left -= len(data)
        if self._left < 0:
            raise StoreUnavailable("the second tier's answer is longer than any entry")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
