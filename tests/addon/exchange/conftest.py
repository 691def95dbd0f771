"""Runs of the cache without a proxy, on a store in memory or on disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange.answering import Answering
from addon.exchange.coordination import local_peer
from addon.exchange.coordinator import Coordinator
from addon.exchange.decisions import Decision, Forward, Hit, OwnAnswer
from addon.exchange.explaining import Explaining
from addon.exchange.recording import Recording
from addon.exchange.store_access import StoreAccess
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


def chat_request(content: str = "Hello", **changes: object) -> WireRequest:
    """A chat request with this content."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    headers = ((b"Content-Type", b"application/json"),)
    plain = WireRequest("POST", "https", HOST, 443, "/v1/chat/completions", headers, body)
    return replace(plain, **changes)  # type: ignore[arg-type]


def chat_answer(text: str = "Hi", status: int = 200) -> LiveAnswer:
    """A whole chat answer with this text."""
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


class Broken(MemoryStore):
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


class Run:
    """One life of a proxy on a store."""

    alive: ClassVar[list[Run]] = []

    def __init__(self, store: Store, name: str = "run", **raw: str) -> None:
        settings = Settings.parse({"cache_mode": "read-write", **raw})
        self.store = store
        self.counts = RunCounts(run=name, mode=str(settings.cache_mode))
        self.access = StoreAccess(store, self.counts)
        coordinator = Coordinator(settings.max_live, settings.max_usd)
        peer = local_peer(coordinator, settings, self.counts.spent)
        explaining = Explaining(self.access.candidates, self.counts, peer.taint)
        self.answering = Answering(settings, self.access, self.counts, explaining, peer)
        self.alive.append(self)

    async def ask(
        self, request: WireRequest | None = None, asked: str | None = None, bypass: str = ""
    ) -> Decision:
        decision = self.answering.decide(request or chat_request(), asked, bypass)
        return decision if isinstance(decision, Hit | OwnAnswer | Forward) else await decision

    async def forward(self, request: WireRequest | None = None, asked: str | None = None) -> Forward:
        decision = await self.ask(request, asked)
        assert isinstance(decision, Forward)
        return decision

    async def own(
        self, request: WireRequest | None = None, asked: str | None = None, bypass: str = ""
    ) -> OwnAnswer:
        decision = await self.ask(request, asked, bypass)
        assert isinstance(decision, OwnAnswer)
        return decision

    async def hit(self, request: WireRequest | None = None, asked: str | None = None) -> str:
        """The text of the answer from an entry."""
        decision = await self.ask(request, asked)
        assert isinstance(decision, Hit)
        return text_of(decision.entry)

    async def record(
        self, text: str = "Hi", request: WireRequest | None = None, status: int = 200
    ) -> NotStored | None:
        return await self.answering.keep(await self.forward(request), chat_answer(text, status))

    @property
    def host(self) -> dict[str, object]:
        return {name: value for name, value in self.counts.host(HOST).as_dict().items() if value}


def text_of(entry: Entry) -> str:
    """The text of a stored chat answer."""
    return str(json.loads(entry.body)["choices"][0]["message"]["content"])


def stored_texts(store: Store) -> list[str]:
    """The texts of every stored chat answer, sorted."""
    return sorted(text_of(entry) for entry in store.iterate())


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """Runs end with their test."""
    yield
    while Run.alive:
        run = Run.alive.pop()
        run.answering.close()
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


async def settle() -> None:
    """Let every task get as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0.005)


def streamed(run: Run, forward: Forward) -> Recording:
    """Begin to record a streamed answer to `forward`."""
    forward.recording = Recording(run.answering.settings.max_body, "text/event-stream", forward.flight)
    return forward.recording
