"""The mitmproxy addon, hook by hook."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, exceptions, http
from mitmproxy.addons import next_layer, proxyserver
from mitmproxy.proxy import server_hooks
from mitmproxy.test import taddons, tflow

from addon.accounting.counts import RunCounts
from addon.exchange.answering import Answering
from addon.mitm.core.marks import note_direct
from addon.mitm.provider_cache import IDLE_SECONDS, ProviderCache
from addon.settings.modes import Mode
from addon.settings.settings import SETTINGS
from cache_store.disk.disk_store import DiskStore

HOST = "api.openai.com"


async def _waited(waits: Awaitable[None] | None) -> None:
    """Await the result of a hook where it is awaitable, as mitmproxy does."""
    if waits is not None:
        await waits


class _Hooks:
    """An addon that runs inside mitmproxy's own test context."""

    def __init__(self, folder: Path, **raw: str) -> None:
        self.ended: list[RunCounts] = []
        self.cache = ProviderCache({"cache_dir": str(folder / "cache"), **raw}, at_end=self.ended.append)
        self.context = taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False)
        self.context.master.addons.add(self.cache)
        self.cache.configure(set())
        self.cache.running()

    async def send(self, flow: http.HTTPFlow) -> http.HTTPFlow:
        """Call the hooks up to `request`."""
        self.cache.requestheaders(flow)
        await _waited(self.cache.request(flow))
        return flow

    async def answer(self, flow: http.HTTPFlow, body: bytes, status: int = 200) -> http.HTTPFlow:
        """The provider's answer arrives whole."""
        flow.server_conn.timestamp_start = 1.0
        flow.response = http.Response.make(status, body, {"content-type": "application/json"})
        self.cache.responseheaders(flow)
        await _waited(self.cache.response(flow))
        return flow


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Callable[..., _Hooks]]:
    """`hooks(cache_mode=…)` makes a running addon."""
    made: list[_Hooks] = []

    def make(**raw: str) -> _Hooks:
        made.append(_Hooks(tmp_path, **raw))
        return made[-1]

    yield make
    for each in made:
        each.cache.done()
        each.context.__exit__(None, None, None)


def _flow(
    body: bytes = b'{"model":"m"}', host: str = HOST, headers: dict[str | bytes, str | bytes] | None = None
) -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.request = http.Request.make("POST", f"https://{host}/v1/chat/completions", body, headers or {})
    flow.server_conn.timestamp_start = None
    flow.live = True
    return flow


def _chat(text: str = "Hi") -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def _marks(flow: http.HTTPFlow) -> tuple[str | None, str]:
    assert flow.response is not None
    return flow.response.headers.get("x-provider-proxy-cache"), flow.response.headers.get("cache-status", "")


# -- guard lines ------------------------------------------------------------------


async def test_another_addons_answer_is_left_alone(hooks: Callable[..., _Hooks]) -> None:
    """A flow that is answered, failed or not live is nobody's business: no lookup, no count, no mark."""
    made = hooks(cache_mode="read-only-require-hit")
    answered, failed, dead = _flow(), _flow(), _flow()
    answered.response = http.Response.make(203, b"theirs")
    failed.error = tflow.terr()
    dead.live = False
    for flow in (answered, failed, dead):
        note_direct(flow)
        response = flow.response
        await made.send(flow)
        assert flow.response is response
    made.cache.responseheaders(answered)
    await _waited(made.cache.response(answered))
    await made.cache.error(failed)
    assert _marks(answered) == (None, "")
    assert made.cache.counts.total().requests == 0


async def test_a_host_that_is_not_intercepted_is_left_alone(hooks: Callable[..., _Hooks]) -> None:
    """Its requests go by with every header, unmarked and unstored, as they come, even in require-hit."""
    made = hooks(cache_mode="read-only-require-hit")
    flow = await made.send(_flow(host="other.example", headers={"x-provider-proxy-mode": "off"}))
    assert not flow.response
    assert flow.request.headers["x-provider-proxy-mode"] == "off"
    await made.answer(flow, _chat())
    assert flow.response
    assert flow.response.stream is True
    assert _marks(flow) == (None, "")
    assert made.cache.counts.hosts == {}


