"""Cohere chat: version 2 streams typed events; version 1 streams events or lines with an `event_type`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from addon.judging.endings import finish_problem
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["GRAMMAR", "V1", "v1_problem"]

_V2_KIND = re.compile(r"(?:message|content|tool-call|citation)-(?:start|delta|end)$|tool-plan-delta$")


def v1_problem(last: dict[str, Any], store_incomplete: bool) -> NotStored | None:
    """Why a version 1 stream that ends with `last` is not whole (cohere `streamed_chat_response.py`)."""
    if last.get("event_type") != "stream-end":
        return NotStored.NO_TERMINAL_EVENT
    return finish_problem(last.get("finish_reason"), store_incomplete)


def _v2_problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    if events[-1].kind != "message-end":
        return NotStored.NO_TERMINAL_EVENT
    delta = events[-1].value.get("delta")
    return finish_problem(delta.get("finish_reason") if isinstance(delta, dict) else None, store_incomplete)


GRAMMAR = Grammar(
    "cohere",
    lambda event: _V2_KIND.match(event.kind) is not None,
    _v2_problem,
    is_last=lambda event: event.kind == "message-end",
)
V1 = Grammar(
    "cohere-v1",
    lambda event: event.kind == "stream-start",
    lambda events, store_incomplete: v1_problem(events[-1].value, store_incomplete),
    is_last=lambda event: event.kind == "stream-end",
)
