"""Providers with a switchable version: each dialect's answers, whole and streamed, by what they are to say."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from addon.drift.question import Question, question_of
from addon.drift.reading import Reading
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from cache_store.entry import Entry

JSON = "application/json"
EVENTS = "text/event-stream"
FRAMES = "application/vnd.amazon.eventstream"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True)
class Version:
    """What a provider's version says: a text, or a call of `tool`. `finish` is one of stop, length and tool."""

    text: str = "Paris"
    tool: str = ""
    arguments: str = '{"city": "Paris"}'
    finish: str = "stop"
    model: str = "model-2026-01-01"
    id: str = "1"
    edit: Callable[[Any], None] | None = None
    more: tuple[tuple[str, Any], ...] = ()  # further events, before the last one


@dataclass(frozen=True)
class Dialect:
    """One dialect: its endpoint, what a request has besides the prompt, and how answers look.

    `field` is a member of its answers that is neither text nor an id.
    """

    name: str
    host: str
    path: str
    stream_path: str
    asks: dict[str, Any]
    field: str
    finishes: dict[str, str]
    whole: Callable[[Version, str], Any]
    events: Callable[[Version, str], list[tuple[str, Any]]]
    stream_type: str = EVENTS
    with_schema: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    with_tool: Callable[[str, Any], dict[str, Any]] | None = None

    def reading(self, version: Version, *, stream: bool, status: int = 200, **headers: str) -> Reading:
        """The answer of a version."""
        finish = self.finishes[version.finish]
        if stream:
            events = self.events(version, finish)
            if version.more:
                events[-1:-1] = version.more
            for _, value in events:
                if version.edit is not None and value is not None:
                    version.edit(value)
            body = _frames(events) if self.stream_type == FRAMES else _events(events)
        else:
            value = self.whole(version, finish)
            if version.edit is not None:
                version.edit(value)
            body = json.dumps(value).encode()
        pairs = [("content-type", self.stream_type if stream else JSON), *headers.items()]
        return Reading(status, tuple((n.replace("_", "-").encode(), v.encode()) for n, v in pairs), body)

    def entry(self, version: Version, *, stream: bool, asks: dict[str, Any] | None = None) -> Entry:
        """A recording of that answer."""
        body = json.dumps(self.asks | (asks or {}) | ({"stream": True} if stream else {})).encode()
        headers = ((b"authorization", b"Bearer test-key"), (b"content-type", b"application/json"))
        path = self.stream_path if stream else self.path
        identity = identify(
            WireRequest("POST", "https", self.host, 443, path, headers, body), IdentityRules()
        )
        answer = self.reading(version, stream=stream)
        return Entry(
            identity.key, 200, "OK", answer.headers, answer.body, 1000.0, 0.1, "run", identity.label, "",
            identity.request_json,
        )  # fmt: skip


def question(dialect: Dialect, *, stream: bool, asks: dict[str, Any] | None = None) -> Question:
    """The request of the dialect, as it would be asked again."""
    found = question_of(dialect.entry(Version(), stream=stream, asks=asks), {})
    assert isinstance(found, Question), found
    return found


def _events(events: list[tuple[str, Any]]) -> bytes:
    blocks = []
    for name, value in events:
        start = f"event: {name}\n" if name else ""
        blocks.append(f"{start}data: {'[DONE]' if value is None else json.dumps(value)}\n\n")
    return "".join(blocks).encode()


def _frames(events: list[tuple[str, Any]]) -> bytes:
    return b"".join(_frame(name, json.dumps(value).encode()) for name, value in events)


def _frame(kind: str, payload: bytes) -> bytes:
    headers = b""
    for name, value in ((":message-type", "event"), (":event-type", kind), (":content-type", JSON)):
        headers += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


# -- OpenAI chat


def _chat_calls(version: Version) -> list[Any]:
    function = {"name": version.tool, "arguments": version.arguments}
    return [{"index": 0, "id": f"call_{version.id}", "type": "function", "function": function}]


def _chat(version: Version, finish: str) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": version.text, "refusal": None}
    if version.tool:
        message |= {"content": None, "tool_calls": _chat_calls(version)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": f"chatcmpl-{version.id}", "object": "chat.completion", "created": len(version.id), "model": version.model,
        "system_fingerprint": f"fp_{version.id}", "choices": [choice], "usage": {"total_tokens": 10},
    }  # fmt: skip


