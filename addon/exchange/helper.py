"""A process for work on big bodies, started when it is needed.

A thread is not enough: parsing 60 MiB of JSON in C holds the interpreter's lock for seconds, and with it the event
loop. The process is ours alone, runs our code only, and ends when it is idle, when it is closed or when we end.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from cache_store.errors import ProviderProxyError

__all__ = ["Helper", "HelperLost"]

_IDLE_SECONDS = 10.0
_CALL_SECONDS = 60.0  # a client waits for each call; 60 MiB of embeddings take 5 s
# `-I` keeps PYTHONPATH and the working directory out: a file there must not be imported in place of ours.
_START = (
    "import sys; sys.path.append(sys.argv[1])\n"
    "from addon.exchange.helper import _serve; _serve(int(sys.argv[2]))"
)


class HelperLost(ProviderProxyError):
    """The helper process ended, or was stopped, before it had an answer."""


class Helper:
    """Calls functions in a process of its own. One thread at a time may use it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def call[T](self, function: Callable[..., T], *args: Any) -> T:
        """The result of a module's `function`, or its exception. Raises HelperLost."""
        for _ in range(2):  # an idle helper may end just as it is asked
            connection = self._connection or self._started()
            try:
                connection.send((function, args))
                if not connection.poll(_CALL_SECONDS):
                    self.close()
                    raise HelperLost(f"reading a big body took more than {_CALL_SECONDS:.0f} s")
                failed, result, logged = connection.recv()
            except (OSError, EOFError):
                was_idle = self._process is not None and self._process.wait() == 0
                self.close()
                if was_idle:
                    continue
                break
            for name, level, message in logged:
                logging.getLogger(name).log(level, "%s", message)
            if failed:
                raise result
            value: T = result
            return value
        raise HelperLost("the process that reads big bodies has ended early")

    def start(self) -> None:
        """Start the process ahead of a call. A failure is the call's to report."""
        if self._connection is None:
            with suppress(HelperLost):
                self._started()

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._connection = self._process = None

    def _started(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            root = str(Path(__file__).resolve().parents[2])
            command = [sys.executable, "-I", "-c", _START, root, str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and code
                    command,
                    stdin=subprocess.PIPE,  # its end tells the helper that we have ended
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            except OSError as error:
                ours.close()
                raise HelperLost(f"no process can be started to read big bodies: {error.strerror}") from error
        self._connection = ours
        return ours


def _serve(fd: int) -> None:
    """Answer calls on the socket `fd` until it is idle or its other end is closed. Runs in the helper process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logs = _Logs()
    logging.getLogger().addHandler(logs)
    with Connection(fd) as connection:
        while connection.poll(_IDLE_SECONDS):
            try:
                function, args = connection.recv()
            except EOFError:
                return
            failed = False
            try:
                result = function(*args)
            except Exception as error:  # noqa: BLE001 -- raised in the process that called
                failed, result = True, error
            connection.send((failed, result, logs.taken()))
            del function, args, result  # up to 64 MiB, which would be held until the next call


class _Logs(logging.Handler):
    """Collects messages for the log of the process that called."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append((record.name, record.levelno, record.getMessage()))

    def taken(self) -> list[tuple[str, int, str]]:
        records, self._records = self._records, []
        return records


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing is ever written: this returns when the parent's end is closed
    os._exit(1)
