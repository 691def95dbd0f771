"""Server-sent events: picks the grammar of a stream and applies it."""

from __future__ import annotations

import re
from typing import Any

from addon.judging import (
    anthropic_messages,
    cohere_chat,
    gemini,
    mcp,
    openai_chat,
    openai_responses,
    typed_streams,
)
from addon.judging.in_band import is_error, names_error
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent, stream_events
from cache_store.answers import sse
from cache_store.answers.abridged import abridged_events

__all__ = ["closes_events", "error_at_end", "judge_events"]

_GRAMMARS = (
    mcp.GRAMMAR,
    typed_streams.ASSISTANTS,
    openai_responses.GRAMMAR,
    anthropic_messages.GRAMMAR,
    anthropic_messages.COMPLETIONS,
    cohere_chat.GRAMMAR,
    cohere_chat.V1,
    *typed_streams.GRAMMARS,
    gemini.GRAMMAR,
    openai_chat.GRAMMAR,
)
_BY_SENTINEL = (typed_streams.ASSISTANTS, openai_chat.GRAMMAR)
_FAILED_KIND = re.compile(r"[._-](?:failed|cancelled|canceled|expired)$")
_OTHER = "transport"


def judge_events(
    body: bytes, store_incomplete: bool, *, known_only: bool = False
) -> tuple[NotStored | None, str]:
    """Why the stream is not whole and successful (None if it is), and the name of its grammar.

    A stream that no grammar recognises is named `transport`: it must only end between events and contain no error.
    `known_only` refuses it.
    """
    parsed = sse.parse(abridged_events(body))
    events = [event for event in stream_events(parsed.events) if event.kind != "ping"]
    grammar = _grammar_of(events)
    name = grammar.name if grammar else _OTHER
    if any(_is_error(event) for event in events):
        return NotStored.ERROR_IN_STREAM, name
    if not parsed.at_boundary:
        return NotStored.CUT_OFF, name
    if not parsed.valid_utf8:
        return NotStored.BAD_TEXT, name
    if grammar not in _BY_SENTINEL:
        while events and events[-1].is_done:
            events.pop()
    if not events:
        return NotStored.EMPTY, name
    if grammar is None:
        if known_only:
            return NotStored.NO_RESULT, name
        return (NotStored.FAILED if _FAILED_KIND.search(events[-1].kind) else None), name
    problem = grammar.problem(events, store_incomplete) or _repeated_problem(grammar, events)
    if (
        problem is NotStored.NOT_FINISHED
        and grammar is openai_chat.GRAMMAR
        and openai_chat.ends_with_usage(events)
    ):
        return None, _OTHER
    return problem, name


def closes_events(body: bytes) -> bool:
    """Whether the stream's last event is one that nothing can follow, by a grammar that is known."""
    parsed = sse.parse(abridged_events(body))
    events = [event for event in stream_events(parsed.events) if event.kind != "ping"]
    grammar = _grammar_of(events)
    if not parsed.at_boundary or grammar is None:
        return False
    if grammar not in _BY_SENTINEL:
        while events and events[-1].is_done:
            events.pop()
    return bool(events) and grammar.is_last(events[-1])


def error_at_end(body: bytes) -> dict[str, Any] | None:
    """The error that a whole stream ends with; None if it does not end so."""
    parsed = sse.parse(body)
    events = [event for event in stream_events(parsed.events) if event.kind != "ping" and not event.is_done]
    if not events or not parsed.at_boundary or not parsed.valid_utf8:
        return None
    if any(_is_error(event) for event in events[:-1]) or not _is_error(events[-1]):
        return None
    return events[-1].value


def _grammar_of(events: list[StreamEvent]) -> Grammar | None:
    for event in events:
        for grammar in _GRAMMARS:
            if grammar.recognises(event):
                return grammar
    # A sentinel proves only that a stream has ended; it does not say what came before.
    return openai_chat.GRAMMAR if events and all(event.is_done for event in events) else None


def _repeated_problem(grammar: Grammar, events: list[StreamEvent]) -> NotStored | None:
    """CUT_OFF if events follow the end and end once more, as in a body that was sent twice.

    Some gateways repeat the last event alone. A JSON-RPC batch has several responses.
    """
    ends = [grammar is not mcp.GRAMMAR and grammar.is_last(event) for event in events]
    while ends and ends[-1]:
        ends.pop()
    return NotStored.CUT_OFF if any(ends) else None


def _is_error(event: StreamEvent) -> bool:
    return names_error(event.name) or names_error(event.kind) or is_error(event.value)