def _chat_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    def chunk(delta: Any, reason: str | None = None) -> tuple[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        head = {"id": f"chatcmpl-{version.id}", "object": "chat.completion.chunk", "created": 1}
        return "", head | {"model": version.model, "system_fingerprint": "fp", "choices": [choice]}

    middle = [chunk({"tool_calls": _chat_calls(version)})] if version.tool else []
    middle = middle or [chunk({"content": piece}) for piece in (version.text[:2], version.text[2:])]
    return [chunk({"role": "assistant"}), *middle, chunk({}, finish), ("", None)]


# -- OpenAI Responses


def _response(version: Version, finish: str) -> Any:
    content = {"type": "output_text", "text": version.text, "annotations": []}
    item: Any = {"id": f"msg_{version.id}", "type": "message", "role": "assistant", "content": [content]}
    if version.tool:
        item = {
            "id": f"fc_{version.id}", "type": "function_call", "call_id": f"call_{version.id}",
            "name": version.tool, "arguments": version.arguments,
        }  # fmt: skip
    return {
        "id": f"resp_{version.id}", "object": "response", "created_at": len(version.id), "status": finish,
        "error": None, "incomplete_details": {"reason": "max_output_tokens"} if finish == "incomplete" else None,
        "model": version.model, "output": [item], "parallel_tool_calls": True, "usage": {"total_tokens": 9},
    }  # fmt: skip


def _response_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    whole = _response(version, finish)
    begun = whole | {"status": "in_progress", "incomplete_details": None, "output": []}
    kind = f"response.{finish}"
    delta = "response.function_call_arguments.delta" if version.tool else "response.output_text.delta"
    said = version.arguments if version.tool else version.text
    events = [
        {"type": "response.created", "response": begun},
        {"type": delta, "item_id": f"msg_{version.id}", "delta": said[:3]},
        {"type": delta, "item_id": f"msg_{version.id}", "delta": said[3:]},
        {"type": kind, "response": whole},
    ]
    return [(event["type"], event) for event in events]


# -- Anthropic


def _block(version: Version) -> dict[str, Any]:
    if version.tool:
        return {"type": "tool_use", "id": f"toolu_{version.id}", "name": version.tool}
    return {"type": "text"}


def _message(version: Version, finish: str) -> Any:
    said = {"input": json.loads(version.arguments)} if version.tool else {"text": version.text}
    return {
        "id": f"msg_{version.id}", "type": "message", "role": "assistant", "model": version.model,
        "content": [_block(version) | said], "stop_reason": finish, "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }  # fmt: skip


def _message_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    begun = _message(version, finish) | {"content": [], "stop_reason": None}
    said = version.arguments if version.tool else version.text
    kind, name = ("input_json_delta", "partial_json") if version.tool else ("text_delta", "text")
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": _block(version) | ({"input": {}} if version.tool else {"text": ""})},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: piece}} for piece in (said[:3], said[3:])),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": finish, "stop_sequence": None}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [(event["type"], event) for event in events]


# -- Gemini


def _candidate(version: Version, finish: str | None, text: str) -> Any:
    call = {"functionCall": {"name": version.tool, "args": json.loads(version.arguments)}}
    part: dict[str, Any] = call if version.tool else {"text": text}
    candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": {"totalTokenCount": 6}, "modelVersion": version.model, "responseId": version.id,
    }  # fmt: skip


def _gemini_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    if version.tool:
        return [("", _candidate(version, finish, ""))]
    return [
        ("", _candidate(version, None, version.text[:2])),
        ("", _candidate(version, finish, version.text[2:])),
    ]


# -- Bedrock Converse


def _converse(version: Version, finish: str) -> Any:
    call = {"toolUseId": f"t_{version.id}", "name": version.tool, "input": json.loads(version.arguments)}
    content: dict[str, Any] = {"toolUse": call} if version.tool else {"text": version.text}
    return {
        "output": {"message": {"role": "assistant", "content": [content]}}, "stopReason": finish,
        "usage": {"totalTokens": 11}, "metrics": {"latencyMs": 5},
    }  # fmt: skip


