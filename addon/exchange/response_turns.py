"""OpenAI's Responses API over a WebSocket: each `response.create` is a request of its own.

It has the identity of the POST that asks the same, so that a first turn shares its entry with HTTP. The proxy
answers the upgrade itself and opens the provider's socket for the first turn that is not in the cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Protocol

from addon.exchange.coordination import Peer
from addon.exchange.decisions import Decision, Forward, Hit, Injected, OwnAnswer
from addon.exchange.minted import digest_of
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.scopes.scope import Scope
from addon.sockets import turns
from addon.sockets.conversation import (
    INTERNAL_ERROR,
    TOO_LONG,
    Action,
    Close,
    Closed,
    Connect,
    Event,
    Opened,
    Refused,
    Said,
    Say,
    TooLong,
    short_reason,
)
from addon.sockets.frames import json_object
from addon.sockets.upgrade import turn_request
from cache_store.entry import Headers

__all__ = ["ResponseTurns", "Turns"]

_MOST_WAITING = 64  # turns of one lane, and lanes
_BUSY = "too many requests are waiting on this WebSocket"
_JSON: Headers = ((b"content-type", b"application/json"),)


class Turns(Protocol):
    """What a session needs of the cache; see `Answering`."""

    peer: Peer

    def decide(
        self,
        request: WireRequest,
        asked: str | None,
        bypass: str = "",
        scope: Scope | None = None,
        *,
        alone: bool = False,
    ) -> Decision | Awaitable[Decision]:
        """What to do with a request."""

    def show_turn(self, request: WireRequest, decision: Decision, scope: Scope | None) -> None:
        """Show what is done with a turn."""

    def note_no_websocket(self, upgrade: WireRequest, status: int) -> None:
        """The provider has refused this upgrade."""

    async def keep(self, forward: Forward, live: LiveAnswer) -> NotStored | None:
        """Store the whole answer to `forward`."""

    def give_up(self, forward: Forward, reason: NotStored) -> None:
        """Store nothing for `forward`."""


@dataclass(slots=True)
class _Turn:
    """A request on its way, and the events of its answer so far, which tell the id `response`."""

    forward: Forward
    response: str = ""
    events: list[str] = field(default_factory=list)
    size: int = 0
    problem: NotStored | None = None


@dataclass(slots=True)
class _Lane:
    """The requests of one lane: one is on its way, the others wait for it."""

    turn: _Turn | None = None
    waiting: deque[tuple[dict[str, Any], str]] = field(default_factory=deque)


class ResponseTurns:
    """One session. `forwards`: its mode may send requests to the provider."""

    protocol = ""
    forwards_upgrade = False
    passes = False

    def __init__(
        self,
        turns_of: Turns,
        upgrade: WireRequest,
        asked: str | None,
        scope: Scope | None,
        *,
        most: int,
        forwards: bool,
    ) -> None:
        self.most = most
        self._cache = turns_of
        self._upgrade = upgrade
        self._asked = asked
        self._scope = scope
        self._forwards = forwards
        self._lanes: dict[str, _Lane] = {}
        self._connection = ""  # then `opening`, then `open`
        self._unsent: list[str | bytes] = []
        self._is_relayed = self._is_over = False

    def on(self, event: Event) -> list[Action] | Awaitable[list[Action]]:
        """The actions that follow from an event."""
        if self._is_over:
            return []
        match event:
            case Said(True, data):
                return self._client_said(data)
            case Said(False, data):
                return self._provider_said(data)
            case Opened():
                self._connection = "open"
                unsent, self._unsent = self._unsent, []
                return [Say(False, text) for text in unsent]
            case Refused(status, body):
                return self._refused(status, body)
            case Closed():
                return self._closed(event)
            case TooLong():
                self._give_up(NotStored.TOO_LARGE)
                return self._close_both(TOO_LONG, "a message is longer than PROVIDER_PROXY_MAX_BODY")
        return []

    def gone(self) -> None:
        """Give up what is on its way."""
        self._give_up(NotStored.CLIENT_LEFT)

    # -- the client -------------------------------------------------------------

    def _client_said(self, data: str | bytes) -> list[Action] | Awaitable[list[Action]]:
        frame = json_object(data) if isinstance(data, str) else None
        kind = frame.get("type") if frame is not None else None
        if kind in turns.ACKNOWLEDGEMENTS:
            return [Say(False, data)] if self._connection == "open" else []
        if frame is None or not isinstance(data, str) or kind != turns.CREATE:
            return self._relay(data)
        if self._is_relayed:
            return self._relay_turn(frame, data)
        name = turns.lane_of(frame)
        if name not in self._lanes and len(self._lanes) >= _MOST_WAITING:
            return self._close_both(INTERNAL_ERROR, _BUSY)
        lane = self._lanes.setdefault(name, _Lane())
        if len(lane.waiting) >= _MOST_WAITING:
            return self._close_both(INTERNAL_ERROR, _BUSY)
        lane.waiting.append((frame, data))
        return [] if lane.turn is not None else self._go_on(name, lane)

    def _relay(self, data: str | bytes) -> list[Action]:
        """Pass on a frame that asks for no response. It may change what follows, so nothing more is stored."""
        over = self._cache.peer.spent() if self._forwards else "this mode sends nothing"
        if over and not (self._forwards and self._connection):
            message = f"provider-proxy: only response.create is recorded on this socket ({over})"
            return self._fail(502, b"", message)
        self._out_of_step()
        return self._send(data)

    def _out_of_step(self, but: _Turn | None = None) -> None:
        """Store nothing more: it is not known what an event of the provider answers."""
        self._is_relayed = True
        for lane in self._lanes.values():
            if lane.turn is not None and lane.turn is not but:
                lane.turn.problem = NotStored.SESSION

    async def _relay_turn(self, frame: dict[str, Any], data: str) -> list[Action]:
        """Pass on a request that is not looked up. It counts in the budget; its credentials are known from now."""
        peer = self._cache.peer
        request = turn_request(self._upgrade, turns.request_body(frame, None))
        new = peer.taint.learn(request)
        if new and (sharing := peer.share(new)):
            await sharing
        if over := await peer.take():
            return self._fail(502, b"", f"provider-proxy: this request was not sent: {over}")
        return self._send(data)

    async def _go_on(self, name: str, lane: _Lane) -> list[Action]:
        """Answer the waiting requests of a lane until one goes to the provider."""
        actions: list[Action] = []
        while lane.waiting and lane.turn is None:
            frame, text = lane.waiting.popleft()
            decision = await self._decide(frame)
            if isinstance(decision, Forward):
                lane.turn = _Turn(decision)
                if self._is_relayed:
                    lane.turn.problem = NotStored.SESSION
                actions += self._send(text)
            elif isinstance(decision, Hit):
                entry = decision.entry
                events = turns.events_in(entry.status, entry.headers, entry.body)
                noted = decision.recorded
                minting = turns.events_in(noted.status, noted.headers, noted.body) if noted else events
                await self._note(minting, entry.key)
                actions += [Say(True, turns.with_lane(event, name)) for event in events]
            else:
                lane.waiting.clear()
                return [*actions, *self._fail(decision.status, decision.body)]
        return actions

    async def _decide(self, frame: dict[str, Any]) -> Hit | OwnAnswer | Forward:
        previous = turns.previous_of(frame)
        minted = await self._cache.peer.find_minted(previous) if previous else None
        request = turn_request(self._upgrade, turns.request_body(frame, minted))
        decision = self._cache.decide(request, self._asked, "", self._scope, alone=True)
        if isinstance(decision, Awaitable):
            decision = await decision
        assert not isinstance(decision, Injected)  # no turn gets a fault
        self._cache.show_turn(request, decision, self._scope)
        return decision

    async def _note(self, events: list[str], key: str) -> None:
        """Remember which answer minted the response's id."""
        identifier = turns.response_id(events)
        if identifier and key:
            noting = self._cache.peer.note_minted(identifier, key, digest_of(turns.stream_of(events)))
            if noting is not None:
                await noting

    # -- the provider -----------------------------------------------------------

    def _send(self, data: str | bytes) -> list[Action]:
        if self._connection == "open":
            return [Say(False, data)]
        self._unsent.append(data)
        if self._connection:
            return []
        self._connection = "opening"
        return [Connect()]

    def _provider_said(self, data: str | bytes) -> list[Action] | Awaitable[list[Action]]:
        event = json_object(data) if isinstance(data, str) else None
        name = turns.lane_of(event) if event is not None else ""
        lane = self._lanes.get(name)
        if lane is None or lane.turn is None or event is None or not isinstance(data, str):
            return [Say(True, data)]
        turn = lane.turn
        if not _belongs(turn, event):
            # The error itself has reasons of its own.
            self._out_of_step(but=turn if event.get("type") == "error" else None)
        turn.size += len(data)
        if turn.size > self.most:
            turn.problem, turn.events = NotStored.TOO_LARGE, []
        if turn.problem is None:
            turn.events.append(turns.without_lane(event, data))
        return self._end(name, lane, event, data) if turns.is_last(event) else [Say(True, data)]

    async def _end(self, name: str, lane: _Lane, event: dict[str, Any], data: str) -> list[Action]:
        """Store the answer before the client sees its end, then answer what waits in the lane."""
        turn, lane.turn = lane.turn, None
        if turn is not None:
            if turn.problem is not None:
                self._cache.give_up(turn.forward, turn.problem)
            else:
                await self._cache.keep(turn.forward, _answer(turn.events, event))
                await self._note(turn.events, turn.forward.key)
        return [Say(True, data), *await self._go_on(name, lane)]

    def _refused(self, status: int, body: bytes) -> Awaitable[list[Action]]:
        self._cache.note_no_websocket(self._upgrade, status)
        waiting = [lane.turn for lane in self._lanes.values() if lane.turn is not None]
        for lane in self._lanes.values():
            lane.turn = None
            lane.waiting.clear()
        return self._end_refused(waiting, status, body)

    async def _end_refused(self, waiting: list[_Turn], status: int, body: bytes) -> list[Action]:
        for turn in waiting:
            if status:
                await self._cache.keep(turn.forward, LiveAnswer(status, "", _JSON, body))
            else:
                self._cache.give_up(turn.forward, NotStored.UNREACHABLE)
        why = (
            f"the provider refused the WebSocket with status {status}"
            if status
            else "the provider did not answer"
        )
        return self._fail(status or 502, body, f"provider-proxy: {why}")

    # -- the end ----------------------------------------------------------------

    def _closed(self, event: Closed) -> list[Action]:
        self._is_over = True
        self._give_up(NotStored.CLIENT_LEFT if event.by_client else NotStored.CUT_OFF)
        is_open = self._connection == "open" or not event.by_client
        return [Close(not event.by_client, event.code, event.reason)] if is_open else []

    def _fail(self, status: int, body: bytes, message: str = "") -> list[Action]:
        """Tell the client of an error as the provider would, then close."""
        self._give_up(NotStored.CUT_OFF)
        event = turns.error_event(status, body, message)
        said = (json_object(event) or {}).get("error", {}).get("message", message)
        return [Say(True, event), *self._close_both(INTERNAL_ERROR, str(said))]

    def _close_both(self, code: int, why: str) -> list[Action]:
        self._is_over = True
        self._give_up(NotStored.CUT_OFF)
        closing: list[Action] = [Close(True, code, short_reason(why))]
        if self._connection:
            closing.append(Close(False, 1001))
        return closing

    def _give_up(self, reason: NotStored) -> None:
        for lane in self._lanes.values():
            turn, lane.turn = lane.turn, None
            lane.waiting.clear()
            if turn is not None:
                self._cache.give_up(turn.forward, turn.problem or reason)


def _belongs(turn: _Turn, event: dict[str, Any]) -> bool:
    """Whether an event answers the request of `turn` for certain: a response has one id from its start to its end.

    An error without a status may be of another frame, and so may one within a response, which may go on.
    """
    if event.get("type") == "error":
        return isinstance(event.get("status"), int) and not turn.response
    response = event.get("response")
    identifier = response.get("id") if isinstance(response, dict) else None
    if not isinstance(identifier, str):
        return True
    is_first = not turn.response
    turn.response = turn.response or identifier
    return turn.response == identifier and (not is_first or event.get("type") == "response.created")


def _answer(events: list[str], last: dict[str, Any]) -> LiveAnswer:
    """The answer over HTTP that says the same. An error before any event has a status of its own."""
    status = last.get("status")
    if last.get("type") == "error" and isinstance(status, int) and 400 <= status <= 599:
        return LiveAnswer(status, "", _JSON, turns.error_body(last))
    return LiveAnswer(200, "OK", turns.STREAM, turns.stream_of(events))
