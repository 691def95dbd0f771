"""The way of a request through the cache, without a proxy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange import answering as answering_module
from addon.exchange import flights as flights_module
from addon.exchange.answering import Answering
from addon.exchange.decisions import Decision, Forward, Hit, Own
from addon.exchange.explaining import Explaining
from addon.exchange.recording import Recording
from addon.exchange.store_access import StoreAccess
from addon.identity import identify
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.settings.modes import Mode
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import StoreUnavailable
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore

HOST = "api.openai.com"
LIVE_MODES = [mode for mode in Mode if mode.forwards]
STORING_MODES = [mode for mode in Mode if mode.stores]


def _request(content: str = "Hello", **changes: object) -> WireRequest:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    headers = ((b"Content-Type", b"application/json"),)
    request = WireRequest("POST", "https", HOST, 443, "/v1/chat/completions", headers, body)
    return replace(request, **changes)  # type: ignore[arg-type]


def _answer(text: str = "Hi", status: int = 200) -> LiveAnswer:
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            ],
        }
    ).encode()
    return LiveAnswer(status, "OK", ((b"Content-Type", b"application/json"),), body)


class _Broken(MemoryStore):
    """Memory that fails while `broken`."""

    broken = True

    def get(self, key: str) -> Entry | None:
        self._fail()
        return super().get(key)

    def put(self, entry: Entry, began_at: float | None = None) -> bool:
        self._fail()
        return super().put(entry, began_at)

    def remove(self, key: str) -> bool:
        self._fail()
        return super().remove(key)

    def _fail(self) -> None:
        if self.broken:
            raise StoreUnavailable("the cache is locked by another process")


class _Run:
    """One life of a proxy on a store."""

    alive: ClassVar[list[_Run]] = []

    def __init__(self, store: Store, name: str = "run", **raw: str) -> None:
        settings = Settings.parse({"cache_mode": "read-write", **raw})
        self.store = store
        self.counts = RunCounts(run=name, mode=str(settings.cache_mode))
        self.access = StoreAccess(store, self.counts)
        self.answering = Answering(settings, self.access, self.counts)
        self.alive.append(self)

    async def ask(
        self, request: WireRequest | None = None, asked: str | None = None, bypass: str = ""
    ) -> Decision:
        decision = self.answering.decide(request or _request(), asked, bypass)
        return decision if isinstance(decision, Hit | Own | Forward) else await decision

    async def forward(self, request: WireRequest | None = None, asked: str | None = None) -> Forward:
        decision = await self.ask(request, asked)
        assert isinstance(decision, Forward)
        return decision

    async def own(
        self, request: WireRequest | None = None, asked: str | None = None, bypass: str = ""
    ) -> Own:
        decision = await self.ask(request, asked, bypass)
        assert isinstance(decision, Own)
        return decision

    async def hit(self, request: WireRequest | None = None, asked: str | None = None) -> str:
        """The text of the answer from an entry."""
        decision = await self.ask(request, asked)
        assert isinstance(decision, Hit)
        return _text(decision.entry)

    async def record(
        self, text: str = "Hi", request: WireRequest | None = None, status: int = 200
    ) -> NotStored | None:
        return await self.answering.keep(await self.forward(request), _answer(text, status))

    @property
    def host(self) -> dict[str, object]:
        return {name: value for name, value in self.counts.host(HOST).as_dict().items() if value}


def _text(entry: Entry) -> str:
    return str(json.loads(entry.body)["choices"][0]["message"]["content"])


def _texts(store: Store) -> list[str]:
    return sorted(_text(entry) for entry in store.iterate())


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """Runs end with their test."""
    yield
    while _Run.alive:
        run = _Run.alive.pop()
        run.answering.explaining.close()
        run.access.close()


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind."""
    made: Store = MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "cache")
    made.open()
    yield made
    made.close()


@pytest.fixture
def memory() -> Iterator[MemoryStore]:
    """A store for what does not depend on its kind."""
    made = MemoryStore()
    yield made
    made.close()


# -- modes --------------------------------------------------------------------


