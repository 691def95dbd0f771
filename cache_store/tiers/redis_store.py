"""Entries in Redis or Valkey, shared by many machines.

Values are an entry's own bytes with their checksum; nothing is pickled. Reading and storing take one round trip
each. No call waits long for the server at any step, none is retried, and no message contains the URL, which may
hold a password.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import batched
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cache_store.entry import Entry, wins
from cache_store.errors import CorruptEntry, EntryError, MissingExtra, StoreUnavailable, UsageError
from cache_store.store import Store, StoreStats
from cache_store.tiers.bounded_connection import bound_answers

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["RedisStore"]

_PREFIX = "provider-proxy:1:"  # before every key of ours; nothing else in the database is read or removed
_WAIT = 0.45  # seconds to connect, and to wait for each piece of an answer
_MAX_VALUE = 256 * 2**20  # bytes
_MAX_ANSWER = _MAX_VALUE + 2**20
_BATCH = 1000
_SCHEMES = ("redis", "rediss", "unix")
# Stores unless the value there was recorded after `began` and not after `now`. 20 bytes come before the description
# (`cache_store.entry`).
_STORE_UNLESS_NEWER = """
local began, now = tonumber(ARGV[2]), tonumber(ARGV[3])
local head = redis.call('GETRANGE', KEYS[1], 0, 19)
if #head == 20 and string.sub(head, 1, 4) == 'PPE\\1' then
  local length = struct.unpack('>I4', string.sub(head, 5, 8))
  local read, meta = pcall(cjson.decode, redis.call('GETRANGE', KEYS[1], 20, 19 + length))
  if read and type(meta) == 'table' and type(meta.recorded_at) == 'number'
     and began < meta.recorded_at and meta.recorded_at <= now then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


class RedisStore:
    """The entries of ours in the database that `url` names (`rediss://` is TLS).

    Creating one raises UsageError for an invalid URL. Every other method raises StoreUnavailable if the server
    cannot be reached, refuses, does not answer in time, or gives an unexpected answer.
    """

    def __init__(self, url: str, wait: float = _WAIT) -> None:
        self._place = _printable_url(url)
        self._client = _client(url, wait)

    def __str__(self) -> str:
        return self._place

    def __repr__(self) -> str:
        return f"<RedisStore {self._place}>"

    @property
    def local(self) -> Store:
        return self

    def open(self) -> None:
        """Ask whether the server is there."""
        with self._errors():
            self._client.ping()

    def get(self, key: str) -> Entry | None:
        with self._errors():
            data = self._read(key)
        return _decoded(key, data) if data else None

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        """Store `entry`.

        False if an entry recorded after `began_at` (Unix seconds) is there, or if `entry` is too large.
        """
        data = entry.encode()
        if len(data) > _MAX_VALUE:
            return False
        with self._errors():
            if began_at is None:
                return bool(self._client.set(_PREFIX + entry.key, data))
            return self._put_unless_newer(entry.key, data, began_at)

    def put_newer(self, entries: Iterable[Entry]) -> list[Entry]:
        return [
            entry
            for entry in entries
            if wins(entry, self._usable(entry.key), time.time()) and self.put(entry)
        ]

    def remove(self, key: str) -> bool:
        with self._errors():
            return bool(self._client.delete(_PREFIX + key))

    def clear(self) -> int:
        """Remove every entry. Finds them with SCAN, so that a shared server is never blocked."""
        with self._errors():
            return sum(int(self._client.unlink(*names)) for names in batched(self._names(), _BATCH))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """As in `Store`; a key may come twice."""
        with self._errors():
            for name in self._names():
                key = name[len(_PREFIX) :].decode("utf-8", "replace")
                if key.startswith(prefix):
                    yield key

    def iterate(self) -> Iterator[Entry]:
        for key in self.keys():
            if (entry := self._usable(key)) is not None:
                yield entry

    def stored_at(self, key: str) -> float | None:  # noqa: ARG002 - as in `Store`
        return None

    def stats(self) -> StoreStats:
        """The number of entries, and the size of their values."""
        with self._errors():
            names = set(self._names())
            return StoreStats(len(names), sum(int(self._client.strlen(name)) for name in names))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _names(self) -> Iterator[bytes]:
        yield from self._client.scan_iter(match=f"{_PREFIX}*", count=_BATCH)

    def _usable(self, key: str) -> Entry | None:
        try:
            return self.get(key)
        except EntryError:
            return None

    def _read(self, key: str) -> bytes:
        """The value, b"" if there is none; no more of it than an entry may have."""
        data: Any = self._client.getrange(_PREFIX + key, 0, _MAX_VALUE)
        if not isinstance(data, bytes):
            raise TypeError("a value is not bytes")
        return data

    def _put_unless_newer(self, key: str, data: bytes, began_at: float) -> bool:
        from redis import exceptions

        try:
            done: Any = self._client.eval(
                _STORE_UNLESS_NEWER, 1, _PREFIX + key, data, repr(began_at), repr(time.time())
            )
            if done in (0, 1):
                return bool(done)
        except exceptions.ReadOnlyError:
            raise
        except (exceptions.NoPermissionError, exceptions.NoScriptError) as error:
            del error  # this user may run no scripts
        except exceptions.ResponseError as error:
            if "unknown command" not in str(error).lower():
                raise
        # Not in one step, but what another machine stores in between was recorded at the same time.
        if _is_newer(key, self._read(key), began_at):
            return False
        return bool(self._client.set(_PREFIX + key, data))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns the client's errors into StoreUnavailable, without any part of the URL's credentials."""
        from redis import exceptions

        try:
            yield
        except StoreUnavailable:
            raise
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
            # The class tells enough (OutOfMemoryError, ReadOnlyError); the text might repeat what was sent.
            raise StoreUnavailable(f"{self._place} refuses the command ({type(error).__name__})") from error
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
            raise StoreUnavailable(
                f"{self._place} gives an unexpected answer ({type(error).__name__}); is it Redis?"
            ) from error


def _printable_url(url: str) -> str:
    """Scheme, host, port and database of `url`. Raises UsageError, which does not repeat the URL."""
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
            "PROVIDER_PROXY_REDIS_URL is not a Redis URL (a password must be percent-encoded); "
            "write redis://user:password@host:6379/0 for a single Redis or Valkey server, rediss:// for TLS, or "
            "unix:///path; Sentinel and Cluster are not supported"
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
        raise MissingExtra("PROVIDER_PROXY_REDIS_URL needs", "redis") from error
    try:
        client = Redis.from_url(
            url,
            socket_timeout=wait,
            socket_connect_timeout=wait,
            retry=Retry(NoBackoff(), 0),
            decode_responses=False,
            protocol=2,  # without HELLO and SETINFO a new connection is ready a round trip or two earlier
            lib_name=None,
            lib_version=None,
        )
        bound_answers(client.connection_pool, _MAX_ANSWER)
        # Options in the URL's query are checked when a connection is made.
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError) as error:
        raise UsageError(
            "PROVIDER_PROXY_REDIS_URL has an option that the redis package does not know; remove it"
        ) from error
    return client


def _decoded(key: str, data: bytes) -> Entry:
    if len(data) > _MAX_VALUE:
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
