"""Faults in a run: which request gets one, what it leaves of an answer, and what the next request gets."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from addon.exchange.decisions import Decision, Forward, Hit, Injected
from addon.exchange.faulting import CutRecording, wait
from addon.messages import LiveAnswer, WireRequest
from addon.scopes.scope import Scope
from cache_store.store import Store
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import Run, chat_answer, chat_request

EVENTS = [
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n',
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b"data: [DONE]\n\n",
]
STREAM = LiveAnswer(200, "OK", ((b"Content-Type", b"text/event-stream"),), b"".join(EVENTS))


def run_with(store: Store, *rules: dict[str, Any], **raw: str) -> Run:
    """A run with these rules."""
    return Run(store, faults=json.dumps(rules), **raw)


async def ask(run: Run, request: WireRequest | None = None, **how: Any) -> Decision:
    """What is done with a request."""
    decision = run.answering.decide(request or chat_request(), None, **how)
    return decision if isinstance(decision, Hit | Forward) else await decision  # type: ignore[misc]


async def injected(run: Run, request: WireRequest | None = None, **how: Any) -> Injected:
    """The fault that a request gets."""
    decision = await ask(run, request, **how)
    assert isinstance(decision, Injected)
    return decision


async def recorded(store: Store, live: LiveAnswer | None = None) -> None:
    """Record an answer to the chat request in an earlier run."""
    run = Run(store, "earlier")
    assert await run.answering.keep(await run.forward(), live or chat_answer()) is None


async def test_the_retry_is_an_ordinary_request(store: Store) -> None:
    """The first request gets the provider's error, the second its recording; the fault is counted and not stored."""
    await recorded(store)
    run = run_with(store, {"kind": "rate-limit", "nth": 1}, cache_mode="read-only-require-hit")
    fault = await injected(run)
    assert fault.answer is not None
    assert fault.answer.status == 429
    assert fault.answer.headers["cache-status"] == "provider-proxy; detail=fault"
    assert fault.answer.headers["x-provider-proxy-cache"] == "false"
    assert fault.answer.headers["retry-after"] == "1"
    assert "x-should-retry" not in fault.answer.headers
    assert json.loads(fault.answer.body)["error"]["code"] == "rate_limit_exceeded"
    assert await run.hit() == "Hi"
    assert run.host == {
        "requests": 2,
        "hits": 1,
        "hit_bytes": run.host["hit_bytes"],
        "saved_seconds": run.host["saved_seconds"],
    }
    assert run.counts.as_dict()["faults"] == {"rate-limit": 1}
    assert len(list(store.keys())) == 1


async def test_a_test_has_sent_a_request_that_got_a_fault(memory: MemoryStore) -> None:
    """It is shown with what became of it, and so is the retry."""
    await recorded(memory)
    run = run_with(memory, {"kind": "rate-limit", "nth": 1}, cache_mode="read-only-require-hit")
    scope = Scope("gw0", "tests/test_a.py::test_b")
    await injected(run, scope=scope)
    assert isinstance(await ask(run, scope=scope), Hit)
    sent = run.answering._tests.sent.of(scope)["rows"]
    assert [(bool(key), bypass) for _, key, _, bypass in sent] == [(False, "fault"), (True, "")]


async def test_rules_that_fit_nothing_leave_a_request_alone(memory: MemoryStore) -> None:
    """It is decided on without waiting, and the report names the rules that never fired."""
    await recorded(memory)
    run = run_with(
        memory, {"kind": "reset", "path": "/v1/other"}, {"kind": "latency", "seconds": 9, "test": "*"}
    )
    assert isinstance(run.answering.decide(chat_request(), None), Hit)
    assert run.counts.as_dict()["faults"] == {"reset": 0, "latency": 0}


async def test_tokens_and_upgrades_get_no_faults(memory: MemoryStore) -> None:
    """Nor does any request that the cache is not asked about."""
    run = run_with(memory, {"kind": "reset"}, cache_mode="read-old-write-new")
    token = chat_request(host="oauth2.googleapis.com", target="/token")
    assert isinstance(await ask(run, token), Forward)
    assert isinstance(await ask(run, bypass="websocket"), Forward)
    assert isinstance(await ask(run), Injected)


async def test_the_first_rule_that_fires_counts(memory: MemoryStore) -> None:
    """A request is counted for each rule that covers it."""
    rules = [{"kind": "rate-limit", "nth": 2}, {"kind": "server-error", "nth": [2, 3]}]
    run = run_with(memory, *rules, cache_mode="read-write")
    decisions = [await ask(run, chat_request(str(number))) for number in range(4)]
    statuses = [one.answer.status for one in decisions if isinstance(one, Injected) and one.answer]
    assert [isinstance(one, Injected) for one in decisions] == [False, True, True, False]
    assert statuses == [429, 500]