@pytest.mark.parametrize("mode", Mode)
async def test_an_entry_of_an_earlier_run_is_served_where_the_mode_serves(store: Store, mode: Mode) -> None:
    """Each mode answers from what another run recorded, or forwards, as its row of the table says."""
    await _Run(store, "earlier").record("old")
    run = _Run(store, "later", cache_mode=mode)
    decision = await run.ask()
    if mode in (Mode.OFF, Mode.WRITE_ONLY):
        assert isinstance(decision, Forward)
    else:
        assert isinstance(decision, Hit)
        assert _text(decision.entry) == "old"
        assert decision.cache_status == f'provider-proxy; hit; key="{decision.entry.key}"'


@pytest.mark.parametrize("mode", Mode)
async def test_an_entry_of_this_run_is_served_where_the_mode_serves_any(store: Store, mode: Mode) -> None:
    """The same within one run: read-old-write-new does not serve it."""
    await _Run(store, "same").record("mine")
    decision = await _Run(store, "same", cache_mode=mode).ask()
    served = mode in (Mode.READ_ONLY, Mode.REQUIRE_HIT, Mode.READ_WRITE)
    assert isinstance(decision, Hit if served else Forward)


@pytest.mark.parametrize("mode", LIVE_MODES)
async def test_a_miss_is_forwarded_and_stored_where_the_mode_stores(store: Store, mode: Mode) -> None:
    """What is on disk afterwards is what the mode's row says, and the status says so too."""
    run = _Run(store, cache_mode=mode)
    forward = await run.forward()
    if mode is Mode.OFF:
        assert forward.cache_status == "provider-proxy; fwd=bypass; detail=mode-off"
        assert forward.identity is None
    else:
        assert forward.cache_status == f'provider-proxy; fwd=miss; key="{forward.key}"'
    assert forward.stores is mode.stores
    reason = await run.answering.keep(forward, _answer("new"))
    assert reason is (None if mode.stores or mode is Mode.OFF else NotStored.MODE)
    assert _texts(store) == (["new"] if mode.stores else [])


async def test_a_miss_in_require_hit_is_refused(memory: MemoryStore) -> None:
    """Nothing is forwarded; the answer names the request, the mode and the key."""
    run = _Run(memory, cache_mode="read-only-require-hit")
    own = await run.own(_request(target="/v1/chat/completions?secret=x"))
    error = json.loads(own.body)["error"]
    assert own.status == 502
    assert (error["type"], error["code"]) == ("provider_proxy_cache_miss", "provider_proxy_cache_miss")
    assert error["nearest"] is None
    assert own.cache_status == f'provider-proxy; fwd=miss; key="{error["key"]}"'
    assert f"POST {HOST}/v1/chat/completions (mode read-only-require-hit" in error["message"]
    assert "secret" not in error["message"]
    assert run.host == {"requests": 1, "misses": 1}


async def test_the_status_of_a_miss_can_be_set(memory: MemoryStore) -> None:
    """MISS_STATUS is what a require-hit miss answers with."""
    assert (await _Run(memory, cache_mode="read-only-require-hit", miss_status="418").own()).status == 418


async def test_another_request_is_another_key(memory: MemoryStore) -> None:
    """A different body, path, query, method, host, port or scheme is never answered by this entry."""
    run = _Run(memory)
    await run.record()
    for other in (
        _request("Other"),
        _request(target="/v1/other"),
        _request(target="/v1/chat/completions?a=1"),
        _request(method="PUT"),
        _request(host="api.mistral.ai"),
        _request(port=8443),
        _request(scheme="http"),
    ):
        assert isinstance(await run.ask(other), Forward)
    assert await run.hit() == "Hi"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_is_forwarded_each_time(store: Store, status: int) -> None:
    """Only successes are stored: the same failing request goes to the provider again."""
    run = _Run(store)
    for _ in range(2):
        assert await run.record(status=status) is NotStored.STATUS
    assert list(store.keys()) == []
    assert run.host["not_stored"] == {"status": 2}