async def test_where_a_request_goes_is_never_told_by_its_host_header(hooks: Callable[..., _Hooks]) -> None:
    """A Host header that names a provider makes no other host one."""
    made = hooks(cache_mode="read-only-require-hit")
    assert (await made.send(_flow(host="other.example", headers={"Host": HOST}))).response is None


async def test_plain_http_that_goes_by_is_counted(hooks: Callable[..., _Hooks]) -> None:
    """An absolute-form request to another host counts as tunnelled, under its name."""
    made = hooks()
    flow = _flow(host="other.example")
    flow.request.scheme = "http"
    flow.server_conn = connection.Server(address=None)
    await made.send(flow)
    assert made.cache.counts.tunnelled == {"other.example": 1}


def test_connects_that_go_by_are_counted(hooks: Callable[..., _Hooks]) -> None:
    """A CONNECT to a host that is not intercepted counts; one that is does not."""
    made = hooks()
    for host in ("other.example", "other.example", HOST):
        made.cache.http_connect(_flow(host=host))
    assert made.cache.counts.tunnelled == {"other.example": 2}


async def test_a_direct_request_is_repeated_as_it_went_out(hooks: Callable[..., _Hooks]) -> None:
    """Whoever replays it in mitmweb gets the provider's answer, not a page of ours."""
    made = hooks(cache_mode="read-write")
    flow = _flow()
    note_direct(flow)
    flow.is_replay = "request"
    assert (await made.send(flow)).response is None


# -- hits and misses ----------------------------------------------------------------


async def test_a_miss_then_a_hit(hooks: Callable[..., _Hooks]) -> None:
    """The live answer is marked and stored; the hit has its body, is marked as one, and is shown as a replay."""
    made = hooks(cache_mode="read-write")
    live = await made.send(_flow())
    assert live.response is None
    await made.answer(live, _chat())
    cached, status = _marks(live)
    assert (cached, live.comment) == ("false", status)
    assert status.startswith('provider-proxy; fwd=miss; stored; key="pp2-')
    hit = await made.send(_flow())
    assert hit.response is not None
    made.cache.responseheaders(hit)
    await _waited(made.cache.response(hit))
    assert hit.response.content == _chat()
    assert hit.response.headers["content-length"] == str(len(_chat()))
    key = status.partition('key="')[2].partition('"')[0]
    assert _marks(hit) == ("true", f'provider-proxy; hit; key="{key}"')
    assert (hit.is_replay, hit.comment) == ("response", f'provider-proxy; hit; key="{key}"')
    json.dumps(hit.get_state()["metadata"])  # nothing of ours breaks `-w`


async def test_marks_are_never_stored(hooks: Callable[..., _Hooks]) -> None:
    """A provider behind another provider-proxy sends marks of its own: a hit has ours, once."""
    made = hooks(cache_mode="read-write")
    flow = await made.send(_flow())
    flow.server_conn.timestamp_start = 1.0
    marks = {
        "x-provider-proxy-cache": "true",
        "cache-status": "other; hit",
        "content-type": "application/json",
    }
    flow.response = http.Response.make(200, _chat(), marks)
    await _waited(made.cache.response(flow))
    hit = await made.send(_flow())
    assert hit.response is not None
    assert hit.response.headers.get_all("cache-status") == [hit.comment]
    assert hit.response.headers.get_all("x-provider-proxy-cache") == ["true"]


async def test_a_failure_is_marked_with_the_reason(hooks: Callable[..., _Hooks]) -> None:
    """A live answer that is not stored says why."""
    made = hooks()
    flow = await made.answer(await made.send(_flow()), b'{"error":{}}', 500)
    cached, status = _marks(flow)
    assert cached == "false"
    assert status.endswith("; detail=status")
    assert "stored" not in status


async def test_in_mode_off_everything_is_a_marked_bypass(hooks: Callable[..., _Hooks]) -> None:
    """The cache is not asked, and the answer says so."""
    made = hooks(cache_mode="off")
    flow = await made.answer(await made.send(_flow()), _chat())
    assert _marks(flow) == ("false", "provider-proxy; fwd=bypass; detail=mode-off")


