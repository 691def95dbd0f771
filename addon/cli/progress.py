"""A progress bar on a terminal, nothing in CI."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(what: str, *, is_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """A call to tell how much more is done; shown on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    done = DownloadColumn() if is_bytes else MofNCompleteColumn()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), done)
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda more: shown.advance(task, more)