async def test_numbers_count_within_a_test(memory: MemoryStore) -> None:
    """Each attempt of each test has a first request; the verdict counts the fault, and it is no miss."""
    run = run_with(memory, {"kind": "server-error", "nth": 1})
    scopes = [Scope("gw0", "a"), Scope("gw1", "a"), Scope("gw0", "a", 2), Scope("gw0", "b")]
    for scope in scopes:
        assert isinstance(await ask(run, scope=scope), Injected)
        forward = await ask(run, scope=scope)
        assert isinstance(forward, Forward)
        run.answering.give_up(forward, "unreachable")  # type: ignore[arg-type]
    (verdict,) = [row for row in run.counts.as_dict()["tests"] if row["test"] == "b"]
    assert verdict["faults"] == {"server-error": 1}
    assert (verdict["requests"], len(verdict["misses"])) == (2, 1)


async def test_a_test_has_rules_of_its_own(memory: MemoryStore) -> None:
    """They come before the run's; other rules count anew, and the same ones go on."""
    run = Run(memory)
    first = Scope("gw0", "a", faults='[{"kind": "overloaded", "nth": 1}]')
    other = replace(first, faults='[{"kind": "rate-limit", "nth": 1}]')
    seen = []
    for scope in (first, first, other, first, other):
        decision = await ask(run, chat_request(str(len(seen))), scope=scope)
        seen.append(decision.answer.status if isinstance(decision, Injected) and decision.answer else None)
    assert seen == [503, None, 429, None, None]
    assert run.counts.as_dict()["faults"] == {"overloaded": 1, "rate-limit": 1}


async def test_a_name_that_holds_a_credential_is_hidden(memory: MemoryStore) -> None:
    """A client chooses the names of its test's rules."""
    run = Run(memory)
    secret = "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF" * 2
    await injected(run, scope=Scope("gw0", "a", faults=json.dumps([{"kind": "reset", "name": secret[:60]}])))
    assert secret[:60] not in json.dumps(run.counts.as_dict())


async def test_a_reset_and_what_no_provider_sends(memory: MemoryStore) -> None:
    """There is no answer; a kind that the provider does not have leaves the request alone."""
    run = run_with(memory, {"kind": "reset", "nth": 1}, {"kind": "content-filter", "host": "api.mistral.ai"})
    assert (await injected(run)).answer is None
    assert isinstance(await ask(run, chat_request(host="api.mistral.ai")), Forward)
    assert run.counts.as_dict()["faults"] == {"reset": 1, "content-filter": 0}


async def test_latency_delays_an_ordinary_request(memory: MemoryStore) -> None:
    """A hit is a hit. A client that leaves meanwhile is not waited for, and nothing is sent."""
    await recorded(memory)
    run = run_with(
        memory, {"kind": "latency", "seconds": 0.01, "nth": 1}, {"kind": "latency", "seconds": 600}
    )
    assert isinstance(await ask(run), Hit)
    left = False
    asking = asyncio.ensure_future(ask(run, chat_request("new"), has_left=lambda: left))
    await asyncio.sleep(0)
    left = True
    assert await asking == Injected(None)
    assert run.host["requests"] == 2
    assert "misses" not in run.host
    assert run.counts.as_dict()["faults"] == {"latency": 1, "latency-2": 1}


@pytest.mark.parametrize(
    ("rule", "body", "paced"),
    [
        ({"kind": "truncate", "after_bytes": 20}, STREAM.body[:20], None),
        ({"kind": "truncate", "after_events": 1}, EVENTS[0], None),
        ({"kind": "malformed-json"}, STREAM.body.replace(b"{", b"{,", 1), None),
        ({"kind": "reset", "after_events": 1}, EVENTS[0], (([0.0],), False)),
        ({"kind": "stall", "after_events": 1, "seconds": 5}, STREAM.body, (([0.0, 5.0],), True)),
    ],
)
async def test_a_recorded_answer_is_broken(
    store: Store, rule: dict[str, Any], body: bytes, paced: Any
) -> None:
    """The next request gets all of it, and the entry is as it was."""
    await recorded(store, STREAM)
    run = run_with(store, rule | {"nth": 1}, cache_mode="read-only-require-hit")
    fault = await injected(run)
    assert fault.answer is not None
    assert fault.answer.body == body
    assert fault.answer.headers["content-type"] == "text/event-stream"
    assert fault.answer.headers["cache-status"] == "provider-proxy; detail=fault"
    if paced is None:
        assert fault.paced is None
    else:
        assert fault.paced is not None
        assert ([cut.pause for cut in fault.paced.cuts],) == paced[0]
        assert fault.paced.whole is paced[1]
        assert fault.paced.body == body
    hit = await ask(run)
    assert isinstance(hit, Hit)
    assert hit.entry.body == STREAM.body
    assert run.counts.as_dict()["faults"] == {rule["kind"]: 1}
    assert run.host["hits"] == 1


