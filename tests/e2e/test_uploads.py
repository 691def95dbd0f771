"""Gemini's resumable uploads: the second step belongs to the first, in every recording and replay."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.e2e.clients import cached, session
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream

START = "https://generativelanguage.googleapis.com/upload/v1beta/files"
KEY = {"x-goog-api-key": "AIza" + "SyMadeUp" * 4}
SECRET_ID = "SessionCapability"


def provider(exchange: Exchange) -> None:
    """Starts uploads under an id of their own, and knows no other id."""
    if exchange.headers.get("x-goog-upload-command") == "start":
        sessions = exchange.server.__dict__.setdefault("sessions", {})
        identifier = f"{SECRET_ID}{exchange.number}"
        file = json.loads(exchange.body)["file"]
        sessions[identifier] = file.get("displayName") or file["display_name"]
        url = f"{START}?upload_id={identifier}&upload_protocol=resumable"
        exchange.answer(b"", **{"X-Goog-Upload-URL": url, "X-Goog-Upload-Control-URL": url, "X-Goog-Upload-Status": "active",
                                "X-GUploader-UploadID": identifier})  # fmt: skip
        return
    identifier = exchange.path.partition("upload_id=")[2].partition("&")[0]
    name = exchange.server.__dict__.get("sessions", {}).get(identifier)
    if name is None:
        exchange.json({"error": {"code": 404, "message": "no such upload", "status": "NOT_FOUND"}}, 404)
        return
    file = {
        "name": f"files/{identifier[-2:]}",
        "displayName": name,
        "state": "ACTIVE",
        "mimeType": "text/plain",
    }
    exchange.json({"file": file}, **{"x-goog-upload-status": "final"})


def start(proxy: Proxy, name: str) -> requests.Response:
    """Start an upload."""
    with session(proxy) as client:
        return client.post(
            START,
            json={"file": {"displayName": name}},
            headers=KEY | {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start",
                           "x-goog-upload-header-content-length": "5"},
            timeout=120,
        )  # fmt: skip


def send(proxy: Proxy, url: str, content: bytes = b"hello") -> requests.Response:
    """The second step, on a connection of its own."""
    with session(proxy) as client:
        headers = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
        return client.post(url, data=content, headers=headers, timeout=120)


def upload(proxy: Proxy, name: str, content: bytes = b"hello") -> Any:
    """Both steps; whether each was a hit, and the file."""
    first = start(proxy, name)
    second = send(proxy, first.headers["x-goog-upload-url"], content)
    return cached(first), cached(second), second.json().get("file", {}).get("displayName")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_upload_is_recorded_and_replayed(
    workers: str, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """Two uploads of equal bytes are two requests, each is replayed whole, and no real upload URL is stored."""
    upstream.script = provider
    proxy = start_proxy(upstream, workers=workers)
    assert upload(proxy, "a.txt") == ("false", "false", "a.txt")
    proxy.stop()
    proxy = start_proxy(upstream, workers=workers)
    assert upload(proxy, "b.txt") == ("false", "false", "b.txt")
    proxy.stop()
    seen = upstream.count
    proxy = start_proxy(None, mode="read-only-require-hit", workers=workers)
    for name in ("b.txt", "a.txt") * 4:
        assert upload(proxy, name) == ("true", "true", name)
    assert upstream.count == seen
    proxy.stop()
    stored = b"".join(
        path.read_bytes() for path in (tmp_path / ".provider-proxy").rglob("*") if path.is_file()
    )
    assert SECRET_ID.encode() not in stored


def test_a_stand_in_that_this_run_has_not_served_is_unknown(
    start_proxy: Callable[..., Proxy], upstream: Upstream
) -> None:
    """A client that sends a stand-in of its own, or several ids, gets no recorded answer."""
    upstream.script = provider
    proxy = start_proxy(upstream)
    upload(proxy, "a.txt")
    proxy.stop()
    proxy = start_proxy(None, mode="read-only-require-hit")
    replayed = start(proxy, "a.txt")
    url = replayed.headers["x-goog-upload-url"]
    assert SECRET_ID not in str(replayed.headers)
    assert cached(send(proxy, url)) == "true"
    assert cached(send(proxy, f"{url}&upload_id=other")) == "false"
    proxy.stop()
    proxy = start_proxy(None, mode="read-only-require-hit")
    key = url.partition("minted:")[2][:68]
    for text in (f"⟦minted:{key}⟧", f"minted:{key}", "⟦minted::x⟧"):
        assert cached(send(proxy, f"{START}?upload_id={quote(text)}&upload_protocol=resumable")) == "false"


def test_another_file_under_a_replayed_start(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """The provider refuses it once; the next upload starts live and is recorded beside the older one."""
    upstream.script = provider
    proxy = start_proxy(upstream)
    upload(proxy, "a.txt", b"hello")
    proxy.stop()
    proxy = start_proxy(upstream)
    assert upload(proxy, "a.txt", b"other") == ("true", "false", None)
    assert upload(proxy, "a.txt", b"other") == ("false", "false", "a.txt")
    assert "an upload was started from the cache" in proxy.stop()
    proxy = start_proxy(None, mode="read-only-require-hit")
    for content in (b"hello", b"other"):
        assert upload(proxy, "a.txt", content) == ("true", "true", "a.txt")


def test_equal_starts_of_one_run_are_uploads_of_their_own(
    start_proxy: Callable[..., Proxy], upstream: Upstream
) -> None:
    """Two files of one name in the recording run each reach the provider, and both are replayed."""
    upstream.script = provider
    proxy = start_proxy(upstream)
    first, second = start(proxy, "a.txt"), start(proxy, "a.txt")
    assert first.headers["x-goog-upload-url"] != second.headers["x-goog-upload-url"]
    for begun, content in ((second, b"other"), (first, b"hello")):
        assert (
            send(proxy, begun.headers["x-goog-upload-url"], content).json()["file"]["displayName"] == "a.txt"
        )
    proxy.stop()
    proxy = start_proxy(None, mode="read-only-require-hit")
    for content in (b"hello", b"other"):
        assert upload(proxy, "a.txt", content) == ("true", "true", "a.txt")


GENAI = """
import io, sys
from google import genai
client = genai.Client(api_key="made-up-key-of-a-test")
config = {"mime_type": "text/plain", "display_name": sys.argv[1]}
print(client.files.upload(file=io.BytesIO(b"hello"), config=config).display_name)
"""


def test_the_sdk_uploads_and_is_replayed(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """google-genai follows a stand-in as it follows a real upload URL."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    upstream.script = provider
    for mode in ("read-old-write-new", "read-only-require-hit"):
        proxy = start_proxy(upstream if mode == "read-old-write-new" else None, mode=mode)
        command = [sys.executable, "-c", GENAI, "a.txt"]
        done = subprocess.run(
            command, env=proxy.client_environ(), capture_output=True, text=True, timeout=300
        )
        assert (done.returncode, done.stdout) == (0, "a.txt\n"), done.stderr
        proxy.stop()
