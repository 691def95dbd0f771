"""Two different answers to one key within a run."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from addon.exchange import conflicts as conflicts_module
from addon.exchange import storing
from addon.exchange.conflicts import Conflicts, advice
from addon.exchange.decisions import Decision, Forward, Hit, OwnAnswer
from addon.policy.same_answer import words_digest
from addon.scopes.scope import Scope
from cache_store.entry import Entry
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import Run, chat_answer, chat_request, text_of

A, B, C = Scope("gw0", "a"), Scope("gw1", "b"), Scope("gw0", "c")


async def _ask(run: Run, scope: Scope | None) -> Decision:
    decision = run.answering.decide(chat_request(), None, "", scope)
    return decision if isinstance(decision, Hit | OwnAnswer | Forward) else await decision


async def _record(run: Run, scope: Scope | None, text: str) -> None:
    forward = await _ask(run, scope)
    assert isinstance(forward, Forward)
    assert await run.answering.keep(forward, chat_answer(text)) is None


async def _said(run: Run, scope: Scope | None) -> str:
    decision = await _ask(run, scope)
    return text_of(decision.entry) if isinstance(decision, Hit) else "-"


def test_what_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A different answer for another test or the same one; not an equal one, nor a later attempt of the test."""
    noted = Conflicts()
    assert noted.note("k", "heads", "a", 1) is None
    assert noted.note("k", "heads", "b", 1) is None
    assert noted.note("k", "tails", "c", 1) == "b"
    assert noted.note("k", "heads", "c", 2) is None
    assert noted.note("k", "tails", "c", 2) == "c"
    assert noted.note("other", "tails", "", 0) is None
    monkeypatch.setattr(conflicts_module, "_MOST", 1)
    few = Conflicts()
    few.note("k", "heads", "a", 1)
    few.note("new", "x", "a", 1)
    assert few.note("k", "tails", "b", 1) is None


def test_what_to_do() -> None:
    """`per-test` for two tests, `sequence` within one; a test that is not known is said to be so."""
    two = advice("POST h/v1", "b", "a")
    assert "for a and b" in two
    assert "REPEAT=per-test" in two
    assert "within a" in advice("POST h/v1", "a", "a")
    assert "REPEAT=sequence" in advice("POST h/v1", "a", "a")
    assert "in this run" in advice("POST h/v1", "", "")
    assert "for a and a request that names no test" in advice("POST h/v1", "", "a")


async def test_answers_are_compared_in_a_writers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a big one takes seconds, and others would wait."""
    threads: list[threading.Thread] = []

    def watched(entry: Entry) -> str:
        threads.append(threading.current_thread())
        return words_digest(entry)

    monkeypatch.setattr(storing, "words_digest", watched)
    await _record(Run(MemoryStore()), A, "heads")
    assert [thread is threading.main_thread() for thread in threads] == [False]


async def test_it_is_reported_when_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    """Once, in log and report, with both tests and what to do; equal answers and other prompts are not reported."""
    run = Run(MemoryStore(), cache_mode="read-old-write-new")
    await _record(run, A, "heads")
    await _record(run, B, "heads")
    assert run.counts.conflicts == {}
    await _record(run, C, "tails")
    [line] = run.counts.as_dict()["conflicts"]
    assert line in caplog.text
    assert "POST api.openai.com/v1/chat/completions, for b and c:" in line
    [entry] = run.store.iterate()
    assert entry.ambiguous
    assert text_of(entry) == "tails"


async def test_within_one_test_the_order_helps(caplog: pytest.LogCaptureFixture) -> None:
    """The coin test; the entry is not ambiguous, as no other test has another answer. With `sequence` nothing is
    reported."""
    run = Run(MemoryStore(), cache_mode="read-old-write-new")
    await _record(run, A, "heads")
    await _record(run, A, "tails")
    assert "within a" in caplog.text
    assert not [entry for entry in run.store.iterate() if entry.ambiguous]
    ordered = Run(MemoryStore(), cache_mode="read-old-write-new", repeat="sequence")
    await _record(ordered, A, "heads")
    await _record(ordered, A, "tails")
    assert ordered.counts.conflicts == {}


def _replay(store: Store, **raw: Any) -> Run:
    return Run(store, "later", cache_mode="read-only-require-hit", repeat="per-test", **raw)


async def test_a_new_test_may_use_the_plain_entry_that_all_agree_on() -> None:
    """Of the plain recordings and of the other tests' own; what the run itself recorded is not used."""
    store = MemoryStore()
    await _record(Run(store, "first"), A, "heads")
    replay = _replay(store)
    assert [await _said(replay, scope) for scope in (A, B)] == ["heads", "heads"]
    own = Run(store, "second", cache_mode="write-only", repeat="per-test")
    await _record(own, A, "heads")
    assert await _said(_replay(store), B) == "heads"
    await _record(own, C, "tails")
    assert [await _said(_replay(store), scope) for scope in (A, B, C)] == ["heads", "-", "tails"]


async def test_an_ambiguous_plain_entry_is_of_no_test() -> None:
    """Whoever recorded it last."""
    store = MemoryStore()
    run = Run(store, "first", cache_mode="read-old-write-new")
    await _record(run, A, "heads")
    await _record(run, B, "tails")
    assert [await _said(_replay(store), scope) for scope in (A, B, C, None)] == ["-", "-", "-", "tails"]


async def test_a_test_with_recordings_of_its_own_uses_no_other() -> None:
    """Its second request has none, and the plain one does not stand in."""
    store = MemoryStore()
    await _record(Run(store, "first"), None, "plain")
    await _record(Run(store, "second", cache_mode="write-only", repeat="per-test"), A, "own")
    replay = _replay(store)
    assert [await _said(replay, A), await _said(replay, A)] == ["own", "-"]
