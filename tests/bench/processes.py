"""Processes under measure: started until ready, their processor time and their memory, read from /proc (Linux)."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Absent", "Process", "environment", "free_port", "started"]

_TICK = os.sysconf("SC_CLK_TCK")


class Absent(Exception):
    """A peer that cannot be measured here, with the reason in one line."""


@dataclass(frozen=True)
class Process:
    """A running one, and the seconds from its start until it accepted connections."""

    pid: int
    ready: float

    def cpu(self) -> float:
        """Processor seconds so far, of its children too."""
        return sum(_cpu(pid) for pid in _family(self.pid))

    def memory(self) -> int:
        """Resident bytes, of its children too."""
        return sum(_status(pid, "VmRSS") for pid in _family(self.pid))

    def peak(self) -> int:
        """The most resident bytes that it had since `forget_peak`."""
        return sum(_status(pid, "VmHWM") for pid in _family(self.pid))

    def forget_peak(self) -> None:
        """Let `peak` begin anew."""
        for pid in _family(self.pid):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would send a peer through some proxy, and without our settings."""
    names = ("PROXY", "CERT", "BUNDLE", "OPENAI", "ANTHROPIC", "LITELLM")
    return {n: v for n, v in os.environ.items() if not any(part in n.upper() for part in names)} | more


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    command: list[str], environ: dict[str, str], folder: Path, port: int, patience: float = 60
) -> Iterator[Process]:
    """The process, once it accepts connections at `port`. Raises Absent with its last line where it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with log.open("wb") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=errors, stderr=errors)
    try:
        while not _accepts(port):
            if process.poll() is not None or time.perf_counter() - began > patience:
                lines = log.read_text("utf-8", "replace").strip().splitlines()
                last = lines[-1].strip() if lines else f"{Path(command[0]).name} did not start"
                raise Absent(last.replace(f"{Path(command[0]).parent}/", "")[:200])
            time.sleep(0.002)
        yield Process(process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children_cpu() -> float:
    """Processor seconds of all finished children of this process, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int(_stat(int(folder.name))[1])
            except OSError:
                continue  # it ended
    found = [pid]
    for one in found:  # which grows
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; the second, a name, may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / _TICK


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
