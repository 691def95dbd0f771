"""Answers with a text and two tool calls in each dialect, whole and streamed, and how to read them again."""

from __future__ import annotations

import json
from typing import Any

from cache_store.entry import Entry, Headers
from tests.addon.volatile.streams import FRAMES, SSE, event, frame

JSON: Headers = ((b"content-type", b"application/json"),)
TEXT = ["The weather in ", "Paris is fine.\nBring a hat."]
FIRST, SECOND = (
    {"city": "Paris", "days": 3, "exact": True},
    {"note": 'a "quoted" wo\nrd', "at": [1.5, "here"]},
)


def entry(headers: Headers, body: bytes | str | dict[str, Any], key: str = "pp2-1") -> Entry:
    """A stored answer."""
    data = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else json.dumps(body).encode()
    )
    return Entry(key, 200, "OK", headers, data, 0.0, 0.0, "run")


def _halves(value: object) -> list[str]:
    text = json.dumps(value)
    return [text[:9], text[9:]]


def _chat() -> Entry:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": json.dumps(each)}}
        for n, each in enumerate((FIRST, SECOND))
    ]
    message = {"role": "assistant", "content": "".join(TEXT), "tool_calls": calls}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11, "details": {"cached": 0}}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return entry(JSON, {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage})


def _chat_stream() -> Entry:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        return event({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    chunks = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": part}) for part in TEXT)]
    for n, each in enumerate((FIRST, SECOND)):
        start = {
            "index": n,
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": "f", "arguments": ""},
        }
        chunks.append(chunk({"tool_calls": [start]}))
        chunks += [
            chunk({"tool_calls": [{"index": n, "function": {"arguments": half}}]}) for half in _halves(each)
        ]
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    chunks += [chunk({}, "tool_calls"), event({"id": "c", "choices": [], "usage": usage})]
    return entry(SSE, "".join(chunks) + "data: [DONE]\n\n")


def _messages() -> Entry:
    calls = [
        {"type": "tool_use", "id": f"t{n}", "name": "f", "input": each}
        for n, each in enumerate((FIRST, SECOND))
    ]
    content = [{"type": "text", "text": "".join(TEXT)}, *calls]
    usage = {"input_tokens": 9, "output_tokens": 2}
    return entry(JSON, {"type": "message", "content": content, "stop_reason": "tool_use", "usage": usage})


def _messages_stream() -> Entry:
    message = {
        "type": "message",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
            for part in TEXT
        ),
        {"type": "content_block_stop", "index": 0},
    ]
    for n, each in enumerate((FIRST, SECOND), 1):
        block = {"type": "tool_use", "id": f"t{n}", "name": "f", "input": {}}
        events.append({"type": "content_block_start", "index": n, "content_block": block})
        events += [
            {
                "type": "content_block_delta",
                "index": n,
                "delta": {"type": "input_json_delta", "partial_json": half},
            }
            for half in _halves(each)
        ]
        events.append({"type": "content_block_stop", "index": n})
    delta = {"stop_reason": "tool_use", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return entry(SSE, "".join(event(each, each["type"]) for each in events))


def _response() -> dict[str, Any]:
    text = {"type": "output_text", "text": "".join(TEXT), "annotations": []}
    message = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [text]}
    calls = [
        {
            "type": "function_call",
            "id": f"f{n}",
            "call_id": f"c{n}",
            "name": "f",
            "arguments": json.dumps(each),
        }
        for n, each in enumerate((FIRST, SECOND))
    ]
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    return {
        "id": "r",
        "object": "response",
        "status": "completed",
        "incomplete_details": None,
        "output": [message, *calls],
        "usage": usage,
    }


def _responses() -> Entry:
    return entry(JSON, _response())


def _responses_stream() -> Entry:
    whole = _response()
    created = whole | {"status": "in_progress", "output": [], "usage": None}
    message, *calls = whole["output"]
    text = {"item_id": "m", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": created},
        {"type": "response.output_item.added", "output_index": 0, "item": message | {"content": []}},
        *({"type": "response.output_text.delta", **text, "delta": part} for part in TEXT),
        {"type": "response.output_text.done", **text, "text": "".join(TEXT)},
        {"type": "response.content_part.done", **text, "part": message["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
    ]
    for n, call in enumerate(calls, 1):
        of_call = {"item_id": call["id"], "output_index": n}
        added = {"type": "response.output_item.added", "output_index": n, "item": call | {"arguments": ""}}
        events.append(added)
        halves = _halves(json.loads(call["arguments"]))
        events += [
            {"type": "response.function_call_arguments.delta", **of_call, "delta": half} for half in halves
        ]
        done = {"type": "response.function_call_arguments.done", **of_call, "arguments": call["arguments"]}
        events += [done, {"type": "response.output_item.done", "output_index": n, "item": call}]
    events.append({"type": "response.completed", "response": whole})
    numbered = ({**each, "sequence_number": n} for n, each in enumerate(events))
    return entry(SSE, "".join(event(each, each["type"]) for each in numbered))


def _candidate(parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
    end = {"finishReason": finish} if finish else {}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, **end}
    return {"candidates": [candidate], "usageMetadata": usage}


def _gemini() -> Entry:
    calls = [{"functionCall": {"name": "f", "args": each}} for each in (FIRST, SECOND)]
    thought = {"text": "Let me think of Paris.", "thought": True}
    return entry(JSON, _candidate([thought, {"text": "".join(TEXT)}, *calls], "STOP"))


def _gemini_stream() -> Entry:
    calls = [{"functionCall": {"name": "f", "args": each}} for each in (FIRST, SECOND)]
    chunks = [*([{"text": part}] for part in TEXT), [calls[0]], [calls[1]]]
    last = len(chunks) - 1
    return entry(
        SSE,
        "".join(event(_candidate(parts, "STOP" if at == last else None)) for at, parts in enumerate(chunks)),
    )


def _converse() -> Entry:
    calls = [
        {"toolUse": {"toolUseId": f"t{n}", "name": "f", "input": each}}
        for n, each in enumerate((FIRST, SECOND))
    ]
    message = {"role": "assistant", "content": [{"text": "".join(TEXT)}, *calls]}
    usage = {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}
    return entry(JSON, {"output": {"message": message}, "stopReason": "tool_use", "usage": usage})


def _converse_stream() -> Entry:
    frames: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    frames += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}}) for part in TEXT]
    frames.append(("contentBlockStop", {"contentBlockIndex": 0}))
    for n, each in enumerate((FIRST, SECOND), 1):
        start = {"toolUse": {"toolUseId": f"t{n}", "name": "f"}}
        frames.append(("contentBlockStart", {"contentBlockIndex": n, "start": start}))
        frames += [
            ("contentBlockDelta", {"contentBlockIndex": n, "delta": {"toolUse": {"input": half}}})
            for half in _halves(each)
        ]
        frames.append(("contentBlockStop", {"contentBlockIndex": n}))
    usage = {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}
    frames += [("messageStop", {"stopReason": "tool_use"}), ("metadata", {"usage": usage})]
    return entry(FRAMES, b"".join(frame(name, json.dumps(value).encode()) for name, value in frames))


