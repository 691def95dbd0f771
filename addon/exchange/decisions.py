"""What can be done with a request: answer it from an entry, answer it ourselves, or forward it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from addon.accounting.verdicts import Verdict
from addon.exchange.cache_status import CACHE_HEADER, STATUS_HEADER, fault_status
from addon.exchange.coordination import Flight
from addon.exchange.recording import Recording
from addon.identity import Identity
from addon.messages import LiveAnswer, WireRequest
from addon.pacing.paced_body import PacedBody
from addon.scopes.scope import Scope
from addon.settings.modes import Mode
from cache_store.entry import Entry

if TYPE_CHECKING:
    from addon.exchange.faulting import CutRecording
    from addon.faults.rules import FaultRule

__all__ = ["SOCKET", "Decision", "Forward", "Hit", "Injected", "OwnAnswer", "Shows"]


SOCKET = "WebSocket"
"""What the page shows in place of a method."""


@dataclass(slots=True)
class Hit:
    """Answer from this entry, piece by piece if `paced` says so. `recorded` is the entry that a probe altered."""

    entry: Entry
    cache_status: str
    paced: PacedBody | None = None
    recorded: Entry | None = None


class OwnAnswer(NamedTuple):
    """Answer with this of our own. `kind` is the error type or ''. `retryable`: a later equal one may succeed.

    `more` are headers by name; without a `content-type` among them the body is JSON. `reason` is the phrase of the
    status line, if not the usual one.
    """

    status: int
    body: bytes
    cache_status: str
    kind: str
    retryable: bool = False
    more: Mapping[str, str] = MappingProxyType({})
    reason: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers, our marks last.

        OpenAI's and Anthropic's SDKs retry a 5xx unless `x-should-retry` is false. AWS's SDKs show
        `x-amzn-errortype` (restJson1 in the Smithy specification).
        """
        final = {} if self.retryable or not self.kind else {"x-should-retry": "false"}
        error = {"x-amzn-errortype": self.kind} if self.kind else {}
        marks = {CACHE_HEADER: "false", STATUS_HEADER: self.cache_status}
        return {"content-type": "application/json", **self.more, **error, **final, **marks}


@dataclass(slots=True)
class Injected:
    """Answer with a fault. Without an `answer` the connection is reset. `paced` is how the body is sent."""

    answer: OwnAnswer | None
    paced: PacedBody | None = None
    cache_status: str = fault_status()


@dataclass(slots=True)
class Forward:
    """Let the request go to the provider. Without an identity it is a bypass: the cache was not asked.

    `began_at` is Unix seconds, `started` is monotonic. `flow` and `client` are mitmproxy's ids, for its hooks.
    `removed` is the entry of this run that was removed for it, `repeat` its number among those of `counter` (0:
    none), and `head` a streamed answer's status and headers. `scope` is the test that asks and `verdict` its
    counts, None if the request belongs to the run. `alone`: it does not wait for an equal request in flight. `done`
    is set when its exchange has ended. `fault` breaks its answer and `cut` is what does so to a live one;
    `has_left` tells whether its client is gone.
    """

    request: WireRequest
    mode: Mode
    cache_status: str
    identity: Identity | None = None
    key: str = ""
    flight: Flight | None = None
    recording: Recording | None = None
    removed: Entry | None = None
    repeat: int = 0
    counter: str = ""
    head: LiveAnswer | None = None
    scope: Scope | None = None
    verdict: Verdict | None = None
    alone: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)
    fault: FaultRule | None = None
    cut: CutRecording | None = None
    has_left: Callable[[], bool] = lambda: False
    flow: str = ""
    client: str = ""
    began_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    shown: int = 0
    """Its number on the page; 0: none."""
    on_socket: bool = False
    """Whether a WebSocket session, or a turn of one, asks; for the page."""

    @property
    def stores(self) -> bool:
        """Whether its answer may become an entry."""
        return self.identity is not None and self.mode.stores


type Decision = Hit | OwnAnswer | Injected | Forward


class Shows(Protocol):
    """Shows what becomes of requests; see `LivePage`. `verdict` is that of the request's test."""

    def decided(self, method: str, host: str, decision: Decision, verdict: Verdict | None) -> None:
        """A request is answered, or sent to the provider."""

    def ended(self, forward: Forward, reason: str | None, verdict: Verdict | None) -> None:
        """A live answer was stored, or not, for this reason."""
