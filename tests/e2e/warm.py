"""Starts the command by forking a process that has its imports behind it.

Most of a start is importing mitmproxy: half a second of processor time, hundreds of times in one run of the suite. What
is started is a process like any other, with an environment, a folder, arguments, output, signals and an exit status of
its own. Starts from nothing are shown by the tests of `run`, of bad input, of workers, of stock mitmproxy and of the
wrapper, which start the interpreter.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A fork that goes on without exec is safe on Linux only, and so are these two.
POSSIBLE = sys.platform == "linux"
_LONGEST = 2**17  # bytes of an order
_IMPORTED = ("serve", "run", "contents", "export", "push", "report")


class Process:
    """A started command; the part of subprocess.Popen that tests use."""

    PATIENCE = 600.0  # seconds, where no limit is given

    def __init__(self, arguments: list[str], env: dict[str, str], folder: Path) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._readers: list[threading.Thread] = []
        self._said = ["", ""]
        pipes = [os.pipe() for _ in range(3)]
        order = json.dumps({"arguments": arguments, "env": env, "folder": str(folder)}).encode()
        door, lock = _door()
        with lock:
            socket.send_fds(door, [order], [write for _, write in pipes])
            self.pid = int(door.recv(100))
        for _, write in pipes:
            os.close(write)
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8") for read, _ in pipes[:2])
        self._status = os.fdopen(pipes[2][0], "rb", buffering=0)

    def poll(self) -> int | None:
        """Its exit status as Popen has it, None while it runs."""
        return self._within(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same once it has ended; raises subprocess.TimeoutExpired."""
        status = self._within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def _within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(self._status.read(10))
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of its output, once it has ended; raises subprocess.TimeoutExpired."""
        until = time.monotonic() + (self.PATIENCE if timeout is None else timeout)
        if not self._readers:
            self._readers = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(2)]
            for reader in self._readers:
                reader.start()
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or self.PATIENCE)
        self.wait(max(0.0, until - time.monotonic()))
        return self._said[0], self._said[1]

    def _read(self, number: int) -> None:
        with (self.stdout, self.stderr)[number] as file:
            self._said[number] = file.read()


@functools.cache
def _door() -> tuple[socket.socket, threading.Lock]:
    """The way to this test process's forking one, which ends when the way is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.warm", str(theirs.fileno())],
        cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait(10)

    atexit.register(close)
    return ours, threading.Lock()


def _become_a_command(door: socket.socket) -> None:
    """Fork at each order. Returns in the forked processes; here it ends the process when the door is closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not door:
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    pid, status_pipe = key.data
                    _report(os.waitpid(pid, 0)[1], status_pipe)
                    continue
                order, files, _, _ = socket.recv_fds(door, _LONGEST, 3)
                if not order:
                    sys.exit()
                if pid := os.fork():
                    door.send(b"%d" % pid)
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, files[2]))
                    for file in files[:2]:
                        os.close(file)
                    continue
                for other in list(selector.get_map().values()):
                    if other.fileobj is not door:
                        os.close(other.fd)
                        os.close(other.data[1])
                door.close()
                _dress(**json.loads(order), files=files)
                return


def _report(status: int, pipe: int) -> None:
    try:
        os.write(pipe, b"%d" % os.waitstatus_to_exitcode(status))
    except BrokenPipeError:
        pass  # nobody wants to know
    os.close(pipe)


def _dress(arguments: list[str], env: dict[str, str], folder: str, files: list[int]) -> None:
    """Give this process what it would have been started with."""
    for number, file in enumerate(files[:2], start=1):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    from addon.cli.commands import main

    for name in (*(f"addon.cli.{name}" for name in _IMPORTED), "addon.host.host"):
        importlib.import_module(name)
    gc.freeze()
    _become_a_command(socket.socket(fileno=int(sys.argv[1])))
    main()