def _cohere() -> Entry:
    calls = [
        {"id": f"t{n}", "type": "function", "function": {"name": "f", "arguments": json.dumps(each)}}
        for n, each in enumerate((FIRST, SECOND))
    ]
    content = [{"type": "text", "text": "".join(TEXT)}]
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    usage = {"tokens": {"input_tokens": 9, "output_tokens": 2}}
    return entry(JSON, {"id": "c", "message": message, "finish_reason": "TOOL_CALL", "usage": usage})


def _cohere_stream() -> Entry:
    content = [
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
    ]
    content += [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": part}}}}
        for part in TEXT
    ]
    events: list[dict[str, Any]] = [*content, {"type": "content-end", "index": 0}]
    for n, each in enumerate((FIRST, SECOND)):
        call = {"id": f"t{n}", "type": "function", "function": {"name": "f", "arguments": ""}}
        events.append({"type": "tool-call-start", "index": n, "delta": {"message": {"tool_calls": call}}})
        events += [
            {
                "type": "tool-call-delta",
                "index": n,
                "delta": {"message": {"tool_calls": {"function": {"arguments": half}}}},
            }
            for half in _halves(each)
        ]
        events.append({"type": "tool-call-end", "index": n})
    usage = {"tokens": {"input_tokens": 9, "output_tokens": 2}}
    events.append({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": usage}})
    return entry(SSE, "".join(event(each, each["type"]) for each in events))


ANSWERS = {
    "chat": _chat,
    "chat-stream": _chat_stream,
    "messages": _messages,
    "messages-stream": _messages_stream,
    "responses": _responses,
    "responses-stream": _responses_stream,
    "gemini": _gemini,
    "gemini-stream": _gemini_stream,
    "converse": _converse,
    "converse-stream": _converse_stream,
    "cohere": _cohere,
    "cohere-stream": _cohere_stream,
}
"""What makes an answer of each dialect."""