async def test_an_error_ends_a_recorded_stream(memory: MemoryStore) -> None:
    """The provider's, after so many events; a whole answer has none and stays whole."""
    await recorded(memory, STREAM)
    fault = await injected(run_with(memory, {"kind": "stream-error", "after_events": 2}))
    assert fault.answer is not None
    assert fault.answer.body.startswith(EVENTS[0] + EVENTS[1] + b'data: {"error": ')
    await recorded(whole := MemoryStore())
    run = run_with(whole, {"kind": "stream-error"})
    assert await run.hit() == "Hi"
    assert run.counts.as_dict()["faults"] == {"stream-error": 0}


async def test_without_a_recording_it_is_an_ordinary_miss(memory: MemoryStore) -> None:
    """In a mode that sends nothing."""
    run = run_with(memory, {"kind": "truncate", "after_bytes": 1}, cache_mode="read-only-require-hit")
    assert (await run.own()).kind == "provider_proxy_cache_miss"
    assert run.host["misses"] == 1


async def test_the_number_of_an_equal_request_is_given_back(memory: MemoryStore) -> None:
    """What follows a broken answer is the same request again, not the next of a sequence."""
    run = Run(memory, "earlier", repeat="sequence")
    await run.record("one")
    await run.record("two")
    again = run_with(memory, {"kind": "truncate", "after_bytes": 9, "nth": 1}, repeat="sequence")
    assert isinstance(await ask(again), Injected)
    assert [await again.hit(), await again.hit()] == ["one", "two"]


async def live(run: Run, answer: LiveAnswer, chunks: list[bytes]) -> tuple[CutRecording, bytes]:
    """Let a broken live answer pass; what its client got before its end."""
    forward = await run.forward()
    cut = run.answering.breaking(forward, replace(answer, body=b""))
    assert cut is not None
    forward.cut = forward.recording = cut
    got = b"".join(part for chunk in [*chunks, b""] for part in cut(chunk))
    assert await run.answering.keep(forward, replace(answer, body=cut.body())) is None
    return cut, got


@pytest.mark.parametrize(
    ("rule", "got", "held", "closes"),
    [
        ({"kind": "reset", "after_events": 1}, EVENTS[0], b"", True),
        ({"kind": "truncate", "after_bytes": 9}, STREAM.body[:9], b"", False),
        ({"kind": "stall", "seconds": 0, "after_events": 2}, EVENTS[0] + EVENTS[1], EVENTS[2], False),
    ],
)
@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_of_a_live_answer_the_client_alone_gets_less(
    memory: MemoryStore, rule: dict[str, Any], got: bytes, held: bytes, closes: bool, encoding: str
) -> None:
    """The whole answer is recorded, and the next request gets it."""
    run = run_with(memory, rule | {"nth": 1})
    body = gzip.compress(STREAM.body) if encoding else STREAM.body
    headers = (*STREAM.headers, *(((b"Content-Encoding", b"gzip"),) if encoding else ()))
    cut, passed = await live(run, replace(STREAM, headers=headers), [body[:50], body[50:]])
    assert (passed, cut.held) == (got, held)
    assert await cut.ends_early(lambda: False) is closes
    (entry,) = memory.iterate()
    assert entry.body == STREAM.body
    assert isinstance(await ask(run), Hit)
    assert run.counts.as_dict()["faults"] == {rule["kind"]: 1}


async def test_a_live_answer_that_stays_whole(memory: MemoryStore) -> None:
    """It is shorter than what is to pass: nothing is counted, and the connection stays open."""
    run = run_with(memory, {"kind": "reset", "after_events": 9})
    cut, passed = await live(run, STREAM, EVENTS)
    assert (passed, await cut.ends_early(lambda: False)) == (STREAM.body, False)
    assert run.counts.as_dict()["faults"] == {"reset": 0}


@pytest.mark.parametrize(
    "answer",
    [
        chat_answer(),
        replace(STREAM, status=500),
        replace(STREAM, headers=(*STREAM.headers, (b"content-encoding", b"unheard-of"))),
    ],
)
async def test_live_answers_that_cannot_be_broken(memory: MemoryStore, answer: LiveAnswer) -> None:
    """No stream, no success, or a coding that nobody knows."""
    run = run_with(memory, {"kind": "reset", "after_events": 1})
    assert run.answering.breaking(await run.forward(), answer) is None
    assert run.answering.breaking(await Run(MemoryStore()).forward(), STREAM) is None


async def test_a_wait_ends_with_its_client() -> None:
    """However long it was to be."""
    looks = iter([False, True])
    await asyncio.wait_for(wait(math.inf, lambda: next(looks)), 60)
