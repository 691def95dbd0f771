"""Prints what commands say. Nothing else prints, so nothing stored can act on a terminal or a CI runner."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any
from urllib.parse import quote, unquote

import click

from addon.printing import json_text, printable, printable_lines

__all__ = [
    "annotate",
    "mask_password",
    "print_fields",
    "print_fitted",
    "print_json",
    "print_json_list",
    "print_lines",
    "print_table",
    "say",
    "terminal_width",
    "write_output",
]

_FIRST_ROWS = 100
_WIDE = 250  # columns of a table that goes to a file or a pipe


def say(line: str, *, err: bool = False) -> None:
    """Print one line; a line end inside it is escaped."""
    _write(printable(line), err=err)


def print_lines(text: str, *, err: bool = False) -> None:
    """Print text of several lines, each made printable."""
    _write(printable_lines(text.removesuffix("\n")), err=err)


def print_json(value: Any) -> None:
    """Print one JSON document to stdout."""
    text = json_text(value)
    _write(text if _encodable(text) else json_text(value, ascii_only=True))


def print_json_list(items: Iterable[Any]) -> None:
    """Print a JSON array to stdout, each item as it comes."""
    before = "[\n"
    for item in items:
        text = json_text(item)
        text = text if _encodable(text) else json_text(item, ascii_only=True)
        lines = text.replace("\n", "\n  ")
        _write(f"{before}  {lines}", end="")
        before = ",\n"
    _write("[]" if before == "[\n" else "\n]")


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table to stdout, as wide as the terminal; the columns in `right` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if name in right else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    out = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    Console(file=out, width=width, highlight=False, no_color=True).print(table)
    print_lines("\n".join(line.rstrip() for line in out.getvalue().split("\n")).rstrip("\n"))


def print_fitted(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table with one line for each row: the last column is cut at the terminal's width.

    The first rows decide how wide the other columns are, so that they can be printed before the rest is known.
    """
    from rich.cells import cell_len, set_cell_size

    cleaned = (tuple(map(printable, row)) for row in rows)
    first = list(islice(cleaned, _FIRST_ROWS))
    table = [tuple(head), *first] if first else []
    widths = [max(cell_len(row[at]) for row in table) for at in range(len(head))] if table else []
    columns = shutil.get_terminal_size().columns
    for row in chain(table, cleaned):
        taken = sum(max(width, cell_len(cell)) + 2 for cell, width in zip(row[:-1], widths, strict=False))
        left = columns - taken
        cells = []
        for name, cell, width in zip(head[:-1], row, widths, strict=False):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if name in right else cell + space)
        last = row[-1]
        if cell_len(last) > left:
            last = set_cell_size(last, max(0, left - 1)).rstrip() + "…"
        say("  ".join([*cells, last]).rstrip())


def print_fields(rows: Iterable[Sequence[str]]) -> None:
    """Print rows for another program: one line each, its fields separated by tabs."""
    for row in rows:
        say("\t".join(printable(cell.replace("\t", " ")) for cell in row))


def terminal_width(*, err: bool = False) -> int | None:
    """The columns of the terminal that stdout, or stderr, is; None if it is none."""
    stream = sys.stderr if err else sys.stdout
    return shutil.get_terminal_size().columns if stream is not None and stream.isatty() else None


def write_output(data: str | bytes) -> None:
    """Write what another program reads to stdout, as it is: exports for a shell, a body, a page."""
    click.echo(data, nl=False)


def annotate(warning: str, file: str = "", line: int = 0) -> None:
    """Show a warning on the page of a GitHub Actions run; nothing happens elsewhere, or if it is empty.

    With a `file` it is shown there, at `line` (from 1) if that is not 0.
    """
    if not warning or os.environ.get("GITHUB_ACTIONS") != "true":
        return
    place = f"file={_command_property(printable(file))}," if file else ""
    place += f"line={line}," if file and line else ""
    click.echo(f"::warning {place}title=provider-proxy::{_command_data(printable(warning))}", err=True)


def mask_password(credentials: str) -> None:
    """Have GitHub's runner mask the password of `user:password` in the log of the job; nothing happens elsewhere.

    Call it before the password is printed or exported. Workflow commands are read from stderr too, and a shell
    evaluates stdout.
    """
    password = credentials.partition(":")[2]
    if not password or os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for form in dict.fromkeys((password, quote(password, safe=""), unquote(password))):
        click.echo(f"::add-mask::{_command_data(form)}", err=True)


def _command_data(text: str) -> str:
    """Text as the data of a workflow command has it (toCommandValue in actions/toolkit)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _command_property(text: str) -> str:
    """Text as a property of a workflow command has it (escapeProperty in actions/toolkit)."""
    return _command_data(text).replace(":", "%3A").replace(",", "%2C")


def _write(text: str, *, err: bool = False, end: str = "\n") -> None:
    if not _encodable(text, err=err):
        text = text.encode("ascii", "backslashreplace").decode()
    try:
        click.echo(f"{text}{end}", err=err, nl=False)
    except OSError:
        if not err:
            raise
        # A full disk or a closed stderr: what is said there decides nothing.


def _encodable(text: str, *, err: bool = False) -> bool:
    try:
        text.encode(getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
