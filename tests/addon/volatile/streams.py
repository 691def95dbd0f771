"""One text as the streamed answers of several dialects, cut where a test says."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

from cache_store.entry import Headers

SSE: Headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
LINES: Headers = ((b"content-type", b"application/x-ndjson"),)
FRAMES: Headers = ((b"content-type", b"application/vnd.amazon.eventstream"),)


def event(value: Any, name: str = "") -> str:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'), ensure_ascii=False)}\n\n"


def frame(event_type: str, payload: bytes) -> bytes:
    """One AWS event-stream frame with its `:event-type`."""
    name = b":event-type"
    headers = bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(event_type)) + event_type.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return start + struct.pack(">I", zlib.crc32(start))


def _chat(parts: list[str]) -> bytes:
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    return ("".join(map(event, chunks)) + "data: [DONE]\n\n").encode()


def _messages(parts: list[str]) -> bytes:
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
        for part in parts
    ]
    return "".join(event(each, each["type"]) for each in [start, *deltas]).encode()


def _responses(parts: list[str]) -> bytes:
    deltas = [
        {
            "type": "response.output_text.delta",
            "item_id": "m",
            "output_index": 0,
            "content_index": 0,
            "delta": part,
        }
        for part in parts
    ]
    done = {"type": "response.output_text.done", "item_id": "m", "output_index": 0, "text": "".join(parts)}
    return "".join(map(event, [*deltas, done])).encode()


def _gemini(parts: list[str]) -> bytes:
    chunks = [{"candidates": [{"content": {"parts": [{"text": part}], "role": "model"}}]} for part in parts]
    return "".join(event(chunk).replace("\n", "\r\n") for chunk in chunks).encode()


def _cohere(parts: list[str]) -> bytes:
    deltas = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": part}}}}
        for part in parts
    ]
    return "".join(map(event, deltas)).encode()


def _ollama(parts: list[str]) -> bytes:
    return "".join(
        json.dumps({"message": {"content": part}, "done": False}) + "\n" for part in parts
    ).encode()


def _converse(parts: list[str]) -> bytes:
    return b"".join(
        frame("contentBlockDelta", json.dumps({"contentBlockIndex": 0, "delta": {"text": part}}).encode())
        for part in parts
    )


def _invoke(parts: list[str]) -> bytes:
    inner = [{"type": "content_block_delta", "index": 0, "delta": {"text": part}} for part in parts]
    return b"".join(
        frame("chunk", b'{"bytes":"%s"}' % base64.b64encode(json.dumps(each).encode())) for each in inner
    )


def _tool_call(parts: list[str]) -> bytes:
    return "".join(
        event(
            {
                "choices": [
                    {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}
                ]
            }
        )
        for part in parts
    ).encode()


DIALECTS: dict[str, tuple[Headers, Callable[[list[str]], bytes]]] = {
    "chat": (SSE, _chat),
    "messages": (SSE, _messages),
    "responses": (SSE, _responses),
    "gemini": (SSE, _gemini),
    "cohere": (SSE, _cohere),
    "ollama": (LINES, _ollama),
    "converse": (FRAMES, _converse),
    "invoke": (FRAMES, _invoke),
    "tool-call": (SSE, _tool_call),
}
"""Headers, and what makes the body of a text's parts."""