async def test_a_mode_that_changes_counts_for_later_requests(memory: MemoryStore) -> None:
    """`mode` may be set while running."""
    run = _Run(memory)
    forward = await run.forward()
    run.answering.mode = Mode.REQUIRE_HIT
    assert await run.answering.keep(forward, _answer()) is None
    assert await run.hit() == "Hi"
    await run.own(_request("Other"))


# -- the mode of one request --------------------------------------------------


async def test_a_request_may_ask_for_less(store: Store) -> None:
    """Its mode holds for it alone."""
    run = _Run(store)
    await run.own(asked="read-only-require-hit")
    forward = await run.forward(asked="read-only")
    assert await run.answering.keep(forward, _answer("once")) is NotStored.MODE
    assert list(store.keys()) == []
    await run.record("kept")
    assert await run.hit() == "kept"
    assert (await run.forward(asked="off")).identity is None


@pytest.mark.parametrize(
    ("mode", "asked"),
    [("read-only", "read-write"), ("read-only-require-hit", "off"), ("read-write", "sometimes")],
)
async def test_a_request_that_asks_for_more_is_refused(memory: MemoryStore, mode: str, asked: str) -> None:
    """400 with the modes that are valid; nothing is forwarded, looked up or counted as a miss."""
    run = _Run(memory, cache_mode=mode)
    own = await run.own(asked=asked)
    error = json.loads(own.body)["error"]
    assert (own.status, error["code"]) == (400, "provider_proxy_bad_mode")
    assert own.cache_status == "provider-proxy; fwd=bypass; detail=bad-mode"
    assert "read-only-require-hit" in error["message"]
    assert run.host == {"requests": 1, "errors": 1}


# -- read-old-write-new -------------------------------------------------------


async def test_a_retry_gets_a_new_answer_and_a_new_run_serves_that(store: Store) -> None:
    """The second answer replaces the first, and is what is served after a restart."""
    run = _Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    await run.record("second")
    assert await _Run(store, "two", cache_mode="read-old-write-new").hit() == "second"


async def test_the_old_answer_is_gone_before_the_retry_is_forwarded(store: Store) -> None:
    """A retry that fails, is cut off or never ends leaves nothing behind."""
    for end in ("failed", "cut off", "killed"):
        run = _Run(store, "one", cache_mode="read-old-write-new")
        await run.record("first")
        retry = await run.forward()
        assert list(store.keys()) == []
        if end == "failed":
            assert await run.answering.keep(retry, _answer(status=500)) is NotStored.STATUS
        elif end == "cut off":
            run.answering.give_up(retry, NotStored.CUT_OFF)
        assert list(store.keys()) == []
        assert isinstance(await _Run(store, "two", cache_mode="read-old-write-new").ask(), Forward)


async def test_an_expired_answer_of_this_run_is_removed_too(memory: MemoryStore) -> None:
    """With MAX_AGE as well: what this run recorded does not outlive a retry that fails."""
    run = _Run(memory, "one", cache_mode="read-old-write-new", max_age="0")
    await run.record("first")
    await run.forward()
    assert list(memory.keys()) == []


async def test_an_answer_of_an_earlier_run_is_served_again_and_again(store: Store) -> None:
    """A retry of a replayed answer is a replay: only what this run recorded is asked anew."""
    await _Run(store, "one").record("old")
    run = _Run(store, "two", cache_mode="read-old-write-new")
    assert [await run.hit() for _ in range(3)] == ["old"] * 3


async def test_a_retry_narrowed_to_reading_does_not_remove(store: Store) -> None:
    """A request in a mode that does not store leaves the entry where it is."""
    run = _Run(store, "one", cache_mode="read-old-write-new")
    await run.record("first")
    assert await run.hit(asked="read-only") == "first"
    await run.forward(asked="off")
    assert _texts(store) == ["first"]


# -- ages and order -----------------------------------------------------------


@pytest.mark.parametrize(("age", "served"), [(9, True), (10, False), (11, False), (-100, True)])
async def test_an_entry_expires_at_its_age(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, age: int, served: bool
) -> None:
    """`age >= max_age` is a miss; an entry of the future has the age 0."""
    run = _Run(memory, max_age="10")
    await run.record()
    entry = next(memory.iterate())
    now = time.time()
    memory.put(replace(entry, recorded_at=now - age))
    monkeypatch.setattr(time, "time", lambda: now)
    assert isinstance(await run.ask(), Hit if served else Forward)


