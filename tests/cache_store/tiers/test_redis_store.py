"""Entries in a real Redis."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, EntryError, StoreUnavailable, UnknownSchema, UsageError
from cache_store.tiers.redis_store import _PREFIX as PREFIX
from cache_store.tiers.redis_store import RedisStore
from cache_store.tiers.redis_store import _printable_url as parse_redis_url
from tests.redis_server import RedisServer, free_port, running_redis


def _entry(key: str = "pp1-a", recorded_at: float = 1000.0, body: bytes = b"\0\xffx") -> Entry:
    return Entry(key, 200, "OK", ((b"a", b"\xe9"),), body, recorded_at, 0.1, "run", {"host": "h"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for this file, with a password."""
    with running_redis(tmp_path_factory.mktemp("redis"), password="s3cret-pass") as running:
        yield running


@pytest.fixture
def client(server: RedisServer) -> Iterator[redis.Redis]:
    """A plain client on an emptied server."""
    plain = redis.Redis.from_url(server.url)
    plain.flushall()
    yield plain
    plain.close()


@pytest.fixture
def store(server: RedisServer, client: redis.Redis) -> Iterator[RedisStore]:
    """The store."""
    opened = RedisStore(server.url)
    opened.open()
    yield opened
    opened.close()


def test_what_is_put_is_got(store: RedisStore) -> None:
    """An entry comes back whole under its key, and nothing under another."""
    assert store.put(_entry())
    assert store.get("pp1-a") == _entry()
    assert store.get("pp1-b") is None
    assert list(store.keys()) == ["pp1-a"]
    assert list(store.iterate()) == [_entry()]
    assert store.stats().entries == 1
    assert store.stats().bytes == len(_entry().encode())
    assert store.remove("pp1-a")
    assert not store.remove("pp1-a")
    assert store.get("pp1-a") is None


def test_a_slow_old_request_never_beats_a_newer_one(store: RedisStore) -> None:
    """An entry recorded after the request began stays; one from the future counts as old."""
    store.put(_entry(recorded_at=2000.0))
    assert not store.put(_entry(recorded_at=3000.0, body=b"slow"), began_at=1999.0)
    assert store.put(_entry(recorded_at=3000.0, body=b"next"), began_at=2000.0)
    store.put(_entry(recorded_at=time.time() + 1000))
    assert store.put(_entry(body=b"now"), began_at=2000.0)
    assert store.get("pp1-a") == _entry(body=b"now")


def test_clear_removes_nothing_of_others(store: RedisStore, client: redis.Redis) -> None:
    """Only keys with our prefix go, however many there are."""
    client.set("theirs", "1")
    client.set("pp1-theirs", "1")
    for number in range(2500):
        client.set(f"{PREFIX}pp1-{number}", "x")
    assert store.clear() == 2500
    assert sorted(client.keys("*")) == [b"pp1-theirs", b"theirs"]


def test_a_damaged_value_is_told(store: RedisStore, client: redis.Redis) -> None:
    """Foreign bytes, another schema and another key's entry are refused, and are replaced by a put."""
    client.set(f"{PREFIX}pp1-a", b"\x80\x04pickle")
    with pytest.raises(CorruptEntry):
        store.get("pp1-a")
    client.set(f"{PREFIX}pp1-a", _entry("pp1-b").encode())
    with pytest.raises(CorruptEntry):
        store.get("pp1-a")
    client.set(f"{PREFIX}pp1-a", b"PPE\x63" + _entry().encode()[4:])
    with pytest.raises(UnknownSchema):
        store.get("pp1-a")
    assert list(store.iterate()) == []
    assert store.put(_entry(), began_at=time.time())
    assert store.get("pp1-a") == _entry()


@pytest.mark.parametrize("written", [None, -1, float("inf")])
def test_a_foreign_time_of_recording_is_understood(
    store: RedisStore, client: redis.Redis, written: float | None
) -> None:
    """A value that is not a usable time means now."""
    raw = json.dumps(1700000000.25).encode()
    foreign = json.dumps(written).encode().rjust(len(raw))
    data = _entry(recorded_at=1700000000.25).encode()
    assert raw in data
    client.set(f"{PREFIX}pp1-a", _resealed(data.replace(raw, foreign)))
    entry = store.get("pp1-a")
    assert entry is not None
    assert entry.recorded_at == pytest.approx(time.time(), abs=60)


def _resealed(data: bytes) -> bytes:
    import hashlib

    meta = int.from_bytes(data[4:8]) + (len(data) - len(_entry(recorded_at=1700000000.25).encode()))
    body = data[:4] + meta.to_bytes(4) + data[8:-32]
    return body + hashlib.sha256(body).digest()


def test_a_server_that_is_gone_is_unavailable(server: RedisServer) -> None:
    """Every call says so in one line, with the place and no password."""
    gone = RedisStore(f"redis://user:s3cret-pass@127.0.0.1:{free_port()}/0")
    for call in (gone.open, gone.clear, gone.stats, lambda: gone.get("k"), lambda: gone.put(_entry()),
                 lambda: gone.put(_entry(), 1.0), lambda: gone.remove("k"), lambda: list(gone.keys())):  # fmt: skip
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert "cannot be reached" in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_wrong_password_is_told_without_showing_it(server: RedisServer) -> None:
    """Neither the right nor the wrong password is in the message."""
    wrong = RedisStore(f"redis://:wr0ng-pass@127.0.0.1:{server.port}/0")
    with pytest.raises(StoreUnavailable, match="refuses the user or password") as caught:
        wrong.open()
    assert "pass@" not in str(caught.value)
    assert "wr0ng" not in str(caught.value) + repr(wrong) + str(wrong)
    none = RedisStore(f"redis://127.0.0.1:{server.port}/0")
    with pytest.raises(StoreUnavailable):
        none.open()