async def test_the_mode_header_is_taken_off(hooks: Callable[..., _Hooks]) -> None:
    """It is neither forwarded nor part of the identity, and it affects this request only."""
    made = hooks(cache_mode="read-write")
    asked = await made.send(_flow(headers={"X-Provider-Proxy-Mode": "write-only"}))
    assert "x-provider-proxy-mode" not in asked.request.headers
    await made.answer(asked, _chat("asked"))
    hit = await made.send(_flow())
    assert hit.response is not None
    assert hit.response.content == _chat("asked")


@pytest.mark.parametrize("value", ["read-write", "sometimes", "", "off, off"])
async def test_a_mode_header_that_widens_is_refused(hooks: Callable[..., _Hooks], value: str) -> None:
    """400 as an own page, marked, with the modes that are valid; nothing is forwarded."""
    made = hooks(cache_mode="read-only")
    flow = await made.send(_flow(headers={"x-provider-proxy-mode": value}))
    assert flow.response is not None
    assert flow.response.status_code == 400
    assert _marks(flow) == ("false", "provider-proxy; fwd=bypass; detail=bad-mode")
    assert flow.response.headers["x-should-retry"] == "false"
    assert "read-only-require-hit" in json.loads(flow.response.content or b"")["error"]["message"]


async def test_a_require_hit_miss_is_an_own_page(hooks: Callable[..., _Hooks]) -> None:
    """Status as set, not to be retried, marked as a miss."""
    made = hooks(cache_mode="read-only-require-hit", miss_status="404")
    flow = await made.send(_flow())
    assert flow.response is not None
    assert flow.response.status_code == 404
    assert flow.response.headers["x-should-retry"] == "false"
    cached, status = _marks(flow)
    assert (cached, flow.comment) == ("false", status)
    assert status.startswith('provider-proxy; fwd=miss; key="pp2-')


async def test_a_path_that_is_no_text_is_answered_all_the_same(hooks: Callable[..., _Hooks]) -> None:
    """A hostile byte in the path of a miss does not break our own page."""
    made = hooks(cache_mode="read-only-require-hit")
    flow = _flow()
    flow.request.data.path = b"/v1/\xff\xfe"
    await made.send(flow)
    assert _marks(flow)[1].startswith("provider-proxy; fwd=miss")


# -- what is not from the provider, or not whole ----------------------------------------


async def test_another_addons_answer_to_a_miss_is_never_recorded(hooks: Callable[..., _Hooks]) -> None:
    """An answer that came over no connection is not stored and not marked; who waits for it goes on."""
    made = hooks(cache_mode="read-write")
    flow = await made.send(_flow())
    waiting = asyncio.create_task(made.send(_flow()))
    await asyncio.sleep(0.02)
    flow.response = http.Response.make(200, _chat("theirs"), {"content-type": "application/json"})
    made.cache.responseheaders(flow)
    await _waited(made.cache.response(flow))
    assert _marks(flow) == (None, "")
    assert (await waiting).response is None
    assert made.cache.counts.host(HOST).not_stored == {"not-from-provider": 1}


@pytest.mark.parametrize("what", ["streamed", "without content", "with trailers"])
@pytest.mark.parametrize("mode", ["read-write", "read-only-require-hit"])
async def test_a_request_that_is_not_here_whole_is_never_looked_up(
    hooks: Callable[..., _Hooks], what: str, mode: str
) -> None:
    """Its identity would be that of another request: it passes unrecorded, or is refused."""
    made = hooks(cache_mode=mode)
    flow = _flow(b"")
    if what == "streamed":
        flow.request.stream = True
    elif what == "without content":
        flow.request.data.content = None
    else:
        flow.request.trailers = http.Headers(x="y")
    await made.send(flow)
    if mode == "read-write":
        assert flow.response is None
        await made.answer(flow, _chat())
    else:
        assert flow.response is not None
        assert flow.response.status_code == 502
    assert _marks(flow) == ("false", "provider-proxy; fwd=bypass; detail=not-whole")
    assert made.cache.counts.host(HOST).stored == 0


# -- faults ---------------------------------------------------------------------------


class _Fault(Exception):
    """A fault of ours."""


