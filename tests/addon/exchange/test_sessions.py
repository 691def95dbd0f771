"""WebSocket sessions without sockets: recorded, replayed, missed."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from addon.exchange import sessions
from addon.exchange.decisions import Decision, Forward, OwnAnswer
from addon.exchange.sessions import Session
from addon.messages import WireRequest
from addon.settings.modes import Mode
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
from addon.sockets.transcript import Transcript
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import Broken, Run

URL = "/v1/realtime?model=m"
UPGRADE = WireRequest(
    "GET",
    "https",
    "api.openai.com",
    443,
    URL,
    ((b"upgrade", b"websocket"), (b"authorization", b"Bearer made-up-credential-0123456789")),
    b"",
)
CREATED = '{"type":"session.created","event_id":"e1","session":{"id":"s1"}}'
LONG = "You answer questions of customers who ask where their parcel is. Speak as the clerks of the shop do. "
UPDATE = {"type": "session.update", "event_id": "c1", "session": {"instructions": f"{LONG}Be brief"}}
UPDATED = '{"type":"session.updated","event_id":"e2"}'


def ask(text: str) -> dict[str, Any]:
    """A client's frame with this text."""
    return {"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": text}]}}


def answers(text: str) -> list[str]:
    """A provider's frames with this text."""
    return [
        '{"type":"response.created"}',
        json.dumps({"type": "response.text.delta", "delta": text}),
        '{"type":"response.done","response":{"status":"completed"}}',
    ]


async def on(session: Any, event: Event) -> list[Action]:
    """The actions after an event."""
    done = session.on(event)
    return await done if isinstance(done, Awaitable) else done


def said(actions: list[Action]) -> list[str | bytes]:
    """What goes to the client."""
    return [action.data for action in actions if isinstance(action, Say) and action.to_client]


async def opened(run: Run, upgrade: WireRequest = UPGRADE) -> Any:
    """A session that has been opened."""
    session = await run.answering.converse(upgrade, None)
    assert isinstance(session, Session)
    return session


async def record(run: Run, *texts: str, first: str = CREATED) -> Any:
    """A live session: a greeting, an update, and an answer to each text."""
    session = await opened(run)
    assert session.forwards_upgrade
    await on(session, Started(True, ""))
    await on(session, Said(False, first))
    await on(session, Said(True, json.dumps(UPDATE)))
    await on(session, Said(False, UPDATED))
    for text in texts:
        assert await on(session, Said(True, json.dumps(ask(text)))) == [Say(False, json.dumps(ask(text)))]
        for answer in answers(text.upper()):
            assert await on(session, Said(False, answer)) == [Say(True, answer)]
    assert await on(session, Closed(True, 1000, "")) == [Close(False, 1000, "")]
    return session


async def replay(run: Run, *texts: str) -> list[list[Action]]:
    """The actions after the start, the update and each text."""
    session = await opened(run)
    assert not session.forwards_upgrade
    found = [await on(session, Started(False, ""))]
    frames = (UPDATE | {"event_id": "another"}, *map(ask, texts))
    found += [await on(session, Said(True, json.dumps(frame, indent=1))) for frame in frames]
    await on(session, Closed(True, 1000, ""))
    return found


async def test_a_session_is_replayed_frame_by_frame(memory: MemoryStore) -> None:
    """Each of the provider's frames comes after those of the client that it needs; ids of the client do not count."""
    recording = Run(memory)
    await record(recording, "one", "two")
    assert recording.host["stored"] == recording.host["misses"] == 1
    run = Run(memory, "later", cache_mode="read-only-require-hit")
    steps = [said(actions) for actions in await replay(run, "one", "two")]
    assert steps == [[CREATED], [UPDATED], answers("ONE"), answers("TWO")]
    assert run.host["hits"] == run.host["requests"] == 1
    assert "misses" not in run.host


async def test_a_client_that_speaks_first_is_answered_too(memory: MemoryStore) -> None:
    """All its frames come before the provider's first."""
    await record(Run(memory), "one")
    session = await opened(Run(memory, "later", cache_mode="read-only-require-hit"))
    told = []
    for frame in (UPDATE, ask("one")):
        told += said(await on(session, Said(True, json.dumps(frame))))
    assert told == [CREATED, UPDATED, *answers("ONE")]


