"""Log lines of the proxy on stderr: warnings and errors, one line each."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import sys
import threading
import time
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from addon.printing import printable, printable_lines, program

__all__ = ["FewWarnings", "flush_log", "log_to_stderr", "share_warnings"]

_MOST_WAITING = 1000
_FLUSH_SECONDS = 1.0


_MOST_WARNINGS = 20
_DAY = 24 * 3600  # seconds


def log_to_stderr() -> None:
    """Send errors of this process, and its first warnings, to stderr."""
    handler = _Queue()
    handler.addFilter(FewWarnings(_MOST_WARNINGS))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.addLevelName(logging.WARNING, "warning")
    logging.addLevelName(logging.ERROR, "error")


def share_warnings(processes: int) -> None:
    """Let this process, one of so many of its run, warn as much less."""
    for handler in logging.getLogger().handlers:
        for few in handler.filters:
            if isinstance(few, FewWarnings):
                few.most = max(1, _MOST_WARNINGS // processes)


def flush_log() -> None:
    """Wait until everything logged is written, a second at most, so that it comes before what is printed next."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class FewWarnings(logging.Filter):
    """Lets each warning through once and `most` of them in all, so that a suite that misses is not a wall of text.

    The report has the rest, and the last line says so. One whose record has a `test` comes once for that test. A
    server that runs for long may warn again every day. Errors always pass.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self._seen: set[str] = set()
        self._since = time.monotonic()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.levelno != logging.WARNING:
            return True
        about = getattr(record, "test", "") or record.getMessage()
        with self._lock:
            if time.monotonic() - self._since > _DAY:
                self._seen, self._since = set(), time.monotonic()
            if about in self._seen or len(self._seen) >= self.most:
                return False
            self._seen.add(about)
            if len(self._seen) == self.most:
                record.msg = f"there are more warnings; `{program()} report` shows what they are about"
                record.args = ()
        return True


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
