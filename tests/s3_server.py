"""moto's S3 on loopback, and a gateway in front of it that misbehaves as told."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "recordings"


@dataclass
class Gateway:
    """Forwards to S3. `answers` are statuses that the next requests get instead; `hang` is seconds to wait first."""

    url: str
    target: str
    answers: list[int] = field(default_factory=list)
    hang: float = 0.0
    seen: list[tuple[str, str]] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        """The variables with which clients find it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "s3cret",
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip

    def client(self) -> object:
        """A plain S3 client, past the gateway."""
        return boto3.client("s3", endpoint_url=self.target, region_name="us-east-1",
                            aws_access_key_id="testing", aws_secret_access_key="testing")  # fmt: skip


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
        if gateway.answers:
            self.send_response(gateway.answers.pop(0))
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
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815


@contextlib.contextmanager
def running_s3() -> Iterator[Gateway]:
    """S3 with one bucket, and the gateway in front of it."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    gateway = Gateway(f"http://127.0.0.1:{server.server_address[1]}", f"http://{host}:{port}")
    server.gateway = gateway  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    gateway.client().create_bucket(Bucket=BUCKET)  # type: ignore[attr-defined]
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        moto.stop()