async def test_sessions_that_begin_alike_are_told_apart(memory: MemoryStore) -> None:
    """By the first frame that differs, although both have the same update; and both stay."""
    run = Run(memory)
    await record(run, "one")
    session = await opened(run)
    assert said(await on(session, Started(False, ""))) == [CREATED]
    assert said(await on(session, Said(True, json.dumps(UPDATE)))) == [UPDATED]
    other = json.dumps(ask("two"))
    assert await on(session, Said(True, other)) == [Connect()]
    assert await on(session, Opened()) == [Say(False, json.dumps(UPDATE)), Say(False, other)]
    for repeated in (CREATED.replace("s1", "s2"), UPDATED.replace("e2", "e9")):
        assert await on(session, Said(False, repeated)) == []
    for answer in answers("TWO"):
        assert await on(session, Said(False, answer)) == [Say(True, answer)]
    await on(session, Closed(True, 1000, ""))
    assert run.host["stored"] == 2
    for text in ("one", "two"):
        later = Run(memory, f"later {text}", cache_mode="read-only-require-hit")
        assert said((await replay(later, text))[-1]) == answers(text.upper())


async def test_another_frame_is_a_miss_that_names_its_place(memory: MemoryStore) -> None:
    """The socket is closed with 1011, and the report has the nearest frame and its JSON Pointer."""
    await record(Run(memory), "one")
    run = Run(memory, "later", cache_mode="read-only-require-hit")
    actions = (await replay(run, "another"))[-1]
    event, close = actions
    assert isinstance(event, Say)
    assert isinstance(event.data, str)
    assert isinstance(close, Close)
    message = json.loads(event.data)["error"]["message"]
    assert "/item/content/0/text" in message
    assert "“one” / “another”" in message
    assert (close.to_client, close.code) == (True, 1011)
    assert "frame 2" in close.reason
    assert "/item/content/0/text" in close.reason
    assert run.host["misses"] == 1
    assert "hits" not in run.host
    (missed,) = run.counts.missed.values()
    assert missed.why["differences"][0]["place"] == "/item/content/0/text"


async def test_a_first_frame_that_differs_is_explained_by_the_nearest(memory: MemoryStore) -> None:
    """The recordings of the same URL are compared."""
    await record(Run(memory), "one")
    run = Run(memory, "later", cache_mode="read-only-require-hit")
    session = await opened(run)
    frame = {"type": "session.update", "session": {"instructions": f"{LONG}Be polite"}}
    actions = await on(session, Said(True, json.dumps(frame)))
    run.answering.explaining.close()
    assert isinstance(actions[-1], Close)
    assert actions[-1].code == 1011
    (missed,) = run.counts.missed.values()
    assert missed.why["differences"][0]["place"] == "/frames/0/session/instructions"


async def test_without_a_recording_nothing_is_opened(memory: MemoryStore) -> None:
    """In a mode that sends nothing the upgrade itself is the miss."""
    run = Run(memory, cache_mode="read-only-require-hit")
    own = await run.answering.converse(UPGRADE, None)
    assert isinstance(own, OwnAnswer)
    assert own.kind == "provider_proxy_cache_miss"
    assert run.host == {"requests": 1, "misses": 1}


async def test_a_session_that_ends_before_the_provider_has_repeated_it_is_not_kept(
    memory: MemoryStore,
) -> None:
    """Nobody knows whether the recorded and the live part belong together."""
    run = Run(memory)
    await record(run, "one")
    session = await opened(run)
    await on(session, Started(False, ""))
    for frame in (UPDATE, ask("two")):
        await on(session, Said(True, json.dumps(frame)))
    await on(session, Opened())
    await on(session, Said(False, CREATED))
    await on(session, Closed(True, 1000, ""))
    assert run.host["not_stored"] == {"client-left": 1}


async def test_a_store_that_fails_does_not_fail_a_session() -> None:
    """The provider is told of the end as ever, and nothing is stored."""
    store = Broken()
    store.broken = False
    run = Run(store)
    session = await opened(run)
    await on(session, Said(True, "hi"))
    await on(session, Said(False, "hello"))
    store.broken = True
    assert await on(session, Closed(True, 1000, "")) == [Close(False, 1000, "")]
    assert run.host["not_stored"] == {"store-failed": 1}