async def test_without_a_limit_entries_do_not_expire(memory: MemoryStore) -> None:
    """An entry of 1970 is served."""
    run = _Run(memory)
    await run.record()
    memory.put(replace(next(memory.iterate()), recorded_at=0.0))
    assert await run.hit() == "Hi"


async def test_a_slow_old_request_does_not_beat_a_newer_answer(store: Store) -> None:
    """The answer to a request that began before the entry was stored is not kept."""
    run = _Run(store, cache_mode="write-only")
    slow = await run.forward()
    await asyncio.sleep(0.01)
    assert await run.record("newer") is None
    assert await run.answering.keep(slow, _answer("slow")) is NotStored.NEWER_ENTRY
    assert _texts(store) == ["newer"]


async def test_a_refresh_replaces_an_older_answer(store: Store) -> None:
    """write-only asks anew and keeps the new answer; one that fails leaves the old."""
    await _Run(store, "one").record("old")
    run = _Run(store, "two", cache_mode="write-only")
    assert await run.record(status=500) is NotStored.STATUS
    assert _texts(store) == ["old"]
    assert await run.record("new") is None
    assert _texts(store) == ["new"]


# -- a store that fails -------------------------------------------------------


@pytest.mark.parametrize("mode", LIVE_MODES)
async def test_a_broken_store_never_stops_a_live_request(mode: Mode) -> None:
    """In a mode that may go to the provider it goes there, and the answer is simply not stored."""
    run = _Run(_Broken(), cache_mode=mode)
    forward = await run.forward()
    reason = await run.answering.keep(forward, _answer())
    assert reason is {Mode.OFF: None, Mode.READ_ONLY: NotStored.MODE}.get(mode, NotStored.STORE_FAILED)


async def test_a_broken_store_fails_closed_in_require_hit() -> None:
    """Where nothing may be sent, a store that cannot be read is an error of its own, not a miss."""
    run = _Run(_Broken(), cache_mode="read-only-require-hit")
    own = await run.own()
    error = json.loads(own.body)["error"]
    assert (own.status, error["code"]) == (502, "provider_proxy_cache_unavailable")
    assert "locked" in error["message"]
    assert own.cache_status == "provider-proxy; fwd=bypass; detail=cache-unavailable"
    assert run.host == {"requests": 1, "errors": 1}


async def test_a_store_that_works_again_is_used_again() -> None:
    """A fault holds nobody for longer than it lasts, waiters included."""
    store = _Broken()
    run = _Run(store)
    forward = await run.forward()
    store.broken = False
    assert await run.answering.keep(forward, _answer()) is None
    assert await run.hit() == "Hi"


# -- what the cache is never asked about ----------------------------------------


@pytest.mark.parametrize(
    ("mode", "websocket", "status"),
    [
        ("read-write", "", None),
        ("off", "pass", None),
        ("read-write", "refuse", 426),
        ("read-only-require-hit", "", 426),
        ("read-only-require-hit", "pass", 426),
    ],
)
async def test_websockets_pass_or_are_refused(
    memory: MemoryStore, mode: str, websocket: str, status: int | None
) -> None:
    """An upgrade is a bypass where it may pass, else a 426."""
    run = _Run(memory, cache_mode=mode, websocket=websocket)
    decision = await run.ask(bypass="websocket")
    assert decision.cache_status == "provider-proxy; fwd=bypass; detail=websocket"
    if status is None:
        assert isinstance(decision, Forward)
        assert decision.identity is None
        assert run.host == {"requests": 1, "bypassed": 1, "live": 1}
    else:
        assert isinstance(decision, Own)
        assert decision.status == status
        assert run.host == {"requests": 1, "refused": 1}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("bypass", ["token-endpoint", "not-whole"])