def _converse_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    call = {
        "start": {"toolUse": {"toolUseId": f"t_{version.id}", "name": version.tool}},
        "contentBlockIndex": 0,
    }
    said = version.arguments if version.tool else version.text
    deltas = [
        {"toolUse": {"input": piece}} if version.tool else {"text": piece} for piece in (said[:3], said[3:])
    ]
    return [
        ("messageStart", {"role": "assistant", "p": "abc"}),
        *([("contentBlockStart", call)] if version.tool else []),
        *(("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta, "p": "a"}) for delta in deltas),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": finish}),
        ("metadata", {"usage": {"totalTokens": 11}, "metrics": {"latencyMs": 5}}),
    ]


# -- Cohere v2


def _cohere(version: Version, finish: str) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": version.text}]}
    if version.tool:
        message = {"role": "assistant", "tool_calls": _chat_calls(version)}
    return {
        "id": version.id,
        "finish_reason": finish,
        "message": message,
        "usage": {"tokens": {"input_tokens": 9}},
    }


def _cohere_events(version: Version, finish: str) -> list[tuple[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": version.id, "delta": {"message": {"role": "assistant"}}}
    ]
    if version.tool:
        call = _chat_calls(version)[0]
        events += [
            {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}},
            {"type": "tool-call-end", "index": 0},
        ]
    else:
        events += [
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
            for piece in (version.text[:3], version.text[3:])
        ]
    events.append({"type": "message-end", "delta": {"finish_reason": finish, "usage": {"tokens": {}}}})
    return [(event["type"], event) for event in events]


_USER = [{"role": "user", "content": "Name the capital of France"}]


def _openai_tool(name: str, schema: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]}


DIALECTS = (
    Dialect(
        "openai-chat", "api.openai.com", "/v1/chat/completions", "/v1/chat/completions",
        {"model": "gpt-x", "messages": _USER}, "created",
        {"stop": "stop", "length": "length", "tool": "tool_calls"}, _chat, _chat_events,
        with_schema=lambda s: {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": s}}},
        with_tool=_openai_tool,
    ),
    Dialect(
        "openai-responses", "api.openai.com", "/v1/responses", "/v1/responses",
        {"model": "gpt-x", "input": "Name the capital of France"}, "parallel_tool_calls",
        {"stop": "completed", "length": "incomplete", "tool": "completed"}, _response, _response_events,
        with_schema=lambda s: {"text": {"format": {"type": "json_schema", "name": "a", "schema": s}}},
        with_tool=lambda name, s: {"tools": [{"type": "function", "name": name, "parameters": s}]},
    ),
    Dialect(
        "anthropic", "api.anthropic.com", "/v1/messages", "/v1/messages",
        {"model": "claude-x", "messages": _USER, "max_tokens": 9}, "stop_sequence",
        {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}, _message, _message_events,
        with_schema=lambda s: {"output_config": {"format": {"type": "json_schema", "schema": s}}},
        with_tool=lambda name, s: {"tools": [{"name": name, "input_schema": s}]},
    ),
    Dialect(
        "gemini", "generativelanguage.googleapis.com", "/v1beta/models/gemini-x:generateContent",
        "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Name the capital of France"}]}]}, "role",
        {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}, lambda v, f: _candidate(v, f, v.text), _gemini_events,
        with_schema=lambda s: {"generationConfig": {"responseMimeType": "application/json", "responseSchema": s}},
        with_tool=lambda name, s: {"tools": [{"functionDeclarations": [{"name": name, "parameters": s}]}]},
    ),
    Dialect(
        "bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "/model/claude-x/converse", "/model/claude-x/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "Name the capital of France"}]}]}, "role",
        {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}, _converse, _converse_events, FRAMES,
        with_tool=lambda name, s: {"toolConfig": {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": s}}}]}},
    ),
    Dialect(
        "cohere", "api.cohere.com", "/v2/chat", "/v2/chat",
        {"model": "command-x", "messages": _USER}, "role",
        {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool": "TOOL_CALL"}, _cohere, _cohere_events,
        with_schema=lambda s: {"response_format": {"type": "json_object", "schema": s}},
        with_tool=_openai_tool,
    ),
)  # fmt: skip


def edited(field: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Any], None]:
    """An edit that calls `change` with every object that has the member `field`."""

    def edit(value: Any) -> None:
        for inner in (
            list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            edit(inner)
        if isinstance(value, dict) and field in value:
            change(value)

    return edit