async def test_a_frame_that_is_too_long_for_a_recording_is_a_miss(memory: MemoryStore) -> None:
    """No recording has it."""
    await record(Run(memory), "one")
    run = Run(memory, "later", cache_mode="read-only-require-hit")
    session = await opened(run)
    assert isinstance((await on(session, TooLong(True)))[-1], Close)
    assert run.host["misses"] == 1


async def test_a_live_session_that_says_something_else_is_not_mixed(memory: MemoryStore) -> None:
    """The two are one conversation only if the provider repeats what was replayed; else the recording is set aside."""
    run = Run(memory)
    await record(run, "one", "two")
    session = await opened(run)
    await on(session, Started(False, ""))
    for frame in (UPDATE, ask("one")):
        await on(session, Said(True, json.dumps(frame)))
    assert await on(session, Said(True, json.dumps(ask("three")))) == [Connect()]
    await on(session, Opened())
    for repeated in (CREATED, UPDATED, answers("ONE")[0]):
        assert await on(session, Said(False, repeated)) == []
    actions = await on(session, Said(False, answers("ANOTHER")[1]))
    assert [type(action) for action in actions] == [Say, Close, Close]
    assert run.host["stored"] == 1


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Closed(True, 1006, ""), None),
        (Closed(False, 1011, ""), None),
        (Said(True, b"\0"), "session"),
        (Said(True, '{"type":"input_audio_buffer.append","audio":"AAAA"}'), "session"),
        (Said(False, b"\0"), "session"),
        (TooLong(True), "too-large"),
        (Said(False, '{"type":"response.created"}'), "client-left"),
        (Said(False, '{"type":"error","error":{}}'), "error-in-stream"),
        (Said(False, '{"type":"x","client_secret":{"value":"ek_0123456789abcdef0123456789"}}'), "secret"),
        (Said(False, '{ "client_secret":"ek_0123456789abcdef0123456789" }'), "secret"),
        (Said(False, "made-up-credential-0123456789"), "secret"),
        (Said(False, "x" * 2000), "too-large"),
    ],
)
async def test_what_is_not_kept(memory: MemoryStore, event: Event, reason: str | None) -> None:
    """A session is kept only if it ended well, is text, is not too long and holds no secret."""
    run = Run(memory, max_body="1500")
    session = await opened(run)
    await on(session, Started(True, ""))
    for frame in (CREATED, *answers("A")):
        await on(session, Said(False, frame))
    await on(session, Said(True, json.dumps(UPDATE)))
    await on(session, event)
    await on(session, Closed(True, 1000, ""))
    assert run.host.get("not_stored", {}) == ({reason: 1} if reason else {})
    assert len(list(memory.keys())) == (0 if reason else 2)


async def test_a_secret_that_is_told_in_pieces_is_not_stored(memory: MemoryStore) -> None:
    """A model repeats it token by token: no frame has it whole, and the client reads it whole."""
    run = Run(memory)
    session = await opened(run)
    await on(session, Said(True, json.dumps(ask("one"))))
    for piece in ("made-up-cred", "ential-01234", "56789"):
        delta = {"type": "response.text.delta", "item_id": "item_1", "delta": piece}
        await on(session, Said(False, json.dumps(delta)))
    await on(session, Closed(True, 1000, ""))
    assert run.host["not_stored"] == {"secret": 1}
    assert not list(memory.iterate())


async def test_an_event_id_counts_where_no_reference_says_what_it_is(memory: MemoryStore) -> None:
    """OpenAI's only names a frame in error messages. Elsewhere it may name what is asked for."""
    upgrade = replace(UPGRADE, target="/v1/listen")
    run = Run(memory)
    session = await opened(run, upgrade)
    await on(session, Started(True, ""))
    await on(session, Said(True, '{"event_id":1}'))
    await on(session, Said(False, "the first event"))
    await on(session, Closed(True, 1000, ""))
    assert run.host["stored"] == 1
    later = Run(memory, "later", cache_mode="read-only-require-hit")
    session = await opened(later, upgrade)
    assert said(await on(session, Said(True, '{"event_id":2}'))) == []
    assert later.host["misses"] == 1


