"""Responses over a WebSocket without sockets: turns that are answered from the cache and turns that go live."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any
from unittest.mock import ANY

import pytest

from addon.exchange.decisions import Forward, Hit
from addon.exchange.response_turns import ResponseTurns
from addon.messages import LiveAnswer, WireRequest
from addon.sockets import turns
from addon.sockets.conversation import (
    Action,
    Close,
    Closed,
    Connect,
    Event,
    Opened,
    Refused,
    Said,
    Say,
    Started,
    TooLong,
)
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import Run
from tests.addon.exchange.test_sessions import Told

UPGRADE = WireRequest(
    "GET",
    "https",
    "api.openai.com",
    443,
    "/v1/responses",
    ((b"upgrade", b"websocket"), (b"openai-beta", b"responses_websockets=2026-02-06")),
    b"",
)


def create(text: str, **more: object) -> str:
    """A client's frame."""
    return json.dumps({"type": "response.create", "model": "m", "input": text, **more})


def events(text: str, number: int = 1, lane: str = "") -> list[str]:
    """The events of a whole response."""
    response: dict[str, Any] = {
        "id": f"resp_{number}",
        "object": "response",
        "status": "in_progress",
        "output": [],
    }
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"type": "message", "status": "completed", "role": "assistant", "content": content}
    frames = [
        {"type": "response.created", "response": response},
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [message]}},
    ]
    return [json.dumps(frame | ({"stream_id": lane} if lane else {})) for frame in frames]


async def on(session: Any, event: Event) -> list[Action]:
    """The actions after an event."""
    done = session.on(event)
    return await done if isinstance(done, Awaitable) else done


async def opened(run: Run) -> ResponseTurns:
    """A session that has been opened."""
    session = await run.answering.converse(UPGRADE, None)
    assert isinstance(session, ResponseTurns)
    assert not session.forwards_upgrade
    assert await on(session, Started(False, "")) == []
    return session


async def live(session: ResponseTurns, frame: str, answer: list[str], *, first: bool = True) -> None:
    """A turn that goes to the provider."""
    assert await on(session, Said(True, frame)) == ([Connect()] if first else [Say(False, frame)])
    if first:
        assert await on(session, Opened()) == [Say(False, frame)]
    for event in answer:
        assert await on(session, Said(False, event)) == [Say(True, event)]


def told(actions: list[Action]) -> list[Any]:
    """What the client is told, parsed."""
    return [json.loads(action.data) for action in actions if isinstance(action, Say) and action.to_client]


def parsed(texts: list[str]) -> list[Any]:
    """Frames, parsed."""
    return [json.loads(text) for text in texts]


async def test_turns_are_recorded_and_replayed_one_by_one(memory: MemoryStore) -> None:
    """A later turn sends its new items only; a replay opens no socket to the provider."""
    run = Run(memory)
    session = await opened(run)
    await live(session, create("one"), events("ONE", 1))
    await live(session, create("two", previous_response_id="resp_1"), events("TWO", 2), first=False)
    assert await on(session, Closed(True, 1000, "")) == [Close(False, 1000, "")]
    assert run.host["stored"] == 2
    later = Run(memory, "later", cache_mode="read-only-require-hit")
    session = await opened(later)
    assert told(await on(session, Said(True, create("one")))) == parsed(events("ONE", 1))
    again = create("two", previous_response_id="resp_1")
    assert told(await on(session, Said(True, again))) == parsed(events("TWO", 2))
    assert await on(session, Closed(True, 1000, "")) == []
    assert later.host["hits"] == 2


async def test_a_first_turn_shares_its_entry_with_http(memory: MemoryStore) -> None:
    """In both directions."""
    run = Run(memory)
    await live(await opened(run), create("one"), events("ONE"))
    body = json.dumps({"model": "m", "input": "one", "stream": True}).encode()
    headers = ((b"content-type", b"application/json"),)
    post = WireRequest("POST", "https", "api.openai.com", 443, "/v1/responses", headers, body)
    decision = await run.ask(post)
    assert isinstance(decision, Hit)
    assert decision.entry.headers == turns.STREAM
    other = post.__class__(
        "POST", "https", "api.openai.com", 443, "/v1/responses", headers, body.replace(b"one", b"two")
    )
    forward = await run.ask(other)
    assert isinstance(forward, Forward)
    answer = LiveAnswer(200, "OK", turns.STREAM, turns.stream_of(events("TWO")))
    assert await run.answering.keep(forward, answer) is None
    session = await opened(run)
    assert told(await on(session, Said(True, create("two")))) == parsed(events("TWO"))


async def test_a_turn_goes_on_from_the_answer_that_it_names(memory: MemoryStore) -> None:
    """An id that another answer minted is another question, even where a provider repeats its ids."""
    run = Run(memory)
    for text in ("a", "b"):
        session = await opened(run)
        await live(session, create(text), events(text.upper(), 1))
        await live(
            session, create("go on", previous_response_id="resp_1"), events(f"{text} goes on", 2), first=False
        )
    later = Run(memory, "later", cache_mode="read-only-require-hit")
    for text in ("a", "b"):
        session = await opened(later)
        await on(session, Said(True, create(text)))
        actions = await on(session, Said(True, create("go on", previous_response_id="resp_1")))
        assert told(actions)[1]["delta"] == f"{text} goes on"


