"""Anthropic's Messages, and the text completions that came before them.

anthropic `_streaming.py` takes the end of the body for the end of the message; here the message must be closed:
`message_start` first, every content block stopped, a stop reason, `message_stop` last.
"""

from __future__ import annotations

from collections.abc import Sequence

from addon.judging.endings import finish_problem
from addon.judging.items import Grammar, Item
from addon.judging.reasons import NotStored

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


def messages_problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
    """Why these events are not one whole message."""
    if items[-1].kind != "message_stop":
        return NotStored.NO_TERMINAL_EVENT
    if items[0].kind != "message_start":
        return NotStored.CUT_OFF
    open_blocks = set()
    reason: object = None
    for item in items:
        if item.kind in ("content_block_start", "content_block_delta"):
            open_blocks.add(_index(item))
        elif item.kind == "content_block_stop":
            open_blocks.discard(_index(item))
        elif item.kind == "message_delta":
            delta = item.value.get("delta")
            reason = (delta.get("stop_reason") if isinstance(delta, dict) else None) or reason
    return NotStored.NOT_FINISHED if open_blocks else finish_problem(reason, store_incomplete)


def _index(item: Item) -> int:
    index = item.value.get("index")
    return index if isinstance(index, int) else 0


def _completions_problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
    return finish_problem(items[-1].value.get("stop_reason"), store_incomplete)


GRAMMAR = Grammar("anthropic", lambda item: item.kind in _KINDS, messages_problem)
COMPLETIONS = Grammar("anthropic-completions", lambda item: item.kind == "completion", _completions_problem)
