"""Lets ids that providers mint follow through a conversation of which a part is recorded again.

A provider mints a new id in every recording, so a later request that names it would miss. The id counts as the
answer that minted it: the key of that answer's request, and a digest of what the answer says besides ids and times.
So it is the same id only where the conversation up to it is the same. Off by default (PROVIDER_PROXY_FOLLOW_IDS).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import Any

from addon.exchange.answer_ids import asked_ids, documents, minted_ids
from addon.exchange.coordination import Peer
from addon.exchange.minted import MARK
from addon.identity import Identity
from addon.identity.minted_form import follow
from addon.messages import WireRequest
from addon.policy.same_answer import words_digest
from cache_store.answers.bounded_json import loads
from cache_store.entry import Entry

__all__ = ["Following", "says_besides_ids"]

_SHORTEST = 8  # characters: a shorter id is never replaced in an answer
_MOST = 200  # ids of one request that are looked up
# The types of parts and deltas that hold a model's words and calls. Sources: the OpenAPI documents of OpenAI and
# Anthropic. What has another type, such as an image or the output of a tool of the provider, counts as it is.
_OF_WORDS = frozenset(
    {
        *(
            "",
            "message",
            "response",
            "output_text",
            "text",
            "text_delta",
            "refusal",
            "reasoning",
            "reasoning_text",
        ),
        *("summary_text", "function", "function_call", "custom_tool_call", "tool_use", "input_json_delta"),
        *("thinking", "thinking_delta", "signature_delta", "redacted_thinking", "ping"),
    }
)
_EVENT = re.compile(r"response\.|message_|content_block_")
# Members without a type that hold more: of OpenAI's chat, and of Gemini's parts.
_MEDIA = frozenset(
    {"audio", "images", "annotations", "inlineData", "fileData", "executableCode", "codeExecutionResult"}
)
_TIMES = re.compile(r"(?:created|updated|started|completed|expires|timestamp|time)|\w+(?:_at|At|_time|Time)")


class Following:
    """The ids of one run's answers, which its processes share."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def identity(self, request: WireRequest, identity: Identity) -> Identity:
        """The identity of a request in which ids that this run's answers minted count as these answers."""
        marks: dict[str, str] = {}
        for asked in islice(asked_ids(request, identity.label.get("model", "")), _MOST):
            found = await self._peer.find_minted(asked.value) if len(asked.value) >= _SHORTEST else None
            if found is not None and found[1].startswith(MARK):
                marks[asked.value] = found[1]
        return follow(identity, marks)

    async def note(self, entry: Entry, own: Identity) -> None:
        """Remember the ids that an answer mints, before its client sees it. `own` is its request's identity."""
        given = {binding.value for binding in own.bindings}
        minted = minted_ids(entry)
        said = ""
        for number, identifier in enumerate(minted):
            if identifier in given or len(identifier) < _SHORTEST:
                continue
            if await self._peer.find_minted(identifier) is not None:
                continue  # an earlier answer minted it
            said = said or says_besides_ids(entry, set(minted) | given)
            mark = MARK + sha256(f"{entry.key}\0{said}\0{number}".encode()).hexdigest()[:32]
            if noting := self._peer.note_minted(identifier, entry.key, mark):
                await noting


def says_besides_ids(entry: Entry, ids: set[str]) -> str:
    """A digest of what an answer says besides `ids` and times: the words of a model, or the other members."""
    if words := words_digest(entry):
        beside = [
            _without(value, ids) for document in documents(entry.body) for value in _beside_words(document)
        ]
        if not beside:
            return words
        return sha256(f"{words}{json.dumps(beside, sort_keys=True)}".encode("utf-8", "replace")).hexdigest()
    try:
        value: Any = loads(entry.body)
    except ValueError:
        return sha256(entry.body).hexdigest()
    plain = json.dumps([entry.status, _without(value, ids)], sort_keys=True)
    return sha256(plain.encode("utf-8", "replace")).hexdigest()


def _beside_words(value: Any) -> Iterator[Any]:
    """The parts of an answer that hold more than the words and calls of a model, or that are not known."""
    if isinstance(value, list):
        for item in value:
            yield from _beside_words(item)
    elif isinstance(value, dict):
        kind = value.get("type", "")
        if not (isinstance(kind, str) and (kind in _OF_WORDS or _EVENT.match(kind))):
            yield value
            return
        for name, item in value.items():
            if name not in _MEDIA:
                yield from _beside_words(item)
            elif item:
                yield item


def _without(value: Any, ids: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _without(item, ids)
            for name, item in value.items()
            if not (_TIMES.fullmatch(name) and isinstance(item, str | int | float))
        }
    if isinstance(value, list):
        return [_without(item, ids) for item in value]
    return None if isinstance(value, str) and value in ids else value
