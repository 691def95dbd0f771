"""Answers in the shape of each provider's API reference, for tests; counts are the caller's."""

import base64
import json
import struct
import zlib
from typing import Any

EVENTSTREAM = "application/vnd.amazon.eventstream"
SSE = "text/event-stream; charset=utf-8"


def sse(*documents: Any, named: bool = False) -> bytes:
    """Server-sent events, with `event:` lines where the documents' types name them."""
    lines = []
    for document in documents:
        if named:
            lines.append(f"event: {document['type']}\n")
        lines.append(f"data: {document if isinstance(document, str) else json.dumps(document)}\n\n")
    return "".join(lines).encode()


def frame(event: str, payload: Any) -> bytes:
    """One frame of Amazon's event stream encoding."""
    headers = b""
    for name, value in (
        (":message-type", "event"),
        (":event-type", event),
        (":content-type", "application/json"),
    ):
        headers += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def anthropic_events(model: str, usage: dict[str, Any]) -> list[dict[str, Any]]:
    """A message stream: input and cache counts come first, the output count last."""
    first = {**usage, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "usage": first,
    }
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": usage["output_tokens"]},
        },
        {"type": "message_stop"},
    ]


def anthropic(model: str, usage: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    """(media type, body) of the Messages API."""
    if streamed:
        return SSE, sse(*anthropic_events(model, usage), named=True)
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "usage": usage}
    return "application/json", json.dumps(body | {"content": [{"type": "text", "text": "Hello"}]}).encode()


def openai(model: str, usage: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    """(media type, body) of Chat Completions; the stream with include_usage."""
    if not streamed:
        message = {"role": "assistant", "content": "Hello"}
        body = {"object": "chat.completion", "model": model, "choices": [{"index": 0, "message": message}]}
        return "application/json", json.dumps(body | {"usage": usage}).encode()
    chunk = {"object": "chat.completion.chunk", "model": model, "usage": None}
    return SSE, sse(
        chunk | {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}]},
        chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        chunk | {"choices": [], "usage": usage},
        "[DONE]",
    )


def responses(model: str, usage: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    """(media type, body) of the Responses API."""
    done = {"id": "resp_1", "object": "response", "status": "completed", "model": model, "usage": usage}
    if not streamed:
        return "application/json", json.dumps(done).encode()
    begun = done | {"status": "in_progress", "usage": None}
    return SSE, sse(
        {"type": "response.created", "response": begun},
        {"type": "response.output_text.delta", "delta": "Hello"},
        {"type": "response.completed", "response": done},
        named=True,
    )


def gemini_chunks(model: str, usage: dict[str, Any]) -> list[dict[str, Any]]:
    """Chunks of which the last has all the counts."""
    early = {name: value for name, value in usage.items() if name == "promptTokenCount"}
    part = {"content": {"parts": [{"text": "Hello"}], "role": "model"}, "index": 0}
    return [
        {"candidates": [part], "usageMetadata": early, "modelVersion": model},
        {"candidates": [part | {"finishReason": "STOP"}], "usageMetadata": usage, "modelVersion": model},
    ]


def gemini(model: str, usage: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    """(media type, body) of generateContent."""
    chunks = gemini_chunks(model, usage)
    return (SSE, sse(*chunks)) if streamed else ("application/json", json.dumps(chunks[1]).encode())


def converse(usage: dict[str, Any], streamed: bool) -> tuple[str, bytes]:
    """(media type, body) of Bedrock's Converse, which names no model."""
    if not streamed:
        message = {"role": "assistant", "content": [{"text": "Hello"}]}
        body = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
        return "application/json", json.dumps(body).encode()
    frames = [
        frame("messageStart", {"role": "assistant"}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
        frame("messageStop", {"stopReason": "end_turn"}),
        frame("metadata", {"usage": usage, "metrics": {"latencyMs": 5}}),
    ]
    return EVENTSTREAM, b"".join(frames)


def invoke(inner: list[dict[str, Any]]) -> tuple[str, bytes]:
    """(media type, body) of InvokeModelWithResponseStream around a model's own events."""
    chunks = [{"bytes": base64.b64encode(json.dumps(event).encode()).decode()} for event in inner]
    return EVENTSTREAM, b"".join(frame("chunk", chunk) for chunk in chunks)
