"""A recorded answer, reduced to what a review compares."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from addon.accounting.costs import Tally, billed_entry
from addon.accounting.figures import money
from cache_store.answers import bounded_json
from cache_store.answers.text import spoken
from cache_store.answers.usage import model_of
from cache_store.entry import Entry, header_value
from cache_store.nearest.sketch import question_of, sketch

__all__ = ["Answer", "Figures", "Recording", "listed", "recording_of"]

_QUESTION = 120  # characters
_LONGEST_JSON = 2**22  # bytes; a longer answer without a known format is compared by its digest
# What another recording of the same answer has anew.
_PER_RECORDING = frozenset({"id", "created", "created_at", "completed_at", "usage", "system_fingerprint"})
# OpenAI and Cohere, Gemini, Anthropic, Bedrock. In a text of the answer the quotes are escaped.
_FINISH = re.compile(
    rb'(?<!\\)"(?:finish_reason|finishReason|stop_reason|stopReason)"\s*:\s*"([A-Za-z_]{1,64})"'
)


@dataclass(slots=True)
class Figures:
    """Answers, their tokens, and what they cost in US dollars; `unpriced` counts those without a known price."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, other: Figures) -> None:
        """Add the figures of other answers."""
        self.answers += other.answers
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.usd += other.usd
        self.unpriced += other.unpriced

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        return self.input_tokens + self.output_tokens

    @property
    def line(self) -> str:
        """The figures in one line."""
        priced = self.answers > self.unpriced
        parts = [money(float(self.usd))] if priced or not self.answers else []
        parts += [f"{self.unpriced} of unknown price"] if self.unpriced else []
        return f"{self.input_tokens:,} tokens in, {self.output_tokens:,} out, {' and '.join(parts)}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `usd` is null if no price is known."""
        known = self.answers > self.unpriced or not self.answers
        return {
            "answers": self.answers,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": float(self.usd) if known else None,
            "unpriced": self.unpriced,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: a JSON value without what each recording has anew, and the model that it names."""

    meaning: dict[str, Any]
    model: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One entry of a state. `tests` are those known to use it, in order.

    `digest` is the SHA-256 in hex of the stored entry. `label` is its request in one line, `place` without the
    model, and `question` the first words of what it asks. `chain` has a number for each beginning of its
    conversation, as in `cache_store.nearest.sketch`. What a lock file lists has no `answer` and no saved request.
    """

    key: str
    digest: str
    tests: tuple[str, ...] = ()
    place: str = ""
    model: str = ""
    recorded_at: float = 0.0
    question: str = ""
    request_json: bytes = b""
    chain: tuple[int, ...] = ()
    answer: Answer | None = None
    figures: Figures = field(default_factory=Figures)


def listed(key: str, digest: str, label: str) -> Recording:
    """A recording that a lock file lists; `label` is the request in one line, the model last."""
    method, _, rest = label.partition(" ")
    where, _, model = rest.partition(" ")
    return Recording(key, digest, place=f"{method} {where}", model=model)


def recording_of(entry: Entry) -> Recording:
    """The recording that an entry holds, without its tests. Prices need the extra `prices`. Never raises."""
    label = entry.label
    media_type = header_value(entry.headers, b"content-type").lower()
    seen = sketch(label, entry.request_json)
    return Recording(
        entry.key,
        entry.pieces()[-1].hex(),
        (),
        f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}",
        label.get("model", ""),
        entry.recorded_at,
        _question(entry.request_json),
        entry.request_json,
        seen.chain,
        Answer(_meaning(entry, media_type), model_of(entry.body, media_type) or ""),
        _figures(entry),
    )


def _figures(entry: Entry) -> Figures:
    billed = billed_entry(entry)
    if billed is None:
        return Figures()
    tally = Tally()
    tally.add(*billed)
    tally.settle()
    row = next(iter(tally.models.values()))
    return Figures(1, row.input_tokens, row.output_tokens, row.usd, row.unknown)


def _question(request_json: bytes) -> str:
    try:
        body = json.loads(request_json).get("body")
    except (ValueError, AttributeError, RecursionError):
        return ""
    value = body.get("value", body) if isinstance(body, dict) else None
    return " ".join(question_of(value)[: 4 * _QUESTION].split())[:_QUESTION]


def _meaning(entry: Entry, media_type: str) -> dict[str, Any]:
    meaning: dict[str, Any] = {} if entry.status == 200 else {"status": entry.status}
    found = spoken(entry.body, media_type)
    if found is not None:
        reasons = _FINISH.findall(entry.body)
        meaning["text"] = found.text
        meaning["calls"] = [{"name": call.name, "arguments": _parsed(call.arguments)} for call in found.calls]
        return meaning | ({"finish": reasons[-1].decode()} if reasons else {})
    value = _parsed(entry.body) if len(entry.body) <= _LONGEST_JSON else None
    if isinstance(value, dict):
        return meaning | {"body": {name: item for name, item in value.items() if name not in _PER_RECORDING}}
    if isinstance(value, list):
        return meaning | {"body": value}
    try:
        return meaning | {"text": entry.body.decode()}
    except UnicodeDecodeError:
        return meaning | {"bytes": entry.size, "sha256": hashlib.sha256(entry.body).hexdigest()}


def _parsed(text: str | bytes) -> Any:
    """A JSON value; the text itself, or None for bytes, if it is none."""
    try:
        return bounded_json.loads(text)
    except ValueError:
        return text if isinstance(text, str) else None
