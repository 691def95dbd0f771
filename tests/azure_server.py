"""Azurite, Microsoft's own emulator of Azure's blob storage, on loopback with a gateway in front of it.

It verifies the signature of every request. `.ci/run` installs it; where it is absent the tests say so, and fail
under CI.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
import requests

from tests import gateway
from tests.redis_server import free_port
from tests.s3_server import BUCKET

MAIN = Path(__file__).parents[1] / ".tools" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "devstoreaccount1"
# The one that every copy of the emulator has, from its manual.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Azure(gateway.Gateway):
    """In front of Azurite."""

    def environ(self) -> dict[str, str]:
        """The variables with which clients find it."""
        return {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY,
                "AZURE_STORAGE_ENDPOINT": f"{self.url}/{ACCOUNT}"}  # fmt: skip

    def connection_string(self) -> str:
        """The same in one, as Azure's portal gives it."""
        return (f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
                f"BlobEndpoint={self.url}/{ACCOUNT};")  # fmt: skip

    def wrong(self) -> dict[str, str]:
        """The variables of somebody who guesses the account's key."""
        return {"AZURE_STORAGE_ACCOUNT_KEY": "c3RyYW5nZXI="}


def _command() -> list[str]:
    node = shutil.which("node")
    if node and MAIN.is_file():
        return [node, str(MAIN)]
    message = "Azurite is not installed (.ci/run installs it)"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(message)
    pytest.skip(message)


@contextlib.contextmanager
def running_azure(folder: Path) -> Iterator[Azure]:
    """It, with one container; it works in `folder`."""
    port = free_port()
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    process = subprocess.Popen([*_command(), *options], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _wait(process, port)
        azure = Azure(f"http://127.0.0.1:{port}")
        _make_container(azure.target)
        with gateway.running(azure):
            yield azure
    finally:
        process.kill()
        process.wait(timeout=10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return
        time.sleep(0.05)
    raise AssertionError("Azurite did not start")


def _make_container(target: str) -> None:
    """Signed as its manual says (Shared Key); the client under test cannot make one."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in headers.items())]
    signed = "\n".join([*lines, f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}", "restype:container"])
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), "sha256")
    headers["authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    url = f"{target}/{ACCOUNT}/{BUCKET}?restype=container"
    requests.put(url, headers=headers, timeout=30).raise_for_status()