async def test_what_is_never_cached_is_forwarded_or_refused(
    memory: MemoryStore, mode: Mode, bypass: str
) -> None:
    """A token endpoint, and a request whose body was not seen, are passed on unrecorded, and refused in
    require-hit."""
    run = _Run(memory, cache_mode=mode)
    request = _request(target="/oauth/token") if bypass == "token-endpoint" else _request()
    for _ in range(2):
        decision = await run.ask(request, bypass="" if bypass == "token-endpoint" else bypass)
        assert decision.cache_status == f"provider-proxy; fwd=bypass; detail={bypass}"
        if mode.forwards:
            assert isinstance(decision, Forward)
            assert decision.identity is None
            assert await run.answering.keep(decision, _answer()) is None
        else:
            assert isinstance(decision, Own)
            assert decision.status == 502
            assert json.loads(decision.body)["error"]["code"] == "provider_proxy_refused"
    assert list(memory.keys()) == []


# -- identical requests in flight -----------------------------------------------


async def _settle() -> None:
    """Let every task get as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
async def test_identical_requests_wait_for_the_first(store: Store, mode: str) -> None:
    """One goes to the provider; the others are answered from its entry, in the same run too."""
    run = _Run(store, cache_mode=mode)
    leader = await run.forward()
    waiters = [asyncio.create_task(run.hit()) for _ in range(3)]
    await _settle()
    assert not any(waiter.done() for waiter in waiters)
    assert await run.answering.keep(leader, _answer("shared")) is None
    assert await asyncio.gather(*waiters) == ["shared"] * 3
    assert _texts(store) == ["shared"]
    assert run.host["hits"] == 3
    assert run.host["misses"] == 1


@pytest.mark.parametrize(
    ("mode", "raw"),
    [("read-write", {"coalesce": "off"}), ("write-only", {}), ("read-only", {}), ("off", {})],
)
async def test_where_nothing_is_shared_nobody_waits(
    memory: MemoryStore, mode: str, raw: dict[str, str]
) -> None:
    """With COALESCE off, and in modes that do not both serve and store, each goes by itself."""
    run = _Run(memory, cache_mode=mode, **raw)
    for _ in range(3):
        await run.forward()


async def test_other_requests_do_not_wait(memory: MemoryStore) -> None:
    """Only the same key waits."""
    run = _Run(memory)
    await run.forward()
    await run.forward(_request("Other"))


async def test_where_the_answer_is_not_stored_all_go_by_themselves(memory: MemoryStore) -> None:
    """A whole answer that is not kept releases every waiter at once."""
    run = _Run(memory)
    leader = await run.forward()
    waiters = [asyncio.create_task(run.forward()) for _ in range(3)]
    await _settle()
    assert await run.answering.keep(leader, _answer(status=500)) is NotStored.STATUS
    assert len(await asyncio.gather(*waiters)) == 3


async def test_where_the_leader_is_cut_off_the_next_takes_over(store: Store) -> None:
    """One waiter goes to the provider, the others keep waiting, for its entry."""
    run = _Run(store)
    leader = await run.forward()
    waiters = [asyncio.create_task(run.ask()) for _ in range(3)]
    await _settle()
    run.answering.give_up(leader, NotStored.CLIENT_LEFT)
    await _settle()
    done = [waiter for waiter in waiters if waiter.done()]
    assert len(done) == 1
    second = done[0].result()
    assert isinstance(second, Forward)
    assert await run.answering.keep(second, _answer("second")) is None
    decisions = await asyncio.gather(*(waiter for waiter in waiters if waiter not in done))
    assert [_text(d.entry) for d in decisions if isinstance(d, Hit)] == ["second"] * 2
    assert run.host["not_stored"] == {"client-left": 1}


async def test_a_waiter_that_is_cancelled_disturbs_nobody(memory: MemoryStore) -> None:
    """Neither the leader nor the other waiters."""
    run = _Run(memory)
    leader = await run.forward()
    leaving, staying = asyncio.create_task(run.hit()), asyncio.create_task(run.hit())
    await _settle()
    leaving.cancel()
    await _settle()
    assert not staying.done()
    assert await run.answering.keep(leader, _answer()) is None
    assert await staying == "Hi"


async def test_a_fault_in_keeping_lets_the_next_take_over(memory: MemoryStore) -> None:
    """A leader that is given up by whoever called `keep` in vain does not hold the others for ever."""
    run = _Run(memory)
    leader = await run.forward()
    waiter = asyncio.create_task(run.forward())
    await _settle()
    broken = replace(leader.request, method=None)  # type: ignore[arg-type]
    leader.request = broken
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever
        await run.answering.keep(leader, _answer())
    run.answering.give_up(leader, NotStored.STORE_FAILED)
    assert isinstance(await waiter, Forward)


def _streamed(run: _Run, forward: Forward) -> Recording:
    forward.recording = Recording(run.answering.settings.max_body, "text/event-stream", forward.flight)
    return forward.recording


async def test_a_retry_after_the_terminal_event_waits_for_the_write_and_asks_anew(store: Store) -> None:
    """A client that read the whole stream may retry before the entry is there: in read-old-write-new that is a
    retry, not a duplicate, and it removes what it waited for."""
    run = _Run(store, cache_mode="read-old-write-new")
    first = await run.forward()
    _streamed(run, first)(b"data: [DONE]\n\n")
    retry = asyncio.create_task(run.forward())
    await _settle()
    assert not retry.done()
    assert await run.answering.keep(first, _answer("bad")) is None
    forward = await retry
    assert list(store.keys()) == []
    assert await run.answering.keep(forward, _answer("good")) is None
    assert _texts(store) == ["good"]


async def test_in_read_write_a_request_after_the_terminal_event_finds_the_entry(store: Store) -> None:
    """Even with COALESCE off: the answer was whole, and its entry is on its way."""
    run = _Run(store, cache_mode="read-write", coalesce="off")
    first = await run.forward()
    _streamed(run, first)(b"data: [DONE]\n\n")
    next_one = asyncio.create_task(run.hit())
    await _settle()
    assert not next_one.done()
    await run.answering.keep(first, _answer("whole"))
    assert await next_one == "whole"


async def test_a_retry_does_not_wait_for_ever(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the write does not come the retry goes to the provider."""
    monkeypatch.setattr(answering_module, "ANSWERED_SECONDS", 0.05)

    run = _Run(memory)
    first = await run.forward()
    _streamed(run, first)(b"data: [DONE]\n\n")
    assert isinstance(await run.forward(), Forward)


