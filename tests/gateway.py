"""A gateway in front of an object store on loopback, that counts and misbehaves as told."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Gateway:
    """Forwards to `target`.

    `answers` are statuses that the next requests get instead; `hang` is seconds to wait first; of so many packs as
    `cuts` says half is sent, and the connection broken.
    """

    target: str
    url: str = ""
    answers: list[int] = field(default_factory=list)
    hang: float = 0.0
    cuts: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)

    def reset(self) -> None:
        """Behave, and forget what was seen."""
        self.answers.clear()
        self.hang = 0.0
        self.cuts = 0
        self.seen.clear()

    def refusal(self, method: str, path: str, headers: Message) -> int:
        """The status with which a request is refused that `target` would take; 0 lets it through."""
        return 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def _any(self) -> None:
        gateway: Gateway = self.server.gateway  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        gateway.seen.append((self.command, self.path))
        if gateway.hang:
            time.sleep(gateway.hang)
        status = gateway.answers.pop(0) if gateway.answers else 0
        if status or (status := gateway.refusal(self.command, self.path, self.headers)):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        host = gateway.target.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as onward:
            onward.request(self.command, self.path, body, dict(self.headers.items()))
            answer = onward.getresponse()
            data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", answer.getheader("content-length") or str(len(data)))
        self.end_headers()
        if gateway.cuts and self.command == "GET" and ".ppack" in self.path.replace("%2E", "."):
            gateway.cuts -= 1
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815


@contextlib.contextmanager
def running(gateway: Gateway) -> Iterator[None]:
    """Serve `gateway`, whose `url` is set, for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.gateway = gateway  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