async def test_the_key_of_an_answer_is_no_credential(memory: MemoryStore) -> None:
    """It would push those of the run out of its memory, and keep that answer from being stored again."""
    for name in ("run", "later"):
        run = Run(memory, name, cache_mode="write-only")
        for _ in range(2):
            session = await opened(run)
            await live(session, create("one"), events("ONE", 1))
            await live(session, create("two", previous_response_id="resp_1"), events("TWO", 2), first=False)
        assert run.answering.peer.taint.known() == []
        assert run.host["stored"] == 4


async def test_turns_that_are_passed_on_unrecorded_count_in_the_budget(memory: MemoryStore) -> None:
    """They cost as much, and a credential in one is known from then on."""
    run = Run(memory, max_live="2")
    session = await opened(run)
    steer = '{"type":"response.steer"}'
    assert await on(session, Said(True, steer)) == [Connect()]
    assert await on(session, Opened()) == [Say(False, steer)]
    tool = {"type": "mcp", "authorization": "made-up-token-of-a-tool-0123456789"}
    for frame in (create("one", tools=[tool]), create("two")):
        assert await on(session, Said(True, frame)) == [Say(False, frame)]
    assert run.answering.peer.taint.found_in(b"made-up-token-of-a-tool-0123456789")
    actions = await on(session, Said(True, create("three")))
    assert "PROVIDER_PROXY_MAX_LIVE" in told(actions)[0]["error"]["message"]
    assert [type(action) for action in actions] == [Say, Close, Close]
    session = await opened(run)
    assert [type(action) for action in await on(session, Said(True, steer))] == [Say, Close]


async def test_the_rest_of_another_response_is_no_answer(memory: MemoryStore) -> None:
    """After an error the provider may go on with the response before, while the next request is on its way."""
    run = Run(memory)
    session = await opened(run)
    one, two = events("ONE", 1), events("TWO", 2)
    await on(session, Said(True, create("one")))
    await on(session, Opened())
    error = '{"type":"error","error":{"message":"unknown parameter"}}'
    for event in (one[0], error):
        await on(session, Said(False, event))
    assert await on(session, Said(True, create("two"))) == [Say(False, create("two"))]
    for event in one[1:]:
        assert (await on(session, Said(False, event)))[0] == Say(True, event)
    assert await on(session, Said(True, create("three"))) == [Say(False, create("three"))]
    for event in two:
        await on(session, Said(False, event))
    assert "stored" not in run.host


async def test_a_response_has_one_id(memory: MemoryStore) -> None:
    """Events of another one are not part of an answer, nor is one without a beginning an answer."""
    for wrong in ([events("ONE", 1)[0], events("TWO", 2)[2]], events("ONE", 1)[1:]):
        run = Run(memory)
        session = await opened(run)
        await live(session, create("one"), wrong)
        await on(session, Said(True, create("two")))
        for event in events("TWO", 2):
            await on(session, Said(False, event))
        assert run.host["not_stored"] == {"session": 1}
        assert "stored" not in run.host


async def test_a_request_that_is_refused_leaves_the_next_one_to_be_recorded(memory: MemoryStore) -> None:
    """An error with a status, before any response, answers the request that is on its way."""
    run = Run(memory)
    session = await opened(run)
    await live(session, create("one"), ['{"type":"error","status":429,"error":{"message":"slow"}}'])
    await live(session, create("two"), events("TWO", 2), first=False)
    assert run.host["not_stored"] == {"status 429": 1}
    assert run.host["stored"] == 1


async def test_a_miss_is_explained_and_closes_the_socket(memory: MemoryStore) -> None:
    """The error event has the whole explanation, the close frame a short one."""
    run = Run(memory)
    question = "Where is the parcel that I ordered at your shop three weeks ago, by express, to my office? "
    await live(await opened(run), create(f"{question}Please"), events("ONE"))
    later = Run(memory, "later", cache_mode="read-only-require-hit")
    session = await opened(later)
    actions = await on(session, Said(True, create(f"{question}Thanks")))
    (event,) = told(actions)
    assert event["type"] == "error"
    assert event["error"]["code"] == "provider_proxy_cache_miss"
    assert "/input" in event["error"]["message"]
    close = actions[-1]
    assert isinstance(close, Close)
    assert close.code == 1011
    assert close.reason.startswith("provider-proxy:")
    assert len(close.reason.encode()) <= 123