async def test_a_retry_whose_first_answer_was_not_stored_leads(memory: MemoryStore) -> None:
    """A retry of an answer that was not kept becomes a leader itself."""
    run = _Run(memory)
    first = await run.forward()
    _streamed(run, first)(b"data: [DONE]\n\n")
    retry = asyncio.create_task(run.forward())
    await _settle()
    await run.answering.keep(first, _answer(status=500))
    assert (await retry).flight is not None


async def test_a_leader_whose_client_does_not_read_is_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of those who wait goes to the provider, the others wait for it; the first one's late answer is not kept."""
    monkeypatch.setattr(flights_module, "STALLED_SECONDS", 0.05)

    run = _Run(store, cache_mode="read-write")
    stalled = await run.forward()
    _streamed(run, stalled)(b"data: {}\n\n")
    waiters = [asyncio.create_task(run.ask()) for _ in range(3)]
    done, waiting = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    leader = next(iter(done)).result()
    assert isinstance(leader, Forward)
    assert await run.answering.keep(leader, _answer("second")) is None
    assert [type(await waiter) for waiter in waiting] == [Hit, Hit]
    assert await run.answering.keep(stalled, _answer("first")) is NotStored.NEWER_ENTRY
    assert _texts(store) == ["second"]


# -- sequences ------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
async def test_equal_requests_have_answers_of_their_own_in_order(store: Store, mode: str) -> None:
    """With REPEAT=sequence the n-th request of a later run gets the n-th answer; past the last, the last."""
    first = _Run(store, "one", cache_mode=mode, repeat="sequence")
    for text in ("a", "b", "c"):
        assert await first.record(text) is None
    assert _texts(store) == ["a", "b", "c"]
    later = _Run(store, "two", cache_mode=mode, repeat="sequence")
    assert [await later.hit() for _ in range(5)] == ["a", "b", "c", "c", "c"]
    strict = _Run(store, "three", cache_mode="read-only-require-hit", repeat="sequence")
    assert [await strict.hit() for _ in range(3)] == ["a", "b", "c"]
    await strict.own()