def _break(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise _Fault(name)

    monkeypatch.setattr(Answering, name, fault)


@pytest.mark.parametrize("mode", Mode)
async def test_a_fault_in_the_request_hook_is_open_or_closed_as_the_mode_says(
    hooks: Callable[..., _Hooks], monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """Where the mode forwards, the request goes to the provider; where not, it gets a marked 502."""
    _break(monkeypatch, "decide")

    made = hooks(cache_mode=mode)
    flow = await made.send(_flow())
    if mode.forwards:
        assert flow.response is None
        await made.answer(flow, _chat())
    else:
        assert flow.response is not None
        assert flow.response.status_code == 502
        assert _marks(flow) == ("false", "provider-proxy; fwd=bypass; detail=internal-error")
    assert made.cache.counts.host(HOST).errors == 1


@pytest.mark.parametrize("asked", ["read-only-require-hit", "nonsense"])
async def test_a_fault_is_closed_where_the_request_asked_for_it(
    hooks: Callable[..., _Hooks], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """A request that may not be forwarded by its own mode is not, by a run of any mode."""
    _break(monkeypatch, "decide")

    flow = await hooks(cache_mode="read-write").send(_flow(headers={"x-provider-proxy-mode": asked}))
    assert flow.response is not None
    assert flow.response.status_code == 502


async def test_before_and_after_its_life_the_addon_fails_as_the_mode_says(
    hooks: Callable[..., _Hooks],
) -> None:
    """A request that comes when the store is closed is not forwarded in require-hit, and is elsewhere."""
    for mode, closed in (("read-write", False), ("read-only-require-hit", True)):
        made = hooks(cache_mode=mode)
        made.cache.done()
        flow = await made.send(_flow())
        assert (flow.response is not None) is closed
        assert made.cache.refuses(HOST) is closed


async def test_a_fault_in_keeping_does_not_reach_the_client(
    hooks: Callable[..., _Hooks], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer passes, marked as not stored, and who waits takes over."""
    _break(monkeypatch, "keep")

    made = hooks(cache_mode="read-write")
    leader = await made.send(_flow())
    waiting = asyncio.create_task(made.send(_flow()))
    await asyncio.sleep(0.02)
    await made.answer(leader, _chat())
    assert leader.response is not None
    assert leader.response.content == _chat()
    assert _marks(leader)[1].endswith("; detail=store-failed")
    assert (await waiting).response is None


# -- connections ------------------------------------------------------------------------


def _server_connect(
    cache: ProviderCache, host: str | None, sni: str | None = None, port: int = 443
) -> str | None:
    server = connection.Server(address=(host, port) if host else None)
    server.sni = sni
    cache.server_connect(server_hooks.ServerConnectionHookData(server=server, client=tflow.tclient_conn()))
    return server.error


@pytest.mark.parametrize(
    ("host", "sni", "refused"),
    [
        (HOST, None, True),
        (HOST.upper(), None, True),
        (f"{HOST}.", None, True),
        ("192.0.2.1", HOST, True),
        ("other.example", HOST, True),
        ("192.0.2.1", None, False),
        ("other.example", "other.example", False),
        (None, HOST, True),
        (None, None, False),
    ],
)
def test_in_require_hit_no_connection_to_a_provider_is_made(
    hooks: Callable[..., _Hooks], host: str | None, sni: str | None, refused: bool
) -> None:
    """By address and by SNI, and for intercepted hosts only."""
    made = hooks(cache_mode="read-only-require-hit")
    assert (_server_connect(made.cache, host, sni) is not None) is refused


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.forwards])
def test_in_other_modes_connections_are_made(hooks: Callable[..., _Hooks], mode: Mode) -> None:
    """The guard is for the mode that sends nothing."""
    assert _server_connect(hooks(cache_mode=mode).cache, HOST, HOST) is None


def test_the_guard_stands_before_the_addon_runs() -> None:
    """An addon whose settings were never read lets nothing through that it may not."""
    cache = ProviderCache({})
    assert cache.refuses(HOST) is False  # no hosts are known yet either
    with taddons.context(loadcore=False) as context:
        cache = ProviderCache({"cache_mode": "read-only-require-hit"})
        context.master.addons.add(cache)
        cache.configure(set())
        assert cache.refuses(HOST) is True


def test_the_guard_follows_the_mode(hooks: Callable[..., _Hooks]) -> None:
    """A mode that is changed while running counts for connections too."""
    made = hooks(cache_mode="read-write")
    made.context.options.update(provider_proxy_cache_mode="read-only-require-hit")
    made.cache.configure({"provider_proxy_cache_mode"})
    assert _server_connect(made.cache, HOST) is not None


async def test_clients_that_do_not_trust_the_ca_are_counted(hooks: Callable[..., _Hooks]) -> None:
    """Those that say so, and those that leave before their first request; a client that asks is not counted."""
    made = hooks()
    asking, leaving = _flow(), _flow()
    for flow in (asking, leaving):
        flow.client_conn = tflow.tclient_conn()
        flow.client_conn.sni = HOST
        made.cache.tls_established_client(SimpleNamespace(conn=flow.client_conn))  # type: ignore[arg-type]
    made.cache.requestheaders(asking)
    for flow in (asking, leaving):
        await made.cache.client_disconnected(flow.client_conn)
    refusing = SimpleNamespace(sni=HOST, error="tlsv1 alert unknown ca")
    made.cache.tls_failed_client(SimpleNamespace(conn=refusing))  # type: ignore[arg-type]
    assert (made.cache.counts.tls_refused, made.cache.counts.tls_left) == ({HOST: 1}, {HOST: 1})


async def test_a_client_that_vanishes_gives_up_what_it_had(hooks: Callable[..., _Hooks]) -> None:
    """Without any further hook for its flow, who waits for it takes over; others' flows stay."""
    made = hooks(cache_mode="read-write")
    leader, other = await made.send(_flow()), await made.send(_flow(b'{"other":1}'))
    other.client_conn = tflow.tclient_conn()
    made.cache._flows[other.id].client = other.client_conn.id  # type: ignore[union-attr]
    waiting = asyncio.create_task(made.send(_flow()))
    await asyncio.sleep(0.02)
    await made.cache.client_disconnected(leader.client_conn)
    assert (await waiting).response is None
    await made.answer(other, _chat())
    assert _marks(other)[1].startswith("provider-proxy; fwd=miss; stored")


# -- life -------------------------------------------------------------------------------


def test_every_setting_is_an_option(hooks: Callable[..., _Hooks]) -> None:
    """mitmweb's option page shows them all, with what is set as the default and the meaning as the help."""
    made = hooks(max_age="7")
    for setting in SETTINGS:
        assert setting.option in made.context.options
        assert setting.meaning in made.context.options._options[setting.option].help
    assert made.context.options.provider_proxy_max_age == "7"


def test_replaying_needs_no_network(hooks: Callable[..., _Hooks]) -> None:
    """The addon sets what offline replay needs, and which hosts are intercepted, by itself."""
    made = hooks(hosts="a.example")
    options = made.context.options
    assert options.connection_strategy == "lazy"
    assert "tcp_timeout" not in options or options.tcp_timeout == IDLE_SECONDS
    assert made.cache.settings is not None
    assert options.allow_hosts == made.cache.settings.hosts.regexes


@pytest.mark.parametrize("also", [{}, {"ignore_hosts": ["x.example"]}])
def test_hosts_are_limited_beside_mitmproxys_own_options(tmp_path: Path, also: dict[str, Any]) -> None:
    """`ignore_hosts` of the user's takes away from the list; it does not open all other hosts."""
    with taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False) as context:
        context.options.update(**also)
        cache = ProviderCache({"cache_dir": ":memory:", "hosts": "a.example"})
        context.master.addons.add(cache)
        cache.configure(set())
        cache.running()
        assert context.options.allow_hosts == ["^a\\.example\\.?:[0-9]+$"]
        cache.done()


def test_allow_hosts_of_the_users_own_stay(tmp_path: Path) -> None:
    """Who sets mitmproxy's list knows why."""
    with taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False) as context:
        context.options.update(allow_hosts=["mine"])
        cache = ProviderCache({"cache_dir": ":memory:"})
        context.master.addons.add(cache)
        cache.configure(set())
        cache.running()
        assert context.options.allow_hosts == ["mine"]
        cache.done()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ("PROVIDER_PROXY_CACHE_MODE=sometimes", "not a cache mode"),
        ("PROVIDER_PROXY_MODE=off", "did you mean"),
    ],
)
def test_a_bad_setting_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: str, says: str
) -> None:
    """From the environment of stock mitmproxy: an OptionsError in one line."""
    name, _, value = environ.partition("=")
    monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with taddons.context(loadcore=False) as context:
        cache = ProviderCache()
        context.master.addons.add(cache)
        with pytest.raises(exceptions.OptionsError, match=says):
            cache.configure(set())