async def test_a_secret_of_the_client_is_not_in_the_recording(memory: MemoryStore) -> None:
    """Its frames are redacted as bodies are."""
    run = Run(memory)
    session = await opened(run)
    secret = "made-up-token-of-a-tool-0123456789"
    tool = {"type": "session.update", "session": {"tools": [{"type": "mcp", "authorization": secret}]}}
    await on(session, Said(True, json.dumps(tool)))
    await on(session, Said(False, UPDATED))
    await on(session, Closed(True, 1000, ""))
    assert run.host["stored"] == 1
    for entry in memory.iterate():
        assert secret.encode() not in b"".join(entry.pieces())
    later = await opened(Run(memory, "later", cache_mode="read-only-require-hit"))
    assert said(await on(later, Said(True, json.dumps(tool)))) == [UPDATED]


async def test_sound_is_refused_where_nothing_is_sent_and_passes_elsewhere(memory: MemoryStore) -> None:
    """It is not recorded yet, and it says so."""
    await record(Run(memory), "one")
    sound = '{"type":"input_audio_buffer.append","audio":"AAAA"}'
    strict = Run(memory, "strict", cache_mode="read-only-require-hit")
    actions = await on(await opened(strict), Said(True, sound))
    assert isinstance(actions[-1], Close)
    assert actions[-1].code == 1011
    assert any("sound" in missed.line for missed in strict.counts.missed.values())
    run = Run(memory, "live")
    session = await opened(run)
    assert await on(session, Said(True, sound)) == [Connect()]
    assert await on(session, Opened()) == [Say(False, sound)]
    assert await on(session, Said(False, CREATED)) == [Say(True, CREATED)]
    await on(session, Closed(True, 1000, ""))
    assert run.host["not_stored"] == {"session": 1}


async def test_a_provider_that_refuses_the_upgrade_is_told_of(memory: MemoryStore) -> None:
    """After our own answer to the upgrade only a close can say it."""
    run = Run(memory)
    await record(run, "one")
    session = await opened(run)
    assert await on(session, Said(True, json.dumps(ask("first")))) == [Connect()]
    actions = await on(session, Refused(401, b""))
    assert isinstance(actions[-1], Close)
    assert "401" in actions[-1].reason
    session.gone()
    assert run.host["not_stored"] == {"status": 1}


