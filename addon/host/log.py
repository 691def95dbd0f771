"""Log lines of the proxy on stderr: warnings and errors, one line each."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import sys
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from addon.printing import printable, printable_lines

__all__ = ["flush_log", "log_to_stderr"]

_MOST_WAITING = 1000
_FLUSH_SECONDS = 1.0


def log_to_stderr() -> None:
    """Send warnings and errors of this process to stderr."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Queue()], force=True)
    logging.addLevelName(logging.WARNING, "warning")
    logging.addLevelName(logging.ERROR, "error")


def flush_log() -> None:
    """Wait until everything logged is written, a second at most, so that it comes before what is printed next."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class _OneLine(logging.Formatter):
    """Escapes what could act on a terminal or a CI runner; only a traceback has lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class's name
        return printable_lines(super().formatException(ei))


class _Queue(QueueHandler):
    """Hands lines to a thread that writes them. A pipe that nobody reads or a stopped terminal would otherwise
    block the proxy at its next line, and with it every request. Lines that do not fit into the queue are dropped.
    """

    queue: queue.Queue[logging.LogRecord]

    def __init__(self) -> None:
        super().__init__(queue.Queue(_MOST_WAITING))
        self.setFormatter(_OneLine("provider-proxy: %(levelname)s: %(message)s"))
        self._dropped = 0
        # Never stopped: that would wait for the last line to be written, maybe for ever.
        QueueListener(self.queue, _Stderr()).start()

    def enqueue(self, record: logging.LogRecord) -> None:
        if self._dropped:
            record.msg += f"\nprovider-proxy: warning: {self._dropped} lines before this one were dropped"
        try:
            self.queue.put_nowait(record)
            self._dropped = 0
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, _FLUSH_SECONDS)


class _Stderr(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        # Without the lock: only the listener's thread writes, and logging's shutdown must not wait for it.
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        # stderr may be closed, or None: there is nobody to tell.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            _write_whole(f"{record.getMessage()}\n".encode("utf-8", "backslashreplace"))


def _write_whole(line: bytes) -> None:
    """Write past Python's own buffer, whose lock would be held when the process ends."""
    stderr = sys.stderr.fileno()
    while line:
        try:
            line = line[os.write(stderr, line) :]
        except BlockingIOError:  # another process that shares the pipe has made it non-blocking
            select.select((), (stderr,), ())