def test_settings_of_the_process_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded by stock mitmproxy, environment and file count."""
    monkeypatch.setenv("PROVIDER_PROXY_CACHE_MODE", "read-only")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "provider-proxy.toml").write_text("max_age = 9\n")
    with taddons.context(loadcore=False) as context:
        cache = ProviderCache()
        context.master.addons.add(cache)
        cache.configure(set())
        assert cache.settings is not None
        assert (cache.settings.cache_mode, cache.settings.max_age) == (Mode.READ_ONLY, 9.0)


async def test_only_the_mode_changes_while_running(
    hooks: Callable[..., _Hooks], caplog: pytest.LogCaptureFixture
) -> None:
    """The mode applies to later requests and is what the report says; another option says that it does not."""
    made = hooks(cache_mode="read-write")
    made.context.options.update(provider_proxy_cache_mode="read-only-require-hit")
    made.cache.configure({"provider_proxy_cache_mode"})
    assert caplog.records == []
    assert (await made.send(_flow())).response is not None
    assert made.cache.counts.mode == "read-only-require-hit"
    made.context.options.update(provider_proxy_max_age="1")
    made.cache.configure({"provider_proxy_max_age"})
    assert "restart" in caplog.text
    assert made.cache.settings is not None
    assert made.cache.settings.max_age is None
    with pytest.raises(exceptions.OptionsError):
        made.context.options.update(provider_proxy_cache_mode="nonsense")
    made.cache.configure({"another_option"})


def test_done_reports_once(hooks: Callable[..., _Hooks]) -> None:
    """A second `done` does nothing."""
    made = hooks()
    made.cache.done()
    made.cache.done()
    assert made.ended == [made.cache.counts]


async def test_a_hot_reload_goes_on(hooks: Callable[..., _Hooks]) -> None:
    """`done`, then `configure` and `running` again: the store is open and the HTTP layer is put in once."""
    made = hooks(cache_mode="read-write")
    await made.answer(await made.send(_flow()), _chat())
    made.cache.done()
    assert "provider_proxy_http_layer" not in made.context.master.addons.lookup
    made.cache.configure(set())
    made.cache.running()
    assert "provider_proxy_http_layer" in made.context.master.addons.lookup
    hit = await made.send(_flow())
    assert _marks(hit)[0] == "true"


def test_a_store_that_cannot_be_opened_ends_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log at ERROR, at which mitmproxy ends its start; nothing is forwarded in require-hit."""
    (tmp_path / "file").touch()
    with taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False) as context:
        cache = ProviderCache({"cache_dir": str(tmp_path / "file"), "cache_mode": "read-only-require-hit"})
        context.master.addons.add(cache)
        cache.configure(set())
        cache.running()
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert cache.refuses(HOST) is True
        cache.done()


