"""The host process: mitmproxy's Master with the addons that a caching proxy needs."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import ctx

from addon.environment.ca import ensure_ca
from addon.host.host import Host
from addon.host.options import HostOptions
from addon.mitm.core.dispatch import LeanAddonManager
from addon.settings.modes import Mode
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import UsageError


def _options(
    folder: Path, raw: dict[str, str] | None = None, *arguments: str, **mitmproxy: Any
) -> HostOptions:
    ca = ensure_ca(folder / "data")
    settings = {"cache_dir": str(folder / "cache"), **(raw or {})}
    listen = {"confdir": str(ca.parent), "listen_host": "127.0.0.1", "listen_port": 0}
    return HostOptions(settings, listen | mitmproxy, arguments)


def _run(options: HostOptions, tell: Callable[[Host], Any] | None = None) -> Host:
    """Start, call `tell` soon after it is ready, stop."""
    host = Host(options)
    faults: list[BaseException] = []

    async def story() -> None:
        until = asyncio.Event()

        def told() -> None:
            try:
                if tell is not None:
                    tell(host)
            except BaseException as fault:  # noqa: BLE001 - raised again below
                faults.append(fault)
            until.set()

        def ready() -> None:
            asyncio.get_running_loop().call_later(0.02, told)

        async with asyncio.timeout(20):
            await host.run(ready, until=until)

    asyncio.run(story())
    if faults:
        raise faults[0]
    return host


def test_it_is_ready_when_it_listens(tmp_path: Path) -> None:
    """At the time of `ready` the URL is known, and a connection is accepted."""

    def tell(host: Host) -> None:
        port = int(host.url.rpartition(":")[2])
        assert host.url == f"http://127.0.0.1:{port}"
        assert port > 0
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        assert isinstance(ctx.master.addons, LeanAddonManager)
        assert ctx.options.connection_strategy == "lazy"

    host = _run(_options(tmp_path), tell)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(host.url.rpartition(":")[2])), timeout=5)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_is_bracketed(tmp_path: Path) -> None:
    """The URL has brackets around it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"::1 cannot be listened on here: {error}")
    host = _run(_options(tmp_path, listen_host="::1"))
    assert host.url.startswith("http://[::1]:")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """With what to do; nothing keeps listening, and nothing was ready."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ready: list[Host] = []
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            _run(_options(tmp_path, listen_port=port), ready.append)
    assert str(refused.value) == (
        f"127.0.0.1:{port}: address already in use; "
        "stop what listens there, or set PROVIDER_PROXY_LISTEN=127.0.0.1:0"
    )
    assert ready == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"cache_mode": "sometimes"}, "not a cache mode"),
        ({"hosts": "a b"}, "not a host"),
        ({"max_age": "x"}, "MAX_AGE"),
    ],
)
def test_a_bad_setting_is_one_line(tmp_path: Path, raw: dict[str, str], says: str) -> None:
    """It raises UsageError before anything listens."""
    with pytest.raises(UsageError, match=says) as refused:
        _run(_options(tmp_path, raw))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("mode", ["read-write", "read-only-require-hit"])
def test_a_file_in_place_of_the_cache_is_one_line(tmp_path: Path, mode: str) -> None:
    """It ends the start in every mode."""
    (tmp_path / "cache").touch()
    with pytest.raises(UsageError, match="cannot be created") as refused:
        _run(_options(tmp_path, {"cache_mode": mode}))
    assert "\n" not in str(refused.value)


def test_a_damaged_cache_ends_the_start_of_a_replaying_run(tmp_path: Path) -> None:
    """In one line; the file is left as it is, since nothing else could answer."""
    damaged = b"no database " * 1000
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(damaged)
    with pytest.raises(UsageError, match="damaged or not a database") as refused:
        _run(_options(tmp_path, {"cache_mode": "read-only-require-hit"}))
    assert "\n" not in str(refused.value)
    assert (tmp_path / "cache" / "cache.db").read_bytes() == damaged


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.forwards])
def test_a_damaged_cache_does_not_end_the_start_of_a_live_run(
    tmp_path: Path, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    """The proxy starts with an empty cache and says so; the damaged file is kept under another name."""
    damaged = b"no database " * 1000
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(damaged)
    assert _run(_options(tmp_path, {"cache_mode": str(mode)})).url
    kept = list((tmp_path / "cache").glob("cache.db.damaged-*"))
    assert [path.read_bytes() for path in kept] == [damaged]
    assert "an empty cache takes its place" in caplog.text


def test_mitmproxys_own_arguments_are_taken(tmp_path: Path) -> None:
    """Arguments after `--` are options, a script, a file to save to."""
    script = tmp_path / "mine.py"
    script.write_text("def running():\n    from mitmproxy import ctx\n    ctx.options.update(http2=False)\n")
    saved = tmp_path / "flows.mitm"

    def tell(_: Host) -> None:
        assert (ctx.options.ssl_insecure, ctx.options.http2) == (True, False)
        assert ctx.options.save_stream_file == str(saved)

    arguments = ("--set", "ssl_insecure=true", "-w", str(saved), "-s", str(script))
    _run(_options(tmp_path, None, *arguments), tell)
    assert saved.exists()


@pytest.mark.parametrize("arguments", [("--set", "http2=perhaps"), ("-s", "/no/such/script.py")])
def test_an_argument_that_cannot_be_used_ends_the_start(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """In one line."""
    with pytest.raises(UsageError) as refused:
        _run(_options(tmp_path, None, *arguments))
    assert "\n" not in str(refused.value)


def test_a_script_that_fails_to_load_ends_the_start(tmp_path: Path) -> None:
    """In one line that names what is wrong."""
    (tmp_path / "mine.py").write_text("raise ValueError('a fault of mine')\n")
    with pytest.raises(UsageError, match="a fault of mine") as refused:
        _run(_options(tmp_path, None, "-s", str(tmp_path / "mine.py")))
    assert "\n" not in str(refused.value)


def test_a_later_error_does_not_end_it(tmp_path: Path) -> None:
    """Only what is logged while starting does."""

    def tell(_: Host) -> None:
        logging.getLogger("somebody").error("later")

    assert _run(_options(tmp_path), tell).url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it(tmp_path: Path, number: int) -> None:
    """Both end the run in order: the store is closed and the caller goes on."""
    host = Host(_options(tmp_path))

    async def story() -> None:
        async with asyncio.timeout(20):
            await host.run(lambda: os.kill(os.getpid(), number))

    asyncio.run(story())
    assert host.cache.answering is None


def test_two_runs_after_each_other(tmp_path: Path) -> None:
    """A process may start another host when the first has ended; each run has a name of its own."""
    first, second = _run(_options(tmp_path)), _run(_options(tmp_path))
    assert first.cache.counts.run != second.cache.counts.run
    store = DiskStore(tmp_path / "cache")
    assert store.stats().entries == 0
    store.close()


async def test_a_password_is_asked_for(proxied: Callable[..., Any]) -> None:
    """With `proxyauth`, a client without the password gets a 407, in a tunnel and as an absolute URL; its
    request is neither forwarded nor looked up."""
    async with proxied(options={"proxyauth": "user:pass"}) as p:
        client = await p.client()
        await client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % p.provider.tls_port)
        assert (await client.head())[0] == 407
        client = await p.client()
        await client.send(p.request())
        assert (await client.head())[0] == 407
        client = await p.client()
        right = "proxy-authorization: Basic dXNlcjpwYXNz\r\n"
        assert (await client.ask(p.request(headers=right))).status == 200
        assert len(p.provider.seen) == 1
        assert b"proxy-authorization" not in p.provider.seen[0].lower()
        assert p.host.cache.counts.total().requests == 1


async def test_a_direct_request_needs_the_password_too(proxied: Callable[..., Any]) -> None:
    """The base-URL door is no way around it."""
    async with proxied(options={"proxyauth": "user:pass"}) as p:
        client = await p.client()
        answer = await client.ask(p.raw(f"POST /http/127.0.0.1:{p.provider.port}/v1/x", b"{}"))
        assert answer.status in (401, 407)
        assert p.provider.seen == []
