"""The way of a request through the cache where another process of the run is on the same way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange.answering import Answering
from addon.exchange.coordination import LocalChannel, Peer
from addon.exchange.coordinator import Coordinator, Outcome
from addon.exchange.decisions import Decision, Forward, Hit, OwnAnswer
from addon.exchange.explaining import Explaining
from addon.exchange.store_access import StoreAccess
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.redaction.credentials_seen import Credential
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore

SECRET = b"made-up-secret-0123456789"


def _request(content: str = "Hello", key: bytes = b"") -> WireRequest:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    headers = (
        (b"content-type", b"application/json"),
        *(((b"authorization", b"Bearer " + key),) if key else ()),
    )
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body)


def _answer(text: str, status: int = 200) -> LiveAnswer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return LiveAnswer(status, "OK", ((b"content-type", b"application/json"),), json.dumps(body).encode())


class _SlowChannel(LocalChannel):
    """Requests take a while, and can be held up on their way."""

    def __init__(self, coordinator: Coordinator, peer: int) -> None:
        super().__init__(coordinator, peer)
        self.asked: list[str] = []
        self.way = asyncio.Event()
        self.way.set()

    async def ask(self, method: str, *args: Any, then: Callable[[Any], Any] | None = None) -> Any:
        self.asked.append(method)
        await asyncio.sleep(0)
        await self.way.wait()
        return await super().ask(method, *args, then=then)

    def confirm(self, method: str, *args: Any) -> Awaitable[Any]:
        return self.ask(method, *args)


class _Process:
    """One process of the run."""

    def __init__(self, coordinator: Coordinator, number: int, folder: Path, raw: dict[str, str]) -> None:
        settings = Settings.parse({"cache_mode": "read-old-write-new", **raw})
        self.channel = _SlowChannel(coordinator, number)
        self.counts = RunCounts("run", str(settings.cache_mode))
        self.peer = Peer(self.channel, self.counts.spent, counts_money=False)
        coordinator.join(number, lambda event, *values: self.peer.receive(event, values))
        store = DiskStore(folder)
        store.open()
        self.access = StoreAccess(store, self.counts)
        explaining = Explaining(self.access.candidates, self.counts, self.peer.taint)
        self.answering = Answering(settings, self.access, self.counts, explaining, self.peer)

    async def ask(self, request: WireRequest | None = None, bypass: str = "") -> Decision:
        decision = self.answering.decide(request or _request(), None, bypass)
        return await decision if isinstance(decision, Awaitable) else decision

    async def forward(self, request: WireRequest | None = None) -> Forward:
        decision = await self.ask(request)
        assert isinstance(decision, Forward)
        return decision

    async def keep(self, forward: Forward, text: str = "Hi", status: int = 200) -> NotStored | None:
        return await self.answering.keep(forward, _answer(text, status))

    def close(self) -> None:
        self.answering.close()
        self.access.close()


type Peers = Callable[..., list[_Process]]


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    """Makes two processes of a run; to be called where a loop runs."""
    made: list[_Process] = []

    def make(**raw: str) -> list[_Process]:
        settings = Settings.parse(raw)
        coordinator = Coordinator(settings.max_live, settings.max_usd)
        made.extend(_Process(coordinator, number, tmp_path / "cache", raw) for number in range(2))
        return made

    yield make
    for process in made:
        process.close()


def _story(tell: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await tell()

    asyncio.run(bounded())


def _text(decision: Decision) -> str:
    assert isinstance(decision, Hit)
    return str(json.loads(decision.entry.body)["choices"][0]["message"]["content"])


def test_whoever_looked_before_the_other_stored_looks_again(peers: Peers) -> None:
    """The claim of a key is on its way while another process's flight lands: its entry serves, and nothing goes live
    twice."""

    async def story() -> None:
        one, other = peers(cache_mode="read-write")
        forward = await one.forward()
        other.channel.way.clear()
        late = asyncio.create_task(other.ask())
        await asyncio.sleep(0.05)
        assert await one.keep(forward, "once") is None
        other.channel.way.set()
        assert _text(await late) == "once"

    _story(story)


def test_whoever_comes_after_it_landed_gets_an_answer_of_its_own(peers: Peers) -> None:
    """In read-old-write-new a later request is a retry, at whichever process."""

    async def story() -> None:
        one, other = peers()
        await one.keep(await one.forward(), "first")
        assert await other.keep(await other.forward(), "second") is None
        assert await one.keep(await one.forward(), "third") is None

    _story(story)


@pytest.mark.parametrize(("outcome", "goes"), [(Outcome.ABANDONED, True), (Outcome.NOT_STORED, True)])
def test_when_a_flight_of_the_other_fails_the_waiter_goes(outcome: Outcome, goes: bool, peers: Peers) -> None:
    """It leads after one that was cut off, and goes by itself after an answer that is not kept."""

    async def story() -> None:
        one, other = peers(cache_mode="read-write")
        forward = await one.forward()
        waiting = asyncio.create_task(other.ask())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        if outcome is Outcome.ABANDONED:
            one.answering.give_up(forward, NotStored.CUT_OFF)
        else:
            assert await one.keep(forward, "no", 429) is NotStored.STATUS
        decision = await waiting
        assert isinstance(decision, Forward) is goes
        assert isinstance(decision, Forward)
        assert (decision.flight is not None) is (outcome is Outcome.ABANDONED)

    _story(story)


def test_a_retry_at_the_other_process_waits_for_the_entry_and_goes(peers: Peers) -> None:
    """Its client has seen the whole answer; the retry does not share it."""

    async def story() -> None:
        one, other = peers()
        forward = await one.forward()
        assert forward.flight is not None
        forward.flight.answered = True
        waiting = asyncio.create_task(other.ask())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await one.keep(forward, "seen")
        assert isinstance(await waiting, Forward)

    _story(story)


def test_a_hit_asks_nobody(peers: Peers) -> None:
    """But for its number in a sequence, and of a credential that is new."""

    async def story() -> None:
        one, other = peers(cache_mode="read-write")
        await one.keep(await one.forward(_request(key=SECRET)))
        assert _text(await other.ask(_request(key=SECRET))) == "Hi"
        assert other.channel.asked == []
        for _ in range(2):
            assert _text(await other.ask(_request(key=SECRET[::-1]))) == "Hi"
        assert other.channel.asked == ["share-credentials"]

    _story(story)


def test_a_bypass_counts_against_the_budget(peers: Peers) -> None:
    """Requests that are never cached are forwarded too; past the budget they are refused and counted so."""

    async def story() -> None:
        one, other = peers(max_live="1")
        assert isinstance(await one.ask(bypass="trailers"), Forward)
        other.peer._bound = ""  # the news of it are still on their way
        refused = await other.ask(bypass="trailers")
        assert isinstance(refused, OwnAnswer)
        assert refused.status == 502
        assert (other.counts.over_budget, other.counts.total().refused, other.counts.live) == (1, 1, 0)

    _story(story)


def test_a_secret_is_told_before_anything_is_sent(peers: Peers) -> None:
    """A request whose credential nobody knows yet waits until all know it."""

    async def story() -> None:
        one, other = peers()
        one.channel.way.clear()
        waiting = asyncio.create_task(one.ask(_request(key=SECRET)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert other.peer.taint.known() == []
        one.channel.way.set()
        assert isinstance(await waiting, Forward)
        assert other.peer.taint.known() == [Credential("authorization", SECRET)]
        assert await other.keep(await other.forward(_request("echo")), SECRET.decode()) is NotStored.SECRET

    _story(story)


def test_nothing_is_stored_before_all_secrets_are_known(peers: Peers) -> None:
    """A peer asks the coordinator before it stores."""

    async def story() -> None:
        one, _ = peers()
        forward = await one.forward()
        one.channel.way.clear()
        keeping = asyncio.create_task(one.keep(forward, SECRET.decode()))
        await asyncio.sleep(0.05)
        assert one.channel.asked[-1] == "sync"
        assert not keeping.done()
        one.peer.taint.add([Credential("authorization", SECRET)])
        one.channel.way.set()
        assert await keeping is NotStored.SECRET

    _story(story)


def test_too_many_credentials_in_one_process_keep_all_from_storing(peers: Peers) -> None:
    """The other process does not know all of them, until the request has surely ended."""

    async def story() -> None:
        one, other = peers()
        members = {f"api_key_{number}": f"made-up-{number:05}-credential" for number in range(1001)}
        crowded = replace(_request("crowded"), body=json.dumps(members).encode())
        await one.forward(crowded)
        assert await other.keep(await other.forward(), "Hi") is NotStored.SECRET
        other.peer.taint.crowd(False)
        assert await other.keep(await other.forward(_request("later")), "Hi") is None

    _story(story)
