"""Reads from a saved request which model it asks, at which endpoint, after which stable prefix."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cache_store.answers import bounded_json
from cache_store.entry import Entry

__all__ = ["Ask", "ask_of", "models_of"]

# Endpoints at which a model answers a prompt: Anthropic, OpenAI (chat, legacy, Responses), Gemini and Vertex,
# Bedrock, Cohere and Ollama, llama.cpp. Token counting, embeddings, files and batches are left out: they would
# look like runs.
_ENDPOINT = re.compile(
    r"/(?:messages|(?:chat/)?completions?|responses|converse(?:-stream)?|invoke(?:-with-response-stream)?|chat"
    r"|generate)$|:(?:stream)?(?:generatecontent|rawpredict)$",
    re.IGNORECASE,
)
# Bedrock, Azure, then Gemini and Vertex (whose names end at a colon).
_MODEL_IN_PATH = (r"/model/([^/]+)/", r"/deployments/([^/]+)/", r"/models/([^/:]+)(?::|$)")

_SYSTEM = ("system", "instructions", "preamble", "systemInstruction", "system_instruction")
_TOOLS = ("tools", "functions", "toolConfig")
_HISTORY = ("messages", "contents", "input")
# State on the server, and Cohere v1's own history: they come before the last message too.
_STATE = ("previous_response_id", "conversation", "cachedContent", "chat_history", "context")


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a model. `models` are the names that the request has for it, the route's own first.

    `prefix_sha256` covers model, system, tools and all messages but the last; it is None if the request was not
    saved.
    """

    host: str
    path: str
    models: tuple[str, ...]
    prefix_sha256: str | None


def ask_of(entry: Entry) -> Ask | None:
    """What an entry's request asks; None if its endpoint is not a model's. Never raises."""
    try:
        saved = bounded_json.loads(entry.request_json)
    except ValueError:
        saved = {}
    if not isinstance(saved, dict):
        saved = {}
    path = (_text(saved.get("path")) or entry.label.get("path", "")).partition("?")[0].rstrip("/")
    if not _ENDPOINT.search(path):
        return None
    host = _text(saved.get("host")) or entry.label.get("host", "")
    body = _json_body(saved)
    models = models_of(path, body, entry.label.get("model", ""))
    sha256 = None if body is None else _prefix_sha256(models[:1], body)
    return Ask(re.sub(r":\d+$", "", host.lower()), path, models, sha256)


def models_of(path: str, body: dict[str, Any] | None, label: str = "") -> tuple[str, ...]:
    """The model's names in a request, each once: from its path (Bedrock, Azure, Gemini), its body and its label."""
    names = [unquote(match[1]) for pattern in _MODEL_IN_PATH if (match := re.search(pattern, path))]
    names += [_text((body or {}).get("model")).removeprefix("models/"), label]
    return tuple(dict.fromkeys(name for name in names if name))


def _json_body(saved: dict[str, Any]) -> dict[str, Any] | None:
    body = saved.get("body")
    value = body.get("value") if isinstance(body, dict) and body.get("kind") == "json" else None
    return value if isinstance(value, dict) else None


def _prefix_sha256(model: tuple[str, ...], body: dict[str, Any]) -> str:
    history = {name: body[name][:-1] for name in _HISTORY if isinstance(body.get(name), list)}
    rest = {name: body[name] for name in (*_SYSTEM, *_TOOLS, *_STATE) if name in body}
    prefix = json.dumps([model, rest, history], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(prefix.encode()).hexdigest()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
