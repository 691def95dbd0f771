"""Sends an answer of ours piece by piece, with pauses. mitmproxy sends what an addon has set in one go."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http import DropStream, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseHeaders,
    ResponseProtocolError,
)

from addon.mitm.core.marks import PAUSE
from addon.mitm.core.replacing import Commands
from addon.pacing.paced_body import PacedBody

__all__ = ["PacedAnswers", "Pause", "PauseHook"]

_AT_ONCE = 32  # pieces after which others have a turn


@dataclass
class Pause:
    """A pause of `seconds`, which the client's departure ends."""

    seconds: float
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Wait until it is over. No timer is left then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self.seconds == math.inf else self.seconds):
                await self.over.wait()


@dataclass
class PauseHook(commands.StartHook):
    """Holds one stream up and lets others go on. `OurHttpLayer` has the hook."""

    name = PAUSE
    pause: Pause


class PacedAnswers(HttpStream):
    """Sends an answer whose `stream` is a `PacedBody` as that says."""

    _pause: Pause | None = None

    def handle_event(self, event: events.Event) -> Commands:
        """Take in an event; one that ends the exchange ends a pause at once."""
        if self._pause is not None and isinstance(event, RequestProtocolError):
            self._pause.over.set()
        stock: Commands = super().handle_event(event)
        return stock

    def send_response(self, already_streamed: bool = False) -> Commands:
        """Call the `response` hook and send what has not been sent."""
        stock: Commands = super().send_response(already_streamed)
        paced = self.flow.response.stream if self.flow.response is not None else None
        return self._in_pieces(stock, paced) if isinstance(paced, PacedBody) else stock

    def _in_pieces(self, stock: Commands, paced: PacedBody) -> Commands:
        for command in stock:
            event = command.event if isinstance(command, SendHttp) else None
            if isinstance(event, ResponseHeaders) and paced.before:
                if (yield from self._left_within(paced.before)):
                    return
                yield command
            elif isinstance(event, ResponseData):
                for number, piece in enumerate(paced.pieces(), 1):
                    is_due = piece.pause or not number % _AT_ONCE
                    if is_due and (yield from self._left_within(piece.pause)):
                        return
                    yield SendHttp(ResponseData(self.stream_id, piece.data), self.context.client)
                if not paced.whole:
                    yield from self._break_off()
                    return
            else:
                yield command

    def _left_within(self, seconds: float) -> Generator[commands.Command, Any, bool]:
        """Pause. Returns whether the client has left, or another addon has ended the exchange."""
        self._pause = Pause(seconds)
        yield PauseHook(self._pause)
        self._pause = None
        left: bool = yield from self.check_killed(False)
        return left

    def _break_off(self) -> Commands:
        error = ResponseProtocolError(self.stream_id, "broken off", ErrorCode.KILL)
        yield SendHttp(error, self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        yield DropStream(self.stream_id)
