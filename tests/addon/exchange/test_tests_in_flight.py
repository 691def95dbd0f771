"""What a test's requests count, by way of the whole journey of a request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from addon.exchange import tests_in_flight as module
from addon.exchange.decisions import Decision, Forward, Hit, OwnAnswer
from addon.judging.reasons import NotStored
from addon.scopes.scope import Scope
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import Run, chat_answer, chat_request

A = Scope("gw0", "a", file="a.py", line=3)
B = Scope("gw1", "b")


async def _ask(run: Run, scope: Scope | None, content: str = "Hello", asked: str | None = None) -> Decision:
    decision = run.answering.decide(chat_request(content), asked, "", scope)
    return decision if isinstance(decision, Hit | OwnAnswer | Forward) else await decision


async def _live(run: Run, scope: Scope | None, content: str = "Hello", text: str = "Hi") -> NotStored | None:
    forward = await _ask(run, scope, content)
    assert isinstance(forward, Forward)
    return await run.answering.keep(forward, chat_answer(text))


async def _verdict(run: Run, scope: Scope, *, is_over: bool = True) -> dict[str, Any]:
    counted = await run.answering.peer.count_test(scope, is_over=is_over)
    assert counted is not None
    return {name: value for name, value in counted.items() if value}


async def test_each_test_counts_its_own() -> None:
    """Hits, misses, what was stored, which entries; what belongs to the run is in no test, and in the totals."""
    run = Run(MemoryStore(), save_request="true")
    await _live(run, A, "one")
    await _live(run, B, "two")
    await _live(run, None, "three")
    assert isinstance(await _ask(run, B, "one"), Hit)
    assert isinstance(await _ask(run, A, "x", asked="write-more"), OwnAnswer)
    a, b = await _verdict(run, A), await _verdict(run, B)
    assert (a["requests"], a["stored"], a["live"], len(a["misses"]), a.get("hits")) == (2, 1, 1, 1, None)
    assert (a["file"], a["line"]) == ("a.py", 3)
    assert (b["requests"], b["stored"], b["live"], b["hits"]) == (2, 1, 1, 1)
    assert set(b["entries"].values()) == {0, 1}
    assert set(a["entries"]) < set(b["entries"])
    assert run.counts.total().requests == 5
    assert [row["test"] for row in run.counts.as_dict()["tests"]] == ["a", "b"]


async def test_a_miss_says_where_it_differs() -> None:
    """In a mode that sends nothing, and where it is forwarded: the end of the test does not wait for the log."""
    run = Run(MemoryStore())
    await _live(run, B, "The weather in Paris today, please, in one sentence.")
    assert (await _verdict(run, B))["misses"][0]["pointer"] == ""
    await _live(run, A, "The weather in Rome today, please, in one sentence.")
    own = await _ask(
        run, A, "The weather in Oslo today, please, in one sentence.", asked="read-only-require-hit"
    )
    assert isinstance(own, OwnAnswer)
    misses = (await _verdict(run, A))["misses"]
    assert [miss["pointer"] for miss in misses] == ["/messages/0/content", "/messages/0/content"]
    assert all("nearest recorded" in miss["line"] for miss in misses)


async def test_the_end_waits_for_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a bound; a look at the test does not wait."""
    run = Run(MemoryStore())
    forward = await _ask(run, A)
    assert isinstance(forward, Forward)
    assert "stored" not in await _verdict(run, A, is_over=False)
    ending = asyncio.create_task(_verdict(run, A))
    await asyncio.sleep(0.01)
    assert not ending.done()
    await run.answering.keep(forward, chat_answer())
    assert (await ending)["stored"] == 1
    late = await _ask(run, A, "another")
    assert isinstance(late, Forward)
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.01)
    assert (await _verdict(run, A))["live"] == 2
    run.answering.give_up(late, NotStored.CUT_OFF)
    run.answering.give_up(late, NotStored.CUT_OFF)
    assert (await _verdict(run, A))["not_stored"] == {"cut-off": 1}


async def test_coarse_is_of_requests() -> None:
    """A test is coarse once one of its requests was."""
    run = Run(MemoryStore())
    await _live(run, A)
    assert "coarse" not in await _verdict(run, A)
    await _ask(run, Scope("gw0", "a", coarse=True))
    assert (await _verdict(run, A))["coarse"]


async def test_a_tests_mode_narrows_the_runs() -> None:
    """A request may narrow it further and not widen it; a run that was narrowed meanwhile wins."""
    run = Run(MemoryStore())
    off = Scope("gw0", "a", mode="read-only")
    forward = await _ask(run, off)
    assert isinstance(forward, Forward)
    assert not forward.stores
    refused = await _ask(run, off, asked="read-write")
    assert isinstance(refused, OwnAnswer)
    assert refused.status == 400
    assert isinstance(await _ask(run, off, asked="read-only-require-hit"), OwnAnswer)
    run.answering.mode = type(run.answering.mode)("read-only-require-hit")
    assert run.answering.mode_of(Scope("gw0", "a", mode="write-only")) is run.answering.mode
    assert isinstance(await _ask(run, off), OwnAnswer)


