"""A real Redis for tests, on a free port of loopback, ended by its process."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class RedisServer:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    password: str = ""

    @property
    def url(self) -> str:
        """Its URL, with the password."""
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=10)


def find_server() -> str:
    """The server's command. Without one the test is skipped, and fails under CI."""
    command = shutil.which("redis-server") or shutil.which("valkey-server")
    if command is None:
        message = "neither redis-server nor valkey-server is installed"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(message)
        pytest.skip(message)
    return command


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_redis(folder: Path, *arguments: str, password: str = "", port: int = 0) -> RedisServer:
    """Start a server that keeps nothing, and wait until it answers."""
    command = find_server()
    port = port or free_port()
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    if password:
        options += ["--requirepass", password]
    listens = [] if "--port" in arguments else ["--port", str(port)]
    process = subprocess.Popen(
        [command, *listens, *options, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return RedisServer(process, port, password)
        time.sleep(0.02)
    process.kill()
    raise AssertionError("redis-server did not start")


@contextlib.contextmanager
def running_redis(folder: Path, *arguments: str, password: str = "") -> Iterator[RedisServer]:
    """A server for as long as the block runs."""
    server = start_redis(folder, *arguments, password=password)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(timeout=10)