def test_a_server_that_hangs_is_given_up_in_time() -> None:
    """A listener that never answers costs no more than the wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        with pytest.raises(StoreUnavailable, match="in time"):
            hanging.get("pp1-a")


def test_a_full_server_is_told_by_its_own_word(store: RedisStore, client: redis.Redis) -> None:
    """The message names the kind of refusal."""
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            store.put(_entry())
    finally:
        client.config_set("maxmemory", 0)


def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    """Connections of before the restart fail nobody."""
    with running_redis(tmp_path) as first:
        store = RedisStore(first.url)
        store.open()
        first.stop()
        from tests.redis_server import start_redis

        second = start_redis(tmp_path, port=first.port)
        try:
            assert store.put(_entry())
            assert store.get("pp1-a") == _entry()
        finally:
            second.stop()
        store.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:pass@host:1234/2", "redis://host:1234/2"),
        ("rediss://host", "rediss://host:6379/0"),
        ("redis://[::1]:7/0", "redis://[::1]:7/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_what_is_printed_of_a_url(url: str, shown: str) -> None:
    """Scheme, host, port and database, and no credentials."""
    assert parse_redis_url(url) == shown


@pytest.mark.parametrize(
    "url",
    ["http://host", "host:6379", "redis://", "redis://host:secretport", "redis://:secret/x@host", "redis://[::1",
     "redis://host/secret", "redis://host:99999999", "unix://", "valkey://host", "redis+sentinel://host:26379/name",
     "rediss+cluster://host"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    """The message says what to write and repeats nothing of what was written."""
    with pytest.raises(UsageError, match="PROVIDER_PROXY_REDIS_URL") as caught:
        RedisStore(url)
    assert "secret" not in str(caught.value)
    assert "a single Redis or Valkey server" in str(caught.value)
    assert "Sentinel and Cluster are not supported" in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
@pytest.mark.parametrize("option", ["max_connections=many", "colour=secret"])
def test_an_unknown_option_in_the_url_is_refused(scheme: str, option: str) -> None:
    """What the client does not take is a wrong setting, not a crash."""
    with pytest.raises(UsageError, match="option") as caught:
        RedisStore(f"{scheme}://127.0.0.1/0?{option}")
    assert "secret" not in str(caught.value)


# -- servers that refuse, and servers that are something else -------------------


def _as(server: RedisServer, client: redis.Redis, *rules: str) -> RedisStore:
    """The store of a user with these rights."""
    client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "+@all", *rules)
    return RedisStore(server.url.replace(":s3cret-pass@", "limited:pw@"))


def test_a_user_that_may_only_read_reads(server: RedisServer, client: redis.Redis, store: RedisStore) -> None:
    """Its writes are refused in one line, every kind of them."""
    store.put(_entry())
    limited = _as(server, client, "-@write", "-@scripting")
    assert limited.get("pp1-a") == _entry()
    for began_at in (None, 1.0):
        with pytest.raises(StoreUnavailable, match="refuses the command"):
            limited.put(_entry("pp1-b"), began_at)
    limited.close()


def test_a_user_without_scripts_or_watch_stores(
    server: RedisServer, client: redis.Redis, store: RedisStore
) -> None:
    """And a newer entry is kept there, too."""
    limited = _as(server, client, "-@scripting", "-watch")
    now = time.time()
    assert limited.put(_entry(recorded_at=now - 10), began_at=now - 20)
    assert not limited.put(_entry(body=b"old"), began_at=now - 15)
    assert limited.put(_entry(recorded_at=now, body=b"new"), began_at=now - 5)
    assert store.get("pp1-a") == _entry(recorded_at=now, body=b"new")
    limited.close()


def test_storing_is_one_round_trip(client: redis.Redis, store: RedisStore) -> None:
    """A server far away is asked once for each answer."""
    store.put(_entry(), began_at=1.0)
    before = client.info("commandstats")
    store.put(_entry(body=b"next"), began_at=2000.0)
    after = client.info("commandstats")
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    sent = {name: count for name, count in calls.items() if count and name != "cmdstat_info"}
    assert sent == {"cmdstat_eval": 1, "cmdstat_getrange": 2, "cmdstat_set": 1}  # the last two by the script


@contextlib.contextmanager
def _server(answer: bytes) -> Iterator[str]:
    """A server that gives this answer to everything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        while connection.recv(2**20):
                            connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.mark.parametrize(
    "answer",
    [b":5\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*1\r\n" * 200_000 + b":1\r\n", b"\0\xff HTTP/1.1 400\r\n\r\n",
     b"$-7\r\n", b"$99999999999999999999\r\nxxx\r\n", b"%1\r\n+a\r\n+b\r\n", b"(" + b"9" * 6000 + b"\r\n",
     b"-ERR user:hunter2secret bad\r\n", b"+OK\r\n"],
)  # fmt: skip
def test_an_unexpected_answer_is_a_store_that_cannot_be_used(answer: bytes) -> None:
    """Whatever it is, reading and storing fail as they do without a server, and nothing of it is repeated."""
    with _server(answer) as url:
        store = RedisStore(url)
        with pytest.raises((StoreUnavailable, EntryError)) as caught:
            store.get("pp1-a")
        assert "hunter2" not in str(caught.value)
        with contextlib.suppress(StoreUnavailable):  # some of these answers look like that to a SET
            store.put(_entry(), began_at=1.0)
        store.close()


def test_the_second_tier_needs_a_good_answer_to_a_ping() -> None:
    """A server that answers everything with an error is not one."""
    with _server(b"-LOADING\r\n") as url, pytest.raises(StoreUnavailable):
        RedisStore(url).open()
