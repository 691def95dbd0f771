"""Reads an answer's usage object, its token counts, and the model's name.

Where each provider puts the usage, whole (W) and streamed (S):

    Anthropic         W `usage`            S `message.usage` of message_start, then `usage` of message_delta
    OpenAI chat       W `usage`            S `usage` of the last chunk (Groq: `x_groq.usage`)
    OpenAI Responses  W `usage`            S `response.usage` of response.completed
    Gemini            W `usageMetadata`    S the last chunk's; Code Assist wraps chunks in `response`
    Bedrock Converse  W `usage`            S `usage` of the metadata frame
    Bedrock invoke    W the model's own    S the model's own in base64, `amazon-bedrock-invocationMetrics`
    Cohere            W `usage`, v1 `meta` S `delta.usage` of message-end, v1 `response.meta` of stream-end
    Ollama, Llama     W beside the text    S beside the text of the last line
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from cache_store.answers import bounded_json, eventstream, sse
from cache_store.answers.abridged import abridged_events, abridged_json

__all__ = ["TOKEN_ALIASES", "model_of", "token_counts", "tokens_of", "usage_of"]

type _Document = dict[str, Any]

_USAGE_AT = (
    ("usage",),
    ("usageMetadata",),
    ("message", "usage"),
    ("response", "usage"),
    ("response", "usageMetadata"),
    ("delta", "usage"),
    ("metadata", "usage"),
    ("x_groq", "usage"),
)
_COHERE_META_AT = (("meta",), ("response", "meta"))
_COHERE_META = ("billed_units", "tokens", "cached_tokens")
# Ollama's /api/chat and /api/generate (docs/api.md), then Meta's models on Bedrock.
_BESIDE = (
    "prompt_eval_count",
    "eval_count",
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
    "prompt_token_count",
    "generation_token_count",
)
_COUNTS_BESIDE = {"prompt_eval_count", "eval_count", "prompt_token_count", "generation_token_count"}
_METRICS = "amazon-bedrock-invocationMetrics"
_MODEL_AT = (
    ("model",),
    ("modelVersion",),
    ("message", "model"),
    ("response", "model"),
    ("response", "modelVersion"),
)
TOKEN_ALIASES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "prompt_tokens",
        "promptTokenCount",
        "inputTokens",
        "tokens.input_tokens",  # Cohere
        "billed_units.input_tokens",
        "prompt_eval_count",  # Ollama
        "inputTokenCount",  # Bedrock's invocation metrics
        "prompt_token_count",  # Llama on Bedrock
    ),
    "output_tokens": (
        "output_tokens",
        "completion_tokens",
        "candidatesTokenCount",
        "outputTokens",
        "tokens.output_tokens",
        "billed_units.output_tokens",
        "eval_count",
        "outputTokenCount",
        "generation_token_count",
    ),
    "cache_read_tokens": (
        "cache_read_tokens",
        "cache_read_input_tokens",
        "cached_tokens",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cacheReadInputTokens",
        "cachedContentTokenCount",
        "cacheReadInputTokenCount",
    ),
    "cache_write_tokens": (
        "cache_write_tokens",
        "cache_creation_input_tokens",
        "cacheWriteInputTokens",
        "prompt_tokens_details.cache_write_tokens",  # OpenRouter
        "cacheWriteInputTokenCount",
    ),
}
"""Names of each token count: those of harn's `cache_conformance` (v1), then those of the providers' API references.

