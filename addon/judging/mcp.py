"""MCP over streamable HTTP: JSON-RPC messages as server-sent events, the response to the request last.

Specification 2025-06-18, "Transports": the server should close the stream after the response, and clients leave
then without waiting for it. A client also asks first whether the server knows its version; an older one refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent, parse_object

__all__ = ["GRAMMAR", "is_refused_handshake"]

_HANDSHAKES = frozenset({"initialize", "server/discover"})
_REFUSALS = frozenset({400, 404, 405})


def _is_response(event: StreamEvent) -> bool:
    return event.value.get("id") is not None and "result" in event.value


def _problem(events: Sequence[StreamEvent], _: bool) -> NotStored | None:
    return None if any(map(_is_response, events)) else NotStored.NO_TERMINAL_EVENT


GRAMMAR = Grammar("mcp", lambda event: event.value.get("jsonrpc") == "2.0", _problem, is_last=_is_response)


def is_refused_handshake(status: int, request: bytes, body: bytes) -> bool:
    """Whether an older server refuses a handshake with a JSON-RPC error: a regular answer, which the client
    expects."""
    if status not in _REFUSALS or b'"jsonrpc"' not in request or b'"jsonrpc"' not in body:
        return False
    sent, answered = (parse_object(text, "utf-8-sig") for text in (request, body))
    return sent.get("method") in _HANDSHAKES and isinstance(answered.get("error"), dict)
