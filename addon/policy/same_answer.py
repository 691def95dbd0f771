"""Whether two answers to one request say the same."""

from __future__ import annotations

import hashlib
import json

from cache_store.answers.text import spoken
from cache_store.entry import Entry, header_value

__all__ = ["answer_digest", "differs", "words_digest"]


def words_digest(entry: Entry) -> str:
    """A digest of the text and the tool calls of a model's answer; '' for any other answer.

    Ids and times in an answer differ each time, and no test asks for them.
    """
    said = spoken(entry.body, header_value(entry.headers, b"content-type").lower())
    if said is None or not (said.text or said.calls):
        return ""
    calls = [[call.name, call.arguments] for call in said.calls]
    return hashlib.sha256(json.dumps([entry.status, said.text, calls]).encode()).hexdigest()


def answer_digest(entry: Entry) -> str:
    """A digest of what a client would receive, as `words_digest` where that tells."""
    return words_digest(entry) or hashlib.sha256(b"%d\0" % entry.status + entry.body).hexdigest()


def differs(entry: Entry, others: list[Entry]) -> bool:
    """Whether one of `others`, recorded for other tests, does not say what `entry` says."""
    own = answer_digest(entry)
    return any(answer_digest(other) != own for other in others)
