"""Server-sent events: which grammar a stream follows, and whether it is whole by it."""

from __future__ import annotations

import re

from addon.judging import (
    anthropic_messages,
    assistants,
    cohere_chat,
    gemini,
    openai_chat,
    openai_responses,
    typed_streams,
)
from addon.judging.in_band import is_error, names_error
from addon.judging.items import Grammar, Item, items_of
from addon.judging.reasons import NotStored
from cache_store.answers import sse
from cache_store.answers.abridged import abridged_events

__all__ = ["judge_events"]

_GRAMMARS = (
    assistants.GRAMMAR,
    openai_responses.GRAMMAR,
    anthropic_messages.GRAMMAR,
    anthropic_messages.COMPLETIONS,
    cohere_chat.GRAMMAR,
    cohere_chat.V1,
    *typed_streams.GRAMMARS,
    gemini.GRAMMAR,
    openai_chat.GRAMMAR,
)
_BY_SENTINEL = (assistants.GRAMMAR, openai_chat.GRAMMAR)
_FAILED_KIND = re.compile(r"[._-](?:failed|cancelled|canceled|expired)$")
_OTHER = "transport"


def judge_events(body: bytes, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why the stream is not whole and successful (None where it is), and the name of its grammar.

    A dialect that no grammar knows is `transport`: it must end between events and show no error, which is all that
    can be said.
    """
    parsed = sse.parse(abridged_events(body))
    items = [item for item in items_of(parsed.events) if item.kind != "ping"]
    grammar = _grammar_of(items)
    name = grammar.name if grammar else _OTHER
    if any(_is_error(item) for item in items):
        return NotStored.ERROR_IN_STREAM, name
    if not parsed.at_boundary:
        return NotStored.CUT_OFF, name
    if not parsed.valid_utf8:
        return NotStored.BAD_TEXT, name
    if grammar not in _BY_SENTINEL:
        while items and items[-1].is_done:
            items.pop()
    if not items:
        return NotStored.EMPTY, name
    if grammar is None:
        return (NotStored.FAILED if _FAILED_KIND.search(items[-1].kind) else None), name
    return grammar.problem(items, store_incomplete), name


def _grammar_of(items: list[Item]) -> Grammar | None:
    for item in items:
        for grammar in _GRAMMARS:
            if grammar.recognises(item):
                return grammar
    return None


def _is_error(item: Item) -> bool:
    return names_error(item.name) or names_error(item.kind) or is_error(item.value)
