"""Ids of providers that follow through a conversation of which a part is recorded again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.exchange.decisions import Forward, Hit
from addon.exchange.following import says_besides_ids
from addon.messages import LiveAnswer, WireRequest
from addon.settings.modes import Mode
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import HOST, Run

OLD, NEW = "resp_0a1b2c3d4e5f", "resp_9z8y7x6w5v4u"
JSON = ((b"content-type", b"application/json"),)


def _request(text: str, **more: Any) -> WireRequest:
    body = json.dumps({"model": "m", "input": text} | more).encode()
    return WireRequest("POST", "https", HOST, 443, "/v1/responses", JSON, body)


def _answer(identifier: str, text: str, at: int = 1, **more: Any) -> LiveAnswer:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    body = {
        "id": identifier, "object": "response", "created_at": at, "status": "completed", "output": [message],
    } | more  # fmt: skip
    return LiveAnswer(200, "OK", JSON, json.dumps(body).encode())


async def _talk(run: Run, first: LiveAnswer, second: LiveAnswer | None = None) -> list[Forward | Hit]:
    """Two turns; each answer that is not in the cache comes from these."""
    decisions: list[Forward | Hit] = []
    previous: dict[str, str] = {}
    for text, live in (("Hi", first), ("And then?", second)):
        decision = await run.ask(_request(text, **previous))
        assert isinstance(decision, Forward | Hit)
        decisions.append(decision)
        if isinstance(decision, Forward):
            assert live is not None
            assert await run.answering.keep(decision, live) is None
            body = live.body
        else:
            body = decision.entry.body
        previous = {"previous_response_id": json.loads(body)["id"]}
    return decisions


async def _recorded(memory: MemoryStore) -> None:
    await _talk(
        Run(memory, "one", follow_ids="true"), _answer(OLD, "Hello"),
        _answer("resp_two0two0two0", "So", previous_response_id=OLD),
    )  # fmt: skip


async def test_a_conversation_goes_on_after_its_beginning_was_recorded_again(memory: MemoryStore) -> None:
    """The new id counts as the old one if the answer says the same, and the next answer repeats the new id."""
    await _recorded(memory)
    again = Run(memory, "two", follow_ids="true")
    forward = await again.forward(_request("Hi"), Mode.WRITE_ONLY)
    assert await again.answering.keep(forward, _answer(NEW, "Hello", at=2)) is None
    decision = await again.ask(_request("And then?", previous_response_id=NEW))
    assert isinstance(decision, Hit)
    assert json.loads(decision.entry.body)["previous_response_id"] == NEW
    assert decision.cache_status.endswith("rebound=1")
    assert again.counts.host(HOST).rebound == {"minted ids": 1}


async def test_another_answer_is_another_conversation(memory: MemoryStore) -> None:
    """What the provider keeps under the new id is not what it kept under the old one."""
    await _recorded(memory)
    again = Run(memory, "two", follow_ids="true")
    forward = await again.forward(_request("Hi"), Mode.WRITE_ONLY)
    assert await again.answering.keep(forward, _answer(NEW, "Good morning", at=2)) is None
    await again.forward(_request("And then?", previous_response_id=NEW))


async def test_a_whole_replay_hits(memory: MemoryStore) -> None:
    """With its own recordings, and with those that were made without following."""
    await _recorded(memory)
    for follow in ("true", "false"):
        if follow == "false":
            memory = MemoryStore()
            await _talk(Run(memory, "one"), _answer(OLD, "Hello"), _answer("resp_two0two0two0", "So"))
        run = Run(memory, "two", follow_ids="true", cache_mode="read-only-require-hit")
        decisions = await _talk(run, _answer(NEW, "never"))
        assert all(isinstance(decision, Hit) for decision in decisions)
        assert run.counts.host(HOST).rebound == {}


async def test_nothing_follows_unless_it_is_asked_for(memory: MemoryStore) -> None:
    """An id that no answer of the run minted, and any id where the setting is off, is in the key as it is."""
    await _recorded(memory)
    run = Run(memory, "two", follow_ids="true")
    await run.forward(_request("And then?", previous_response_id=NEW))
    off = Run(memory, "three")
    forward = await off.forward(_request("Hi"), Mode.WRITE_ONLY)
    assert await off.answering.keep(forward, _answer(NEW, "Hello", at=2)) is None
    await off.forward(_request("And then?", previous_response_id=NEW))


async def test_two_ids_of_equal_answers_are_two(memory: MemoryStore) -> None:
    """Equal requests in order have entries of their own, so what they mint is not mixed up."""
    run = Run(memory, "one", follow_ids="true", repeat="sequence")
    for identifier in (OLD, NEW):
        forward = await run.forward(_request("Hi"))
        assert await run.answering.keep(forward, _answer(identifier, "Hello")) is None
    keys = [
        (await run.forward(_request("Go on", previous_response_id=each), Mode.WRITE_ONLY)).key
        for each in (OLD, NEW)
    ]
    assert len({key.partition(".")[0] for key in keys}) == 2


def test_ids_and_times_say_nothing() -> None:
    """All else does; a body that is not JSON counts as it is."""

    def digest(value: Any) -> str:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return says_besides_ids(Entry("k", 200, "OK", JSON, body, 1.0, 1.0, "r"), {OLD, NEW})

    thread = {"id": OLD, "object": "thread", "created_at": 1, "metadata": {"a": "b"}}
    assert digest(thread) == digest(thread | {"id": NEW, "created_at": 2})
    assert digest(thread) != digest(thread | {"metadata": {"a": "c"}})
    assert digest(thread) != digest(thread | {"created_at": {"a": 1}})
    assert digest(b"x") != digest(b"y")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "item",
    [
        {"type": "image_generation_call", "id": OLD, "result": "AAAA"},
        {"type": "mcp_call", "id": OLD, "name": "f", "arguments": "{}", "output": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "data": "AAAA"}]},
        {"type": "message", "parts": [{"inlineData": {"data": "AAAA"}}]},
    ],
)
def test_what_an_answer_holds_besides_words_counts(item: dict[str, Any], streamed: bool) -> None:
    """The same words may come with another image, or with what a tool of the provider has found."""
    words = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Here"}]}

    def digest(*output: dict[str, Any], spent: int = 1) -> str:
        response = {
            "id": OLD, "object": "response", "status": "completed", "output": [*output, words],
            "usage": {"total_tokens": spent},
        }  # fmt: skip
        body = json.dumps(response)
        kind = b"application/json"
        if streamed:
            body = f'data: {{"type":"response.completed","response":{body}}}\n\n'
            kind = b"text/event-stream"
        entry = Entry("k", 200, "OK", ((b"content-type", kind),), body.encode(), 1.0, 1.0, "r")
        return says_besides_ids(entry, {OLD, NEW})

    other = json.loads(json.dumps(item).replace("AAAA", "BBBB").replace('"x"', '"y"'))
    again = json.loads(json.dumps(item).replace(OLD, NEW))
    assert digest(item) == digest(again, spent=2)
    assert len({digest(item), digest(other), digest()}) == 3
