"""Recordings of chats, for the tests of a review."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.reviewing.recordings import Recording, recording_of
from cache_store.entry import Entry

HOSTILE = (
    "</code></pre></details> @octocat #1 <script>alert(1)</script> [x](http://evil.example) www.evil.example "
    "`code` **bold** ``` ::error::x \u202e \x1b[31m |\n\n# heading\n\n</summary>"
)


def chat(
    messages: list[dict[str, Any]] | str,
    text: str = "yes",
    *,
    tokens: tuple[int, int] = (10, 5),
    answered_by: str = "",
    calls: list[dict[str, Any]] | None = None,
    at: float = 1000.0,
    **more: Any,
) -> Entry:
    """An entry: the answer `text` to a chat request."""
    talk = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    body = {"model": "gpt-4.1", "messages": talk} | more
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer test"))
    request = WireRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, json.dumps(body).encode()
    )
    identity = identify(request, IdentityRules())
    answer = {
        "id": f"chatcmpl-{at}",
        "model": answered_by or body["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"content": text, "tool_calls": calls or []}}
        ],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
    }
    return Entry(
        identity.key,
        200,
        "OK",
        ((b"content-type", b"application/json"),),
        json.dumps(answer).encode(),
        at,
        0.5,
        "run",
        identity.label,
        "chat",
        identity.request_json,
    )


def state(*entries: tuple[Entry, str] | Entry) -> list[Recording]:
    """Recordings of entries, each with its tests, separated by blanks, or without."""
    given = [one if isinstance(one, tuple) else (one, "") for one in entries]
    return [replace(recording_of(entry), tests=tuple(tests.split())) for entry, tests in given]


def system(words: str, question: str = "Who wrote it?") -> list[dict[str, Any]]:
    """A conversation of a system prompt and a question."""
    return [{"role": "system", "content": words}, {"role": "user", "content": question}]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """A tool call of an answer."""
    return {"id": "call_1", "function": {"name": name, "arguments": json.dumps(arguments)}}


def tool(name: str, description: str = "") -> dict[str, Any]:
    """A tool that a request offers."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {}}}
