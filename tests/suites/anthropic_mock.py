"""Answers what the suite of anthropic 0.39.0 asks, in the shapes of the SDK's types, on port 4010."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

USAGE = {
    "input_tokens": 2095,
    "output_tokens": 503,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}
MESSAGE = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-3-5-sonnet-20241022",
    "content": [{"type": "text", "text": "Hi! My name is Claude."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
COMPLETION = {
    "id": "compl_018CKm6gsux7P8yMcwZbeCPw",
    "type": "completion",
    "completion": " Hello! My name is Claude.",
    "model": "claude-2.1",
    "stop_reason": "stop_sequence",
}
BATCH = {
    "id": "msgbatch_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"canceled": 10, "errored": 30, "expired": 10, "processing": 100, "succeeded": 50},
    "created_at": "2024-08-20T18:37:24.100435Z",
    "expires_at": "2024-08-20T18:37:24.100435Z",
    "archived_at": None,
    "cancel_initiated_at": None,
    "ended_at": None,
    "results_url": None,
}
EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi!"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 503},
    },
    {"type": "message_stop"},
)


def answer_to(method: str, path: str) -> dict[str, Any] | None:
    """The JSON answer of an endpoint; None for one that the suite does not ask."""
    if path == "/v1/messages":
        return MESSAGE
    if path == "/v1/messages/count_tokens":
        return {"input_tokens": 2095}
    if path == "/v1/complete":
        return COMPLETION
    if path == "/v1/messages/batches" and method == "GET":
        return {"data": [BATCH], "has_more": True, "first_id": BATCH["id"], "last_id": BATCH["id"]}
    if path.endswith("/cancel"):
        return BATCH | {"processing_status": "canceling"}
    return BATCH if path.startswith("/v1/messages/batches") else None


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a read, or a creation."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path
        if body and json.loads(body).get("stream") is True:
            events = EVENTS if path == "/v1/messages" else ({"type": "completion"} | COMPLETION,)
            text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
            self._send(200, "text/event-stream", text.encode())
            return
        answer = answer_to(self.command, path)
        error = {"type": "error", "error": {"type": "not_found_error", "message": "not found"}}
        self._send(200 if answer else 404, "application/json", json.dumps(answer or error).encode())

    do_POST = do_GET  # noqa: N815 - the base class's name

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 4010), Handler).serve_forever()