The first name that holds an integer counts. A dot steps into an object. The fields are in the report's order.
"""

# These counts come on top of the input or output count; the other aliases name a part of it.
_ON_TOP = {
    "input_tokens": (
        "cache_read_input_tokens",  # Anthropic
        "cache_creation_input_tokens",
        "cacheReadInputTokens",  # Bedrock
        "cacheWriteInputTokens",
        "cacheReadInputTokenCount",
        "cacheWriteInputTokenCount",
    ),
    "output_tokens": ("thoughtsTokenCount",),  # Gemini
}
_MIN, _MAX = -(2**63), 2**63 - 1
# A document without these is not parsed: most events of a stream hold nothing but text.
_USAGE_HINT = re.compile(r"usage|meta|_count|Metrics", re.IGNORECASE)
_MODEL_HINT = re.compile(r"model", re.IGNORECASE)
_SSE_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")


def usage_of(body: bytes, media_type: str) -> dict[str, Any] | None:
    """The usage object of a decoded answer, unchanged; in a stream, later fields replace earlier ones.

    `media_type` is the value of the content-type header with its parameters. None if the answer has no usage. Never
    raises. A null never replaces a value (OpenAI's and Anthropic's chunks have both).
    """
    merged: dict[str, Any] = {}
    metrics: dict[str, Any] | None = None
    for document in _documents(body, media_type, _USAGE_HINT):
        for found in _usages(document):
            merged.update({k: v for k, v in found.items() if v is not None or k not in merged})
        if isinstance(document.get(_METRICS), dict):
            metrics = document[_METRICS]
    return merged or metrics


def model_of(body: bytes, media_type: str) -> str | None:
    """The model that the answer names, often with a date; None without one. Never raises."""
    for document in _documents(body, media_type, _MODEL_HINT):
        for path in _MODEL_AT:
            name = _at(document, path)
            if isinstance(name, str) and name:
                return name
    return None


def token_counts(usage: _Document) -> dict[str, int | None]:
    """The counts of a usage object by field of TOKEN_ALIASES, None for none; only 64-bit integers count."""
    return {field: _first_count(usage, names) for field, names in TOKEN_ALIASES.items()}


def tokens_of(usage: _Document) -> tuple[int, int]:
    """All tokens in and out, cached ones included; 0 where the usage does not say."""
    counts = token_counts(usage)
    into, out = (
        max(0, counts[field] or 0) + sum(max(0, _first_count(usage, (name,)) or 0) for name in names)
        for field, names in _ON_TOP.items()
    )
    return into, out


def _first_count(usage: _Document, names: Iterable[str]) -> int | None:
    for name in names:
        value = _at(usage, name.split("."))
        if isinstance(value, int) and not isinstance(value, bool) and _MIN <= value <= _MAX:
            return value
    return None


def _usages(document: _Document) -> Iterator[dict[str, Any]]:
    for path in _USAGE_AT:
        usage = _at(document, path)
        if isinstance(usage, dict):
            yield usage
    for path in _COHERE_META_AT:
        meta = _at(document, path)
        if isinstance(meta, dict):
            yield {name: meta[name] for name in _COHERE_META if name in meta}
    if not _COUNTS_BESIDE.isdisjoint(document):
        yield {name: document[name] for name in _BESIDE if name in document}


def _at(document: Any, path: Iterable[str]) -> Any:
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _documents(body: bytes, media_type: str, hint: re.Pattern[str]) -> Iterator[_Document]:
    """The JSON objects in the answer, in order, without those that do not parse or lack the hint."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "application/vnd.amazon.eventstream":
        yield from _from_frames(body)
    elif kind == "text/event-stream" or _SSE_START.match(body):
        for event in sse.parse(abridged_events(body)).events:
            if hint.search(event.data):
                yield from _objects(event.data)
    elif not kind or "json" in kind or kind.startswith("text/"):
        yield from _from_json(body)


def _from_json(body: bytes) -> Iterator[_Document]:
    """JSON lines as far as they parse, or one value (Gemini's stream without `alt=sse` is one array)."""
    is_lines = False
    for line in BytesIO(body):
        if line.isspace():
            continue
        if not (found := _objects(line)):
            break
        is_lines = True
        yield from found
    if not is_lines:
        yield from _objects(body)


def _from_frames(body: bytes) -> Iterator[_Document]:
    try:
        frames = eventstream.frames(body)
    except ValueError:
        return
    for frame in frames:
        for document in _objects(frame.payload):
            inner = document.get("bytes")
            yield from _objects(_decoded(inner)) if isinstance(inner, str) else [document]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def _objects(text: str | bytes) -> list[_Document]:
    """The object in a JSON text, or the objects of its array; [] if there is none."""
    try:
        value = bounded_json.loads(abridged_json(text) if isinstance(text, bytes) else text)
    except ValueError:
        return []
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