def test_a_locked_store_does_not_end_a_live_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the mode forwards, a store that cannot be opened right now is a warning."""
    import sqlite3

    store = DiskStore(tmp_path / "cache")
    store.open()
    holder = sqlite3.connect(tmp_path / "cache" / "cache.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False) as context:
        for mode, level in (("read-write", logging.WARNING), ("read-only-require-hit", logging.ERROR)):
            caplog.clear()
            cache = ProviderCache({"cache_dir": str(tmp_path / "cache"), "cache_mode": mode})
            context.master.addons.add(cache)
            cache.configure(set())
            cache.running()
            found = [record.levelno for record in caplog.records if record.name.startswith("addon.")]
            assert found == [level]
            cache.done()
            context.master.addons.remove(cache)
    holder.execute("ROLLBACK")
    holder.close()
    store.close()


@pytest.mark.parametrize(("workers", "said"), [("2", True), ("auto", True), ("1", False)])
def test_inside_stock_mitmproxy_there_is_one_worker(
    workers: str,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line says so where more were asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVIDER_PROXY_WORKERS", workers)
    cache = ProviderCache()
    with taddons.context(next_layer.NextLayer(), proxyserver.Proxyserver(), loadcore=False) as context:
        context.master.addons.add(cache)
        cache.configure(set())
        cache.running()
        cache.done()
    assert ("PROVIDER_PROXY_WORKERS is 1 inside mitmproxy" in caplog.text) is said
