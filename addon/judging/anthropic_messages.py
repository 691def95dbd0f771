"""Anthropic's Messages API and the older text completions.

anthropic `_streaming.py` accepts the end of the body as the end of the message. A stored message must be closed:
`message_start` first, every content block stopped, a stop reason, `message_stop` last.
"""

from __future__ import annotations

from collections.abc import Sequence

from addon.judging.endings import finish_problem
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["COMPLETIONS", "GRAMMAR", "messages_problem"]

_KINDS = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


def messages_problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    """Why these events are not one whole message; None if they are."""
    if events[-1].kind != "message_stop":
        return NotStored.NO_TERMINAL_EVENT
    if events[0].kind != "message_start":
        return NotStored.CUT_OFF
    open_blocks = set()
    reason: object = None
    for event in events:
        if event.kind in ("content_block_start", "content_block_delta"):
            open_blocks.add(_index(event))
        elif event.kind == "content_block_stop":
            open_blocks.discard(_index(event))
        elif event.kind == "message_delta":
            delta = event.value.get("delta")
            reason = (delta.get("stop_reason") if isinstance(delta, dict) else None) or reason
    return NotStored.NOT_FINISHED if open_blocks else finish_problem(reason, store_incomplete)


def _index(event: StreamEvent) -> int:
    index = event.value.get("index")
    return index if isinstance(index, int) else 0


GRAMMAR = Grammar(
    "anthropic",
    lambda event: event.kind in _KINDS,
    messages_problem,
    is_last=lambda event: event.kind == "message_stop",
)
COMPLETIONS = Grammar(
    "anthropic-completions",
    lambda event: event.kind == "completion",
    lambda events, store_incomplete: finish_problem(events[-1].value.get("stop_reason"), store_incomplete),
    is_last=lambda event: isinstance(event.value.get("stop_reason"), str),
)