async def test_prices_are_looked_up_at_the_end_of_a_test() -> None:
    """An answer whose price is not known is counted, never free."""
    run = Run(MemoryStore())
    await _live(run, A)
    assert ((await _verdict(run, A))["unpriced"], (await _verdict(run, A)).get("usd")) == (1, None)
    assert (await run.answering.peer.count_test(Scope("gw9", "none"), is_over=True)) is None


async def test_equal_requests_are_numbered_within_a_test() -> None:
    """Each test and each attempt counts from one; what names none counts within the run."""
    run = Run(MemoryStore(), cache_mode="write-only", repeat="sequence")
    again = Scope("gw0", "a", 2)
    for scope in (A, A, B, again, None, None, None):
        await _live(run, scope)
    numbers = sorted(key.partition(".")[2] for key in run.counts.used)
    assert numbers == ["", "2", "3"]
    assert [sorted(v.used.values()) for v in run.counts.tests.values()] == [[0, 0], [0], [0]]


async def test_each_test_has_its_own_recordings() -> None:
    """With `per-test` two tests that send the same prompt get their own answers, in order; no test uses plain keys."""
    store = MemoryStore()
    run = Run(store, repeat="per-test")
    for scope, text in ((A, "a1"), (A, "a2"), (B, "b1"), (None, "run")):
        assert await _live(run, scope, text=text) is None
    replay = Run(store, "later", cache_mode="read-only-require-hit", repeat="per-test")
    said = []
    for scope in (B, A, None, A, None):
        hit = await _ask(replay, scope)
        assert isinstance(hit, Hit)
        said.append((hit.entry.body.partition(b'content": "')[2].partition(b'"')[0], "@" in hit.entry.key))
    assert said == [(b"b1", True), (b"a1", True), (b"run", False), (b"a2", True), (b"run", False)]


async def test_a_test_may_have_its_own_rule() -> None:
    """It replaces the run's."""
    run = Run(MemoryStore(), repeat="sequence")
    single = Scope("gw0", "a", repeat="single")
    await _live(run, single)
    assert isinstance(await _ask(run, single), Hit)


async def test_a_retry_is_no_miss_of_its_test_and_another_test_has_its_own() -> None:
    """Two tests that send the same unrecorded request have missed both."""
    run = Run(MemoryStore(), cache_mode="read-only-require-hit")
    for scope in (A, A, B):
        assert isinstance(await _ask(run, scope), OwnAnswer)
    assert [len((await _verdict(run, scope))["misses"]) for scope in (A, B)] == [1, 1]
    assert run.counts.total().misses == 2


async def test_a_credential_in_a_tests_name_or_file_is_not_saved() -> None:
    """By its shape, or because a client has sent it: reports, notes and warnings show neither."""
    run = Run(MemoryStore())
    secret = "made-up-secret-0123456789"
    shaped = "sk-" + "ant-api03-" + "a1B2" * 12
    for name in (f"test_x[{secret}]", f"test_y[{shaped}]", "test_z[plain]"):
        scope = Scope("gw0", name, file=f"{name}.py", line=3)
        headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer " + secret.encode()))
        decision = run.answering.decide(chat_request(name, headers=headers), None, "", scope)
        assert not isinstance(decision, Hit | OwnAnswer | Forward)
        forward = await decision
        assert isinstance(forward, Forward)
        await run.answering.keep(forward, chat_answer())
    run.answering._tests.close()
    rows = run.counts.as_dict()["tests"]
    assert (rows[2]["test"], rows[2]["file"]) == ("test_z[plain]", "test_z[plain].py")
    assert all(row["file"] and row["line"] == 3 for row in rows)
    assert secret not in str(rows)
    assert shaped not in str(rows)


async def test_a_file_is_hidden_once_its_credential_is_known() -> None:
    """A client may send it after the test has begun, and under a test's name that says nothing."""
    run = Run(MemoryStore())
    secret = "made-up-secret-0123456789"
    scope = Scope("gw0", "a", file=f"x/{secret}.py")
    await _live(run, scope)
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer " + secret.encode()))
    decision = run.answering.decide(chat_request("b", headers=headers), None, "")
    assert not isinstance(decision, Hit | OwnAnswer | Forward)
    forward = await decision
    assert isinstance(forward, Forward)
    run.answering.give_up(forward, NotStored.CUT_OFF)
    assert secret not in str(await _verdict(run, scope))
    await _live(run, scope, "c")
    run.answering._tests.close()
    assert secret not in str(run.counts.as_dict()["tests"])
