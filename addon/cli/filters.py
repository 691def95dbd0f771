"""The filters that `ls` and `prune` share."""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from addon.settings.settings import parse_size
from cache_store.entry import Entry

__all__ = ["AGE", "SIZE", "Filter", "filter_options"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "": 86400}


class _Age(click.ParamType):  # type: ignore[type-arg]  # generic in stubs alone, before click 8.5
    """An age in seconds, written `30d`, `12h`, `90m`, `2w`, or as a date (`2026-01-31`)."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the age in seconds."""
        text = str(value).strip().lower()
        match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhdw]?)", text)
        if match:
            return float(match[1]) * _UNITS[match[2]]
        try:
            import datetime

            date = datetime.datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is not a valid age; write 30d, 12h, 90m, 2w or 2026-01-31", param, ctx)
        return time.time() - (date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp()


class _Size(click.ParamType):  # type: ignore[type-arg]  # as above
    """A size in bytes, written `500000`, `64MiB` or `1GB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the size in bytes."""
        try:
            return parse_size(str(value).strip())
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


AGE = _Age()
SIZE = _Size()


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all have to hold; None is no condition. Globs ignore case.

    Ages are in seconds; sizes are bytes of the answer's body.
    """

    host: str | None = None
    path: str | None = None
    model: str | None = None
    older_than: float | None = None
    newer_than: float | None = None
    larger_than: int | None = None
    smaller_than: int | None = None
    text: str | None = None

    def matches(self, entry: Entry, now: float) -> bool:
        """Whether `entry` meets every condition at the time `now` (Unix seconds)."""
        label = entry.label
        age = max(0.0, now - entry.recorded_at)
        return (
            _fits(label.get("host", ""), self.host)
            and _fits(label.get("path", ""), self.path)
            and _fits(label.get("model", ""), self.model)
            and (self.older_than is None or age >= self.older_than)
            and (self.newer_than is None or age < self.newer_than)
            and (self.larger_than is None or entry.size > self.larger_than)
            and (self.smaller_than is None or entry.size < self.smaller_than)
            and (self.text is None or _holds(entry, self.text))
        )


def _fits(value: str, glob: str | None) -> bool:
    return glob is None or fnmatch.fnmatchcase(value.lower(), glob.lower())


def _holds(entry: Entry, text: str) -> bool:
    wanted = text.encode("utf-8", "surrogatepass").lower()
    return wanted in entry.body.lower() or wanted in entry.request_json.lower()


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags that make a Filter to a command."""
    for option in (
        click.option(
            "--grep", "--text", "text", help="Only entries whose request or answer contains this text."
        ),
        click.option("--smaller-than", type=SIZE, help="Only answers smaller than this, such as 64KiB."),
        click.option("--larger-than", type=SIZE, help="Only answers larger than this, such as 1MB."),
        click.option("--newer-than", type=AGE, help="Only entries recorded within this time, such as 7d."),
        click.option(
            "--older-than",
            type=AGE,
            help="Only entries recorded before this, such as 30d, 12h or 2026-01-31.",
        ),
        click.option("--model", help="Only this model; a glob."),
        click.option("--path", help="Only this path; a glob."),
        click.option("--host", help="Only this host; a glob."),
    ):
        command = option(command)
    return command