async def test_a_single_recording_serves_the_first_of_a_sequence(memory: MemoryStore) -> None:
    """The first of a sequence has the plain key."""
    await _Run(memory, "one").record("single")
    assert await _Run(memory, "two", repeat="sequence").hit() == "single"


async def test_equal_requests_of_a_sequence_do_not_wait_for_each_other(memory: MemoryStore) -> None:
    """Each has an answer of its own, so none can be shared."""
    run = _Run(memory, repeat="sequence")
    keys = [(await run.forward()).key for _ in range(3)]
    assert len(set(keys)) == 3


async def test_a_sequence_in_write_only_serves_nothing(memory: MemoryStore) -> None:
    """A refresh asks anew each time, past the last recorded too."""
    await _Run(memory, "one").record("old")
    run = _Run(memory, "two", cache_mode="write-only", repeat="sequence")
    for _ in range(3):
        await run.forward()


# -- recordings and counts --------------------------------------------------------


async def test_a_recording_that_is_too_large_is_not_stored(memory: MemoryStore) -> None:
    """MAX_BODY is about what came over the wire too."""
    run = _Run(memory, max_body="10")
    forward = await run.forward()
    _streamed(run, forward)(b"x" * 11)
    assert await run.answering.keep(forward, _answer()) is NotStored.TOO_LARGE
    assert run.host["not_stored"] == {"too-large": 1}


async def test_hits_save_the_time_that_they_took_when_live(memory: MemoryStore) -> None:
    """Time saved is the recorded duration less what answering took; live time is counted as well."""
    run = _Run(memory)
    forward = await run.forward()
    forward.started -= 2.0
    await run.answering.keep(forward, _answer())
    await run.hit()
    counts = run.counts.host(HOST)
    assert 2.0 <= counts.live_seconds < 3.0
    assert 1.5 < counts.saved_seconds < 2.5
    entry = next(memory.iterate())
    assert 2.0 <= entry.elapsed < 3.0
    assert abs(entry.recorded_at - time.time()) < 5
    assert entry.run == "run"


async def test_a_run_is_counted(memory: MemoryStore) -> None:
    """Requests, hits, misses, stored and not stored, by host."""
    run = _Run(memory)
    await run.record()
    await run.hit()
    await run.record("x", _request("Other"), status=500)
    await run.forward(_request(host="api.mistral.ai"))
    counts = run.counts.host(HOST)
    assert (counts.requests, counts.hits, counts.misses, counts.stored) == (3, 1, 2, 1)
    assert run.counts.total().requests == 4


async def test_giving_up_in_a_mode_that_stores_nothing_counts_nothing(memory: MemoryStore) -> None:
    """What would not have been stored is not missing."""
    run = _Run(memory, cache_mode="read-only")
    run.answering.give_up(await run.forward(), NotStored.CUT_OFF)
    assert "not_stored" not in run.host


class _NeverFinishes:
    """A store access whose last work fails, as on a full disk."""

    def finish(self, work: Any) -> None:
        """`StoreAccess.finish` logs what fails and raises nothing."""


@pytest.mark.parametrize("status", [200, 401])
async def test_a_last_answer_that_could_not_be_stored_is_not_counted_as_stored(status: int) -> None:
    """Where the store fails at the end, or the answer is an error, nothing is stored and the report says so."""
    counts = RunCounts("run", "read-write")
    settings = Settings.parse({"cache_mode": "read-write", "store_errors": "401"})
    explaining = Explaining(None, counts, "")
    answering = Answering(settings, _NeverFinishes(), counts, explaining)  # type: ignore[arg-type]
    request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/x", (), b"{}")
    forward = Forward(
        request, settings.cache_mode, "", identity=identify(request, settings.identity), key="pp1-a"
    )
    answering.keep_last(forward, LiveAnswer(status, "", (), b"{}"))
    host = counts.host("api.openai.com")
    assert (host.stored, sum(host.not_stored.values())) == (0, 1)
