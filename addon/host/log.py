"""Log lines of the proxy on stderr: warnings and worse, one line each."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import sys
import threading
from typing import Any

from addon.printing import printable, printable_lines

__all__ = ["flush_log", "log_to_stderr"]

_MOST_WAITING = 1000
_LAST_SECONDS = 1.0


def log_to_stderr() -> None:
    """Send warnings and errors of this process to stderr."""
    logging.basicConfig(
        level=logging.WARNING,
        handlers=[_Behind()],
        force=True,
    )
    logging.addLevelName(logging.WARNING, "warning")
    logging.addLevelName(logging.ERROR, "error")


def flush_log() -> None:
    """Wait until what was logged is written, a second at most: what is printed next is to come after it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class _OneLine(logging.Formatter):
    """Escapes what could act on a terminal or a CI runner; only a traceback has lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class's name
        return printable_lines(super().formatException(ei))


class _Behind(logging.Handler):
    """Has a thread of its own write the lines. A pipe that nobody reads, or a terminal that is held, would else
    hold up the proxy at its next line, and every request with it. What that thread cannot take in is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_OneLine("provider-proxy: %(levelname)s: %(message)s"))
        self._lines: queue.Queue[bytes] = queue.Queue(_MOST_WAITING)
        self._left_out = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a line."""
        try:
            line = self.format(record)
            if self._left_out:
                line += f"\nprovider-proxy: warning: {self._left_out} lines before this one were left out"
            self._lines.put_nowait(f"{line}\n".encode("utf-8", "backslashreplace"))
            self._left_out = 0
        except queue.Full:
            self._left_out += 1
        except Exception:  # noqa: BLE001 -- as logging has it: a line that cannot be made fails no caller
            self.handleError(record)

    def flush(self) -> None:
        """Wait for the thread, a second at most."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, _LAST_SECONDS)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            # stderr is closed, or was never there and is None: nobody is told.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                _write_whole(line)
            self._lines.task_done()


def _write_whole(line: bytes) -> None:
    """Past Python's own buffer, whose lock would be this thread's when the process ends."""
    stderr = sys.stderr.fileno()
    while line:
        try:
            line = line[os.write(stderr, line) :]
        except BlockingIOError:  # another process that shares the pipe has set it so
            select.select((), (stderr,), ())