@pytest.mark.parametrize("is_long", [True, False])
async def test_long_sessions_are_read_and_written_in_threads(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, *, is_long: bool
) -> None:
    """Others would wait for them. Short ones need no thread."""
    on_loop: dict[str, list[bool]] = {}

    def watch(owner: Any, name: str) -> None:
        work = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            on_loop.setdefault(name, []).append(threading.current_thread() is threading.main_thread())
            return work(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    watch(Transcript, "encode")
    watch(Transcript, "decode")
    watch(sessions, "why_not_whole")
    watch(Session, "_frame")
    question = Said(True, json.dumps(ask("one " * (20_000 if is_long else 1))))
    session = await opened(Run(memory))
    assert await on(session, question) == [Say(False, question.data)]
    for answer in answers("A"):
        await on(session, Said(False, answer))
    await on(session, Closed(True, 1000, ""))
    session = await opened(Run(memory, "later", cache_mode="read-only-require-hit"))
    assert said(await on(session, question)) == answers("A")
    assert on_loop == {
        "_frame": [not is_long] * 2,
        "why_not_whole": [not is_long],
        "encode": [not is_long] * 2,
        "decode": [True, not is_long],  # the opening is short
    }


async def test_a_damaged_recording_is_a_miss(memory: MemoryStore) -> None:
    """Whoever wrote it."""
    await record(Run(memory), "one")
    for entry in list(memory.iterate()):
        object.__setattr__(entry, "body", b'{"websocket":1,"frames":7}')
        memory.put(entry)
    session = await opened(Run(memory, "later"))
    assert session.forwards_upgrade


@pytest.mark.parametrize("mode", ["off"])
async def test_a_mode_that_neither_serves_nor_stores_passes_it(memory: MemoryStore, mode: str) -> None:
    """As before."""
    decision = await Run(memory, cache_mode=mode).answering.converse(UPGRADE, None)
    assert isinstance(decision, Forward)
    assert decision.identity is None


async def test_the_opening_does_not_shrink(memory: MemoryStore) -> None:
    """A client that began early leaves the provider's greeting for one that waits for it."""
    run = Run(memory)
    session = await opened(run)
    await on(session, Said(True, json.dumps(UPDATE)))
    await on(session, Said(False, CREATED))
    await on(session, Said(False, UPDATED))
    await on(session, Closed(True, 1000, ""))
    openings = [Transcript.decode(entry.body).answers for entry in memory.iterate()]
    assert [(0, CREATED)] in openings
    later = Run(memory, "later", cache_mode="read-only-require-hit")
    assert [said(step) for step in await replay(later)] == [[CREATED], [UPDATED]]


@pytest.mark.parametrize("is_same", [True, False])
async def test_a_test_without_a_recording_has_the_plain_one_if_all_say_the_same(
    memory: MemoryStore, is_same: bool
) -> None:
    """Apart from ids, as for requests. Otherwise nobody knows which answer the test would get."""
    from addon.scopes.scope import Scope

    for name, scope, text in (
        ("run", None, "A"),
        ("second", Scope(client="", test="a"), "A" if is_same else "B"),
    ):
        run = Run(memory, name, repeat="per-test", cache_mode="write-only")
        session: Any = await run.answering.converse(UPGRADE, None, scope)
        await on(session, Said(True, "hello"))
        await on(session, Said(False, json.dumps({"event_id": name, "text": text})))
        await on(session, Closed(True, 1000, ""))
    later = Run(memory, "later", cache_mode="read-only-require-hit", repeat="per-test")
    session = await later.answering.converse(UPGRADE, None, Scope(client="", test="b"))
    heard = said(await on(session, Said(True, "hello")))
    assert ([json.loads(text).get("text") for text in heard] == ["A"]) is is_same


async def test_each_test_has_its_own_recording_with_per_test(memory: MemoryStore) -> None:
    """Two tests that say the same may get different answers."""
    from addon.scopes.scope import Scope

    scopes = [Scope(client="", test=name) for name in ("a", "b")]
    run = Run(memory, repeat="per-test")
    for scope, text in zip(scopes, ("A", "B"), strict=True):
        session: Any = await run.answering.converse(UPGRADE, None, scope)
        await on(session, Said(True, "hello"))
        await on(session, Said(False, text))
        await on(session, Closed(True, 1000, ""))
    later = Run(memory, "later", cache_mode="read-only-require-hit", repeat="per-test")
    for scope, text in zip(scopes, ("A", "B"), strict=True):
        session = await later.answering.converse(UPGRADE, None, scope)
        assert said(await on(session, Said(True, "hello"))) == [text]
        await on(session, Closed(True, 1000, ""))
    assert [verdict.hits for verdict in later.counts.tests.values()] == [1, 1]


class Told:
    """What is shown of sessions."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def decided(self, method: str, host: str, decision: Decision, verdict: object) -> None:
        """What is done."""
        assert (host, verdict) == ("api.openai.com", None)
        self.rows.append((method, type(decision).__name__))

    def ended(self, forward: Forward, reason: str | None, verdict: object) -> None:
        """What became of it."""
        assert forward.on_socket
        self.rows.append(("ended", reason or "stored"))


async def test_each_session_is_shown(memory: MemoryStore) -> None:
    """A live one and its end, a hit, a miss, and a hit of an opening alone."""
    told = Told()
    run = Run(memory)
    run.answering.shows = told
    await record(run, "one")
    await replay(run, "one")
    run.answering.mode = Mode.REQUIRE_HIT
    await replay(run, "two")
    session = await opened(run)
    await on(session, Started(False, ""))
    session.gone()
    assert told.rows == [
        ("WebSocket", "Forward"), ("ended", "stored"), ("WebSocket", "Hit"), ("WebSocket", "OwnAnswer"),
        ("WebSocket", "Hit"),
    ]  # fmt: skip
