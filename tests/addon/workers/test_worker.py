"""A process of a run that another one leads, by itself. Whole runs are driven in tests/e2e/test_workers.py."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from addon.host import how_many
from provider_proxy_start import own_command

pytestmark = pytest.mark.skipif(not how_many.shares_ports(), reason="processes share a port on Linux only")


class _Process:
    """The real one, its line spoken by hand."""

    def __init__(self, folder: Path) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(20)
        with theirs:
            environ = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
            self.process = subprocess.Popen(
                own_command("addon.workers.worker"),
                stdin=theirs.fileno(),
                stderr=subprocess.PIPE,
                text=True,
                cwd=folder,
                env=environ | {"XDG_DATA_HOME": str(folder / "data")},
            )
        self._file = self._ours.makefile("rwb")

    def say(self, *frame: Any) -> None:
        data = json.dumps(frame).encode()
        self._file.write(len(data).to_bytes(4, "big") + data)
        self._file.flush()

    def hear(self) -> list[Any]:
        frame: list[Any] = json.loads(self._file.read(int.from_bytes(self._file.read(4), "big")))
        return frame

    def start(self, **raw: str) -> None:
        self.say(
            0,
            "start",
            [
                {
                    "raw": raw,
                    "run": "f" * 32,
                    "stages": False,
                    "refresh": ["a*"],
                    "rerecord": "again",
                    "processes": 2,
                }
            ],
        )
        self.say(0, "credentials", [[]])

    def hang_up(self) -> None:
        self._file.close()
        self._ours.close()

    def end(self) -> tuple[int, str]:
        errors = self.process.communicate(timeout=20)[1]
        self.hang_up()
        return self.process.returncode, errors


@pytest.fixture
def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_says_when_it_listens_and_sends_its_counts_last(tmp_path: Path, free_port: int) -> None:
    """It answers on the port, asks the leader for figures, and when told to stop says what it counted; its standard
    input is all that it is told by."""
    one = _Process(tmp_path)
    one.start(listen=f"127.0.0.1:{free_port}", cache_dir=str(tmp_path / "cache"), auth="")
    assert one.hear() == [0, "listening", []]
    with socket.create_connection(("127.0.0.1", free_port), timeout=10) as client:
        client.sendall(b"GET /-/stats HTTP/1.1\r\nhost: localhost\r\n\r\n")
        number, what, _ = one.hear()
        assert what == "figures"
        one.say(-number, what, {"asked": "the leader"})
        answer = b""
        while b"the leader" not in answer:
            answer += client.recv(4096) or pytest.fail(f"only {answer!r}")
    assert b"password" not in Path(f"/proc/{one.process.pid}/cmdline").read_bytes()
    one.say(0, "stop", [])
    while (frame := one.hear())[1] != "sync":
        assert frame[1] == "counts"
    one.say(-frame[0], "", None)
    number, what, (news,) = one.hear()
    assert (what, news["connections"], news["used"]) == ("counts", 0, {})
    one.say(-number, "", None)
    assert one.end() == (0, "")
    assert (tmp_path / "cache").is_dir()
    assert not (tmp_path / "cache" / "last-used.json").exists()


@pytest.mark.parametrize("when", ["at once", "listening"])
def test_it_ends_with_its_leader(when: str, tmp_path: Path, free_port: int) -> None:
    """Quietly, whenever the line is gone."""
    one = _Process(tmp_path)
    if when == "listening":
        one.start(listen=f"127.0.0.1:{free_port}", cache_dir=str(tmp_path / "cache"))
        assert one.hear()[1] == "listening"
    one.hang_up()
    status, errors = one.end()
    assert errors == ""
    assert status == (0 if when == "listening" else 1)


def test_what_keeps_it_from_starting_is_one_line(tmp_path: Path, free_port: int) -> None:
    """A port that somebody else has: the leader decides what becomes of that."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", free_port))
        stranger.listen()
        one = _Process(tmp_path)
        one.start(listen=f"127.0.0.1:{free_port}", cache_dir=str(tmp_path / "cache"))
        status, errors = one.end()
    assert status == 1
    assert "a worker process cannot start" in errors
    assert "address already in use" in errors
    assert len(errors.splitlines()) == 1
