"""What a run that learns tells about its requests, and asks for answers from another take (`addon.learning`)."""

from __future__ import annotations

from typing import Protocol

from addon.messages import WireRequest
from addon.scopes.scope import Scope
from addon.volatile.binding import Binding
from cache_store.entry import Entry

__all__ = ["Take", "TakenRequest"]


class TakenRequest(Protocol):
    """A request of a take. `answer` is what answers it, with `rebound` values replaced; None if the cache is asked.

    `key` is set to the key of the entry that answers it, or that its answer is stored under.
    """

    key: str
    answer: Entry | None
    rebound: int


class Take(Protocol):
    """Sees the requests of a run, in order of arrival."""

    def ask(self, request: WireRequest, bindings: tuple[Binding, ...], scope: Scope | None) -> TakenRequest:
        """Note a request of a test, whose volatile values are `bindings`."""
