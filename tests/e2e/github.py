"""GitHub's part in a job: the files through which steps speak to the runner, and its cache service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_SERVICE = "/twirp/github.actions.results.api.v1.CacheService/"


def pairs_in(path: Path) -> dict[str, str]:
    """`NAME=value` lines and `NAME<<END` blocks of a file as $GITHUB_ENV, as GitHub reads them."""
    found: dict[str, str] = {}
    lines = iter(path.read_text().splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        if "<<" in line and ("=" not in line or line.index("<<") < line.index("=")):
            name, _, end = line.partition("<<")
            block = []
            for more in lines:
                if more == end:
                    break
                block.append(more)
            found[name] = "\n".join(block)
        elif equals:
            found[name] = value
    return found


@dataclass
class CacheService:
    """GitHub's cache service with its blob storage, as packages/cache of actions/toolkit speaks to it."""

    files: dict[str, bytes] = field(default_factory=dict)  # by key, the newest last
    failures: int = 0  # how many of the next requests are answered with 503
    token: str = "runtime-token"
    url: str = ""
    _made: dict[str, bytes] = field(default_factory=dict)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        if self.failures:
            self.failures -= 1
            return 503, b"busy"
        if path.startswith("/blob/"):
            return self._blob(method, path.removeprefix("/blob/"), headers, body)
        if method != "POST" or headers["authorization"] != f"Bearer {self.token}":
            return 401, b"{}"
        asked = json.loads(body)
        assert len(asked["version"]) == 64
        return 200, json.dumps(self._call(path.removeprefix(_SERVICE), asked)).encode()

    def _call(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        key = asked["key"]
        if name == "GetCacheEntryDownloadURL":
            keys = [k for k in self.files if any(k.startswith(start) for start in asked["restore_keys"])]
            return {"ok": bool(keys)} | (
                {"signed_download_url": f"{self.url}/blob/{keys[-1]}", "matched_key": keys[-1]}
                if keys
                else {}
            )
        if name == "CreateCacheEntry":
            # The other spelling, which protobuf's JSON allows too.
            return {"ok": True, "signedUploadUrl": f"{self.url}/blob/{key}?sig=secret"}
        assert name == "FinalizeCacheEntryUpload"
        self.files[key] = self._made.pop(key)
        return {"ok": asked["size_bytes"] == str(len(self.files[key])), "entry_id": "1"}

    def _blob(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        key, _, _ = path.partition("?")
        if method == "GET":
            return 200, self.files[key]
        if method != "PUT" or headers["x-ms-blob-type"] != "BlockBlob":
            return 400, b""
        self._made[key] = body
        return 201, b""


@contextmanager
def cache_service() -> Iterator[CacheService]:
    """A running service."""
    service = CacheService()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = service.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
