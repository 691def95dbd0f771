"""Remembers which answers were not stored, so that a later miss can say why and what to do about it.

The note lies in the cache directory: whoever gets the cache gets the explanation.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from addon.judging.reasons import IN_THE_ANSWER, NotStored, advice, named
from cache_store.atomic_file import replace_file
from cache_store.plain_files import locked, read_plain

__all__ = ["Refused", "RefusedAnswers", "read_refused"]

_NAME = "not-stored.json"
_MOST = 5000  # keys
_MAX_FILE = 2**22  # bytes
_LONGEST = 300  # characters of a label's value, or of a test's name
_LAST_TIME = 1e11  # Unix seconds; later times cannot be shown as a date

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that was not stored, at `at` (Unix seconds), and the label of its request.

    `status` is its HTTP status. `allowed`: the setting that stores such answers was on. `test` asked for it, if one
    was known.
    """

    reason: NotStored
    status: int
    at: float
    label: dict[str, str]
    allowed: bool = False
    test: str = ""

    @property
    def why(self) -> str:
        """The reason in a word or two: `failed`, `status 429`."""
        return named(self.reason, self.status)

    @property
    def place(self) -> str:
        """The request in one line: method, host and path."""
        return "{} {}{}".format(*(self.label.get(name, "?") for name in ("method", "host", "path")))

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.reason, self.status, allowed=self.allowed)

    @property
    def line(self) -> str:
        """What the miss of an equal request is told."""
        return f"recorded before, not kept: {self.why}; {self.advice}"


class RefusedAnswers:
    """The answers of one run that were not stored, and those that `folder` notes from earlier runs.

    Without a folder it knows only its own run's.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._earlier: dict[str, Refused] | None = None
        self._latest: dict[str, Refused | None] = {}  # None for a key whose answer was stored

    def note(
        self,
        key: str,
        reason: NotStored | None,
        status: int,
        label: dict[str, str],
        *,
        allowed: bool = False,
        test: str = "",
    ) -> Refused | None:
        """Remember what became of the answer to `key`; no reason means that it was stored.

        Returns what a report says of it, None for nothing.
        """
        refused = None
        if reason is not None:
            if reason not in IN_THE_ANSWER:
                return None
            refused = Refused(reason, status, time.time(), label, allowed, test[:_LONGEST])
        self._latest[key] = refused
        return refused

    def line(self, key: str) -> str:
        """Why the last answer to `key` was not stored, and what to do; '' if that is not known."""
        if self._earlier is None:
            self._earlier = read_refused(self._folder)
        refused = self._latest[key] if key in self._latest else self._earlier.get(key)
        return refused.line if refused is not None else ""

    def save(self) -> None:
        """Add this run's answers to the note; nothing fails if it cannot be written."""
        if self._folder is None or not self._folder.is_dir() or not self._latest:
            return
        try:
            with locked(self._folder / f"{_NAME}.lock"):
                before = read_refused(self._folder)
                after = {key: refused for key, refused in (before | self._latest).items() if refused}
                if after != before:
                    newest = {key: asdict(refused) for key, refused in list(after.items())[-_MOST:]}
                    replace_file(self._folder / _NAME, json.dumps(newest, indent=0).encode(), 0o600)
        except TimeoutError:
            logger.warning("%s was not updated: another program holds its lock", self._folder / _NAME)
        except OSError:
            pass  # a full or read-only disk: a miss says less


def read_refused(folder: Path | None) -> dict[str, Refused]:
    """The answers that runs with the cache directory `folder` did not store, by key. Never raises.

    The directory may come from elsewhere: what does not look like our own note is passed over.
    """
    if folder is None:
        return {}
    try:
        noted = json.loads(read_plain(folder / _NAME, _MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    items = noted.items() if isinstance(noted, dict) else ()
    return {key: refused for key, value in items if (refused := _refused(value)) is not None}


def _refused(value: Any) -> Refused | None:
    if isinstance(value, str):  # as earlier versions noted it
        value = {"reason": value}
    if not isinstance(value, dict):
        return None
    reason, label = value.get("reason"), value.get("label")
    if not isinstance(reason, str) or reason not in IN_THE_ANSWER:
        return None
    texts = label.items() if isinstance(label, dict) else ()
    return Refused(
        NotStored(reason),
        int(_number(value.get("status"), 100, 599)),
        _number(value.get("at"), 0, _LAST_TIME),
        {str(name): text[:_LONGEST] for name, text in texts if isinstance(text, str)},
        value.get("allowed") is True,
        test[:_LONGEST] if isinstance(test := value.get("test"), str) else "",
    )


def _number(value: Any, least: float, most: float) -> float:
    return float(value) if type(value) in (int, float) and least <= value <= most else 0.0
