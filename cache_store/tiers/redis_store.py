"""Entries in Redis or Valkey, shared by many machines.

Values are an entry's own bytes, with its checksum; nothing is pickled. No call waits longer than WAIT for the
server at any one step, none is retried, and no message holds the URL, which may hold a password.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, StoreUnavailable, UsageError
from cache_store.store import Store, StoreStats

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["PREFIX", "WAIT", "RedisStore", "parse_redis_url"]

PREFIX = "provider-proxy:1:"
"""Before every key of ours; nothing else in the database is read or removed."""

WAIT = 0.45
"""Seconds to connect, and to wait for each piece of an answer."""

_MOST = 256 * 2**20  # bytes of one value
_BATCH = 1000
_TRIES = 3
_SCHEMES = ("redis", "rediss", "unix")


class RedisStore:
    """Entries under PREFIX in the database that `url` names (`rediss://` is TLS).

    Making one raises UsageError for a URL that is none; every other method raises StoreUnavailable where the
    server cannot be reached, refuses, or does not answer in time.
    """

    def __init__(self, url: str, wait: float = WAIT) -> None:
        self._place = parse_redis_url(url)
        self._client = _client(url, wait)

    def __str__(self) -> str:
        return self._place

    def __repr__(self) -> str:
        return f"<RedisStore {self._place}>"

    @property
    def local(self) -> Store:
        """This store."""
        return self

    def open(self) -> None:
        """Ask the server whether it is there."""
        with self._mapped():
            self._client.ping()

    def get(self, key: str) -> Entry | None:
        """The entry under `key`. Raises EntryError for one that cannot be used."""
        with self._mapped():
            data = self._read(self._client, key)
        return _decoded(key, data) if data else None

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`; False where one recorded after `began_at` (Unix seconds) was kept, or it is too large."""
        data = entry.encode()
        if len(data) > _MOST:
            return False
        with self._mapped():
            if began_at is None:
                return bool(self._client.set(PREFIX + entry.key, data))
            return self._put_unless_newer(entry.key, data, began_at)

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store those of `entries` that win against the entries under their keys; the stored ones."""
        return [entry for entry in entries if self.put(entry, entry.recorded_at)]

    def remove(self, key: str) -> bool:
        """Remove the entry under `key`; True if there was one."""
        with self._mapped():
            return bool(self._client.delete(PREFIX + key))

    def clear(self) -> int:
        """Remove what is under PREFIX, found with SCAN, so that a shared server is never held up."""
        removed = 0
        with self._mapped():
            batch: list[bytes] = []
            for name in self._names():
                batch.append(name)
                if len(batch) >= _BATCH:
                    removed += int(self._client.unlink(*batch))
                    batch.clear()
            if batch:
                removed += int(self._client.unlink(*batch))
        return removed

    def keys(self) -> Iterator[str]:
        """Every entry's key, in no order, maybe one twice."""
        with self._mapped():
            for name in self._names():
                yield name[len(PREFIX) :].decode("utf-8", "replace")

    def iterate(self) -> Iterator[Entry]:
        """Every entry that can be used."""
        for key in self.keys():
            try:
                entry = self.get(key)
            except EntryError:
                continue
            if entry is not None:
                yield entry

    def stats(self) -> StoreStats:
        """How many entries; bytes as their values' lengths."""
        with self._mapped():
            names = set(self._names())
            return StoreStats(len(names), sum(int(self._client.strlen(name)) for name in names))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _names(self) -> Iterator[bytes]:
        yield from self._client.scan_iter(match=f"{PREFIX}*", count=_BATCH)

    @staticmethod
    def _read(client: Any, key: str) -> bytes:
        """The value, b"" where there is none; no more of it than an entry may have."""
        data: bytes = client.getrange(PREFIX + key, 0, _MOST)
        return data

    def _put_unless_newer(self, key: str, data: bytes, began_at: float) -> bool:
        from redis import WatchError

        for _ in range(_TRIES):
            with self._client.pipeline() as pipe:
                try:
                    pipe.watch(PREFIX + key)  # type: ignore[no-untyped-call]
                    if _is_newer(key, self._read(pipe, key), began_at):
                        return False
                    pipe.multi()
                    pipe.set(PREFIX + key, data)
                    pipe.execute()
                except WatchError:
                    continue
                return True
        return False  # others keep writing it: theirs are newer

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """The client's errors become ours at this edge, in words that hold no part of the URL's credentials."""
        from redis import exceptions

        try:
            yield
        except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
            raise StoreUnavailable(
                f"{self._place} refuses the user or password in PROVIDER_PROXY_REDIS_URL"
            ) from error
        except exceptions.TimeoutError as error:
            raise StoreUnavailable(f"{self._place} does not answer in time") from error
        except exceptions.ConnectionError as error:
            raise StoreUnavailable(
                f"{self._place} cannot be reached; check PROVIDER_PROXY_REDIS_URL and that it runs"
            ) from error
        except (exceptions.RedisError, OSError) as error:
            # The class says it (OutOfMemoryError, ReadOnlyError); the text might repeat what was sent.
            raise StoreUnavailable(
                f"{self._place} refuses what was asked ({type(error).__name__})"
            ) from error


def parse_redis_url(url: str) -> str:
    """Scheme, host, port and database of `url`: what may be printed.

    Raises UsageError, which repeats nothing of it.
    """
    try:
        parts = urlsplit(url)
        host, port, path = parts.hostname or "", parts.port, parts.path
    except ValueError:
        host, port, path, parts = "", None, "", urlsplit("")
    database = path.strip("/")
    fine = parts.scheme in _SCHEMES and (
        bool(path) if parts.scheme == "unix" else host and (database.isdecimal() or not database)
    )
    if not fine:
        raise UsageError(
            "PROVIDER_PROXY_REDIS_URL is no Redis URL (its password must be percent-encoded); "
            "write redis://user:password@host:6379/0, or rediss:// for TLS"
        )
    if parts.scheme == "unix":
        return f"unix://{path}"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or 6379}/{database or 0}"


def _client(url: str, wait: float) -> Redis:
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise UsageError(
            "PROVIDER_PROXY_REDIS_URL needs the redis package; pip install 'provider-proxy[redis]'"
        ) from error
    try:
        client = Redis.from_url(
            url,
            socket_timeout=wait,
            socket_connect_timeout=wait,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
        )
        # What the URL's query says is looked at when a connection is made, not before.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "PROVIDER_PROXY_REDIS_URL has an option that the redis package does not take"
        ) from error
    return client


def _decoded(key: str, data: bytes) -> Entry:
    if len(data) > _MOST:
        raise CorruptEntry("a value in Redis is larger than any entry")
    entry = Entry.decode(data, now=time.time())
    if entry.key != key:
        raise CorruptEntry("an entry lies under another entry's key")
    return entry


def _is_newer(key: str, data: bytes, began_at: float) -> bool:
    try:
        return bool(data) and began_at < _decoded(key, data).recorded_at <= time.time()
    except EntryError:
        return False
