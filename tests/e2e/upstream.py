"""A provider on loopback for end-to-end tests: real TLS under providers' names, answers as scripted, counted."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

NAMES = (
    "api.openai.com",
    "api.anthropic.com",
    "generativelanguage.googleapis.com",
    "bedrock-runtime.us-east-1.amazonaws.com",
    "api.mistral.ai",
    "api.cohere.com",
    "api.groq.com",
    "us-central1-aiplatform.googleapis.com",
    "my.openai.azure.com",
    "api.together.ai",
    "api-inference.together.ai",
    "huggingface.co",
    "router.huggingface.co",
    "not-a-provider.example",
    "localhost",
    "127.0.0.1",
)


class Exchange(BaseHTTPRequestHandler):
    """One request; a script answers it with the methods below."""

    protocol_version = "HTTP/1.1"
    body = b""
    number = 0  # counted over the whole upstream, from 1

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def handle(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            super().handle()

    def _any(self) -> None:
        upstream: Upstream = self.server.upstream  # type: ignore[attr-defined]
        length = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(length)
        with upstream.lock:
            upstream.seen.append((self.command, self.headers.get("host", ""), self.path, self.body))
            upstream.headers.append(list(self.headers.items()))
            self.number = len(upstream.seen)
        try:
            upstream.script(self)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any  # noqa: N815

    def answer(
        self, body: bytes | str, status: int = 200, content_type: str = "application/json", **headers: str
    ) -> None:
        """A whole answer with its length."""
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("content-type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def json(self, value: object, status: int = 200, **headers: str) -> None:
        """A JSON answer."""
        self.answer(json.dumps(value), status, **headers)

    def start_chunked(self, content_type: str = "text/event-stream", **headers: str) -> None:
        """Begin an answer of no known length."""
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        """One chunk; b"" ends the answer."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def stream(
        self, pieces: list[bytes], pause: float = 0.0, content_type: str = "text/event-stream"
    ) -> None:
        """A whole chunked answer, `pause` seconds between the pieces."""
        self.start_chunked(content_type)
        for piece in pieces:
            self.chunk(piece)
            time.sleep(pause)
        self.chunk(b"")

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.close()


type Script = Callable[[Exchange], None]


def chat_answer(text: str, model: str = "gpt-4.1") -> dict[str, object]:
    """An OpenAI chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def chat_events(words: list[str], done: bool = True) -> list[bytes]:
    """An OpenAI chat stream, one event per word."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}

    def event(delta: dict[str, str], finish: str | None) -> bytes:
        chunk = base | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    events = [event({"content": word}, None) for word in words]
    return [*events, event({}, "stop"), b"data: [DONE]\n\n"] if done else events


def message_answer(text: str) -> dict[str, object]:
    """An Anthropic message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }


def message_events(words: list[str]) -> list[bytes]:
    """An Anthropic message stream."""
    start = message_answer("") | {"content": [], "stop_reason": None}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in words
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


@dataclass
class Upstream:
    """A running provider. `seen` are (method, host header, path, body) in order of arrival."""

    port: int
    script: Script
    seen: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    headers: list[list[tuple[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: Callable[[], None] = lambda: None

    @property
    def count(self) -> int:
        """How many requests came."""
        return len(self.seen)


def make_ca(folder: Path) -> tuple[trustme.LeafCert, Path]:
    """A CA of the test's own, and a certificate for every provider's name."""
    ca = trustme.CA()
    path = folder / "upstream-ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca.issue_cert(*NAMES), path


def answer_for(path: str, text: str) -> dict[str, object]:
    """A whole answer in the shape that a path asks for."""
    if path.endswith("/messages"):
        return message_answer(text)
    if path.endswith("/responses"):
        content = [{"type": "output_text", "text": text, "annotations": []}]
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "output": [message],
        }
    if path.endswith(":generateContent"):
        return {
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]
        }
    if path.endswith("/converse"):
        output = {"message": {"role": "assistant", "content": [{"text": text}]}}
        usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
        return {"output": output, "stopReason": "end_turn", "usage": usage}
    return chat_answer(text)


def default_script(exchange: Exchange) -> None:
    """Answers each request differently, in the shape that its path asks for."""
    exchange.json(answer_for(exchange.path.partition("?")[0], f"answer {exchange.number}"))


@contextlib.contextmanager
def running(certificate: trustme.LeafCert | None, script: Script = default_script) -> Iterator[Upstream]:
    """An upstream on a free port of 127.0.0.1, with TLS unless `certificate` is None."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    server.daemon_threads = True
    server.block_on_close = False
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    upstream = Upstream(server.server_address[1], script)
    server.upstream = upstream  # type: ignore[attr-defined]
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stopped = threading.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            server.shutdown()
            server.server_close()

    upstream.stop = stop
    try:
        yield upstream
    finally:
        stop()
