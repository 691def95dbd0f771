"""A test that a client runs, and what a client may say about it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from addon.settings.modes import Mode, mode_for_request
from addon.settings.settings import REPEATS
from cache_store.errors import UsageError

__all__ = ["LONGEST_TEST", "Scope", "Wish"]

LONGEST_TEST = 16 * 1024
"""In characters. pytest makes an id of a test's parameters, which may be whole prompts."""

_LONGEST_PLACE = 4096
_MOST_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client says when a test begins.

    `mode` and `repeat` replace the run's for this test, '' keeps them. `attempt` is 0 where the client leaves the
    count to us. `switch`: the client runs one test at a time, so its other open tests rest until they are named
    again. `coarse`: the client cannot tell its tests apart. `file` and `line` (from 1) say where the test is, ''
    and 0 if that is not known. `faults` are fault rules as `addon.faults.rules` reads them.
    """

    test: str
    mode: str = ""
    repeat: str = ""
    attempt: int = 0
    switch: bool = False
    coarse: bool = False
    file: str = ""
    line: int = 0
    faults: str = ""

    @classmethod
    def parse(cls, body: bytes, run_mode: Mode) -> Self:
        """Read the JSON that a client sends. Members that this version does not know are ignored.

        Raises UsageError in one line, also for a mode that would do more than the run's.
        """
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise UsageError('send a JSON object such as {"test": "tests/test_a.py::test_b"}')
        given = {name: value for name, value in given.items() if value is not None}
        wish = cls(
            test=_text(given, "test", LONGEST_TEST),
            mode=_text(given, "mode", 64),
            repeat=_text(given, "repeat", 64).lower(),
            attempt=_number(given, "attempt", _MOST_ATTEMPTS),
            switch=given.get("switch") is True,
            coarse=given.get("coarse") is True,
            file=_text(given, "file", _LONGEST_PLACE),
            line=_number(given, "line", 10**9),
            faults=_faults(given.get("faults")),
        )
        if not wish.test.strip():
            raise UsageError("`test` is missing; name the test that begins")
        if wish.mode:
            mode_for_request(run_mode, wish.mode, "`mode`")
        if wish.repeat and wish.repeat not in REPEATS:
            raise UsageError(f"`repeat`: {wish.repeat!r} is not known; use {' or '.join(REPEATS)}")
        return wish


@dataclass(frozen=True, slots=True)
class Scope:
    """One attempt of a test. `client` is '' where the request itself named the test."""

    client: str
    test: str
    attempt: int = 1
    mode: str = ""
    repeat: str = ""
    coarse: bool = False
    file: str = ""
    line: int = 0
    faults: str = ""

    @property
    def identity(self) -> tuple[str, str, int]:
        """By this the counts of an attempt are found: client, test, attempt."""
        return self.client, self.test, self.attempt

    @property
    def counter(self) -> str:
        """The name under which this attempt's equal requests are numbered."""
        return json.dumps(self.identity)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `Scope(**value)` reads it."""
        return asdict(self)


def _faults(given: Any) -> str:
    """The fault rules as text. Raises UsageError where they are not valid."""
    if not given:
        return ""
    from addon.faults.rules import parse_rules

    text = json.dumps(given)
    parse_rules(text)
    return text


def _text(given: dict[str, Any], name: str, longest: int) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"`{name}` is not a text")
    if len(value) > longest:
        raise UsageError(f"`{name}` has {len(value)} characters; at most {longest} are allowed")
    return value.encode("utf-8", "replace").decode()  # JSON can hold lone surrogates, files cannot


def _number(given: dict[str, Any], name: str, most: int) -> int:
    value = given.get(name, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise UsageError(f"`{name}` is not a number from 0 to {most}")
    return value