async def test_lanes_do_not_mix(memory: MemoryStore) -> None:
    """Several responses on one socket, each recorded by itself; equal turns of a lane wait for each other."""
    run = Run(memory)
    session = await opened(run)
    one, two = create("one", stream_id="a"), create("two", stream_id="b")
    assert await on(session, Said(True, one)) == [Connect()]
    assert await on(session, Said(True, two)) == []
    assert await on(session, Said(True, create("three", stream_id="a"))) == []
    assert await on(session, Opened()) == [Say(False, one), Say(False, two)]
    in_a, in_b = events("ONE", 1, "a"), events("TWO", 2, "b")
    for event in (in_a[0], in_b[0], in_b[1], in_a[1], in_b[2]):
        assert await on(session, Said(False, event)) == [Say(True, event)]
    assert await on(session, Said(False, in_a[2])) == [
        Say(True, in_a[2]),
        Say(False, create("three", stream_id="a")),
    ]
    later = await opened(Run(memory, "later", cache_mode="read-only-require-hit"))
    assert told(await on(later, Said(True, create("two", stream_id="x")))) == parsed(events("TWO", 2, "x"))
    assert told(await on(later, Said(True, create("one")))) == parsed(events("ONE", 1))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ([Closed(True, 1000, "")], "client-left"),
        ([Closed(False, 1006, "")], "cut-off"),
        ([Said(False, '{"type":"response.failed","response":{"status":"failed"}}')], "failed"),
        ([Said(False, '{"type":"error","status":429,"error":{"message":"slow"}}')], "status 429"),
        ([Said(False, '{"type":"error","error":{"message":"no"}}')], "error-in-stream"),
        ([Said(False, json.dumps({"type": "x", "a": "y" * 5000})), Said(False, events("A")[2])], "too-large"),
        ([Said(True, '{"type":"response.steer"}'), Said(False, events("A")[2])], "session"),
        ([TooLong(False)], "too-large"),
    ],
)
async def test_what_is_not_kept(memory: MemoryStore, after: list[Event], reason: str) -> None:
    """A turn without its whole answer, or one that something else has changed."""
    run = Run(memory, max_body="4000")
    session = await opened(run)
    await on(session, Said(True, create("one")))
    await on(session, Opened())
    await on(session, Said(False, events("A")[0]))
    for event in after:
        await on(session, event)
    session.gone()
    assert run.host["not_stored"] == {reason: 1}
    assert not list(memory.keys())


async def test_a_provider_that_refuses_is_told_of(memory: MemoryStore) -> None:
    """With its own error, as an event."""
    run = Run(memory)
    session = await opened(run)
    await on(session, Said(True, create("one")))
    actions = await on(session, Refused(401, b'{"error":{"message":"bad key","code":"invalid_api_key"}}'))
    assert told(actions)[0]["error"]["code"] == "invalid_api_key"
    assert isinstance(actions[-1], Close)
    other = await opened(run)
    await on(other, Said(True, create("two")))
    assert "did not answer" in told(await on(other, Refused(0, b"")))[0]["error"]["message"]
    assert run.host["not_stored"] == {"status 401": 1, "unreachable": 1}


async def test_after_a_refusal_the_next_upgrade_is_the_providers(memory: MemoryStore) -> None:
    """A client of a server without WebSockets must see that, to fall back to HTTP. A bad key says nothing of it."""
    run = Run(memory)
    for status in (401, 404):
        session = await opened(run)
        await on(session, Said(True, create("one")))
        await on(session, Refused(status, b""))
    decision = await run.answering.converse(UPGRADE, None)
    assert isinstance(decision, Forward)
    assert decision.identity is None
    assert isinstance(await run.answering.converse(UPGRADE, "read-only-require-hit"), ResponseTurns)


async def test_frames_that_ask_for_nothing(memory: MemoryStore) -> None:
    """An acknowledgement needs no provider; any other frame does, and is refused where nothing may be sent."""
    run = Run(memory, cache_mode="read-only-require-hit")
    session = await opened(run)
    assert await on(session, Said(True, '{"type":"response.processed"}')) == []
    for frame in ("not JSON", b"\0", '{"type":"response.steer"}', "[]"):
        actions = await on(await opened(run), Said(True, frame))
        assert isinstance(actions[-1], Close)
        assert actions[-1].code == 1011


async def test_waiting_turns_are_bounded(memory: MemoryStore) -> None:
    """By lane and in the number of lanes."""
    for lanes in (False, True):
        session = await opened(Run(memory, f"run {lanes}"))
        actions: list[Action] = []
        for number in range(70):
            actions += await on(session, Said(True, create("x", stream_id=f"{number * lanes}")))
        assert actions == [
            Connect(),
            Close(True, 1011, "too many requests are waiting on this WebSocket"),
            ANY,
        ]


async def test_each_turn_is_shown(memory: MemoryStore) -> None:
    """A live one, its end, and a hit."""
    told = Told()
    run = Run(memory)
    run.answering.shows = told
    session = await opened(run)
    await live(session, create("one"), events("ONE"))
    await on(session, Said(True, create("one")))
    assert told.rows == [("WebSocket", "Forward"), ("ended", "stored"), ("WebSocket", "Hit")]
