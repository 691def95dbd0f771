"""Rules that say which requests get a fault, and which fault. Parsing, matching, and the draw of a probability.

Rules travel as text, a JSON list of tables, so that settings, tests and worker processes share one form.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cache_store.errors import UsageError

__all__ = ["FaultRule", "Kind", "parse_rules", "text_of_flags"]


class Kind:
    """The names of the kinds."""

    RATE_LIMIT = "rate-limit"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server-error"
    AUTHENTICATION = "authentication"
    CONTEXT_LENGTH = "context-length"
    CONTENT_FILTER = "content-filter"
    GATEWAY_PAGE = "gateway-page"
    LATENCY = "latency"
    STALL = "stall"
    RESET = "reset"
    TRUNCATE = "truncate"
    MALFORMED_JSON = "malformed-json"
    STREAM_ERROR = "stream-error"


PROVIDERS = ("openai", "anthropic", "gemini", "bedrock", "cohere", "mistral")
"""The providers whose own errors are known."""

_PLACE = ("after_bytes", "after_events")
# The values that each kind takes besides those that say which requests it is for.
KINDS: Mapping[str, tuple[str, ...]] = {
    Kind.RATE_LIMIT: ("provider", "retry_after"),
    Kind.OVERLOADED: ("provider", "retry_after"),
    Kind.SERVER_ERROR: ("provider",),
    Kind.AUTHENTICATION: ("provider",),
    Kind.CONTEXT_LENGTH: ("provider",),
    Kind.CONTENT_FILTER: ("provider",),
    Kind.GATEWAY_PAGE: ("status",),
    Kind.LATENCY: ("seconds",),
    Kind.STALL: ("seconds", *_PLACE),
    Kind.RESET: _PLACE,
    Kind.TRUNCATE: _PLACE,
    Kind.MALFORMED_JSON: ("after_events",),
    Kind.STREAM_ERROR: ("provider", "after_events"),
}
_NEEDED = {Kind.LATENCY: ("seconds",), Kind.TRUNCATE: _PLACE}

_ANY_KIND = ("name", "kind", "host", "path", "test", "nth", "probability", "seed")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_RULES = 100
_LONGEST_GLOB = 500
_LONGEST_WAIT = 600.0
_STALL_SECONDS = 600.0
_MOST = 2**31 - 1
_GATEWAYS = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule. `host`, `path` (without the query) and `test` are globs; `test` is '' for any test or none.

    `nth` are the numbers, from 1, of the requests that get the fault; empty for every one. `probability` (0 to 1)
    draws among these. Waits are in seconds. `after_bytes` and `after_events` say how much of the answer passes
    before the fault; None is the kind's own default.
    """

    name: str
    kind: str
    host: str = "*"
    path: str = "*"
    test: str = ""
    nth: tuple[int, ...] = ()
    probability: float = 1.0
    seed: int = 0
    seconds: float = _STALL_SECONDS
    after_bytes: int | None = None
    after_events: int | None = None
    provider: str = ""
    retry_after: float = 1.0
    status: int = _GATEWAYS[0]

    def covers(self, host: str, path: str, test: str) -> bool:
        """Whether it is for requests to this host and path, of this test ('' for none)."""
        return (
            fnmatch.fnmatchcase(host, self.host)
            and fnmatch.fnmatchcase(path, self.path)
            and (not self.test or test == self.test or (bool(test) and fnmatch.fnmatchcase(test, self.test)))
        )

    def fires(self, test: str, number: int) -> bool:
        """Whether the request with this number, among those of its test that the rule covers, gets the fault.

        A pure function, so that a run has the same faults with any number of processes.
        """
        if number < 1 or (self.nth and number not in self.nth):
            return False
        return self.probability >= 1 or self._draw(test, number) < self.probability

    def _draw(self, test: str, number: int) -> float:
        """A number from 0 to 1 that depends on seed, rule, test and number alone."""
        text = json.dumps([self.seed, self.name, test, number])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


@lru_cache(maxsize=256)
def parse_rules(text: str) -> tuple[FaultRule, ...]:
    """The rules in a JSON list of tables, in order; none for ''.

    A rule without a name is called by its kind, the second of a name `kind-2`. Raises UsageError in one line that
    names the rule and, for an unknown name, the nearest known one.
    """
    if not text:
        return ()
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError):
        tables = None
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError('fault rules are a list of tables such as [{"kind": "rate-limit", "nth": 1}]')
    if len(tables) > _MOST_RULES:
        raise UsageError(f"there are {len(tables)} fault rules; at most {_MOST_RULES} are allowed")
    rules: list[FaultRule] = []
    for number, table in enumerate(tables, 1):
        try:
            rules.append(_rule(table, {rule.name for rule in rules}))
        except ValueError as error:
            raise UsageError(f"fault rule {number}: {error}") from error
    return tuple(rules)


def text_of_flags(flags: Iterable[str]) -> str:
    """The rules that flags state, each `KIND[,NAME=VALUE…]`, as `parse_rules` reads them.

    A name that is given twice has a list of values. Raises UsageError.
    """
    tables = []
    for flag in flags:
        table: dict[str, Any] = {}
        for at, part in enumerate(flag.split(",")):
            name, equals, value = part.partition("=")
            if not equals:
                if at:
                    raise UsageError(f"--fault: {part.strip()!r} is not NAME=VALUE; write rate-limit,nth=1")
                name, value = "kind", part
            name, value = name.strip(), value.strip()
            table[name] = [*_listed(table[name]), value] if name in table else value
        tables.append(table)
    return json.dumps(tables) if tables else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _rule(table: dict[str, Any], taken: set[str]) -> FaultRule:
    given = {name.replace("-", "_"): value for name, value in table.items()}
    kind = given.get("kind")
    if kind is None:
        raise ValueError(f"`kind` is missing; use one of {', '.join(KINDS)}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind {str(kind)[:64]!r} is not known; {_nearest(str(kind)[:64], KINDS)}")
    allowed = (*_ANY_KIND, *KINDS[kind])
    for name in given:
        if name not in allowed:
            raise ValueError(f"`{name[:64]}` is not a value of {kind}; {_nearest(name, allowed)}")
    values = {name: _PARSERS[name](value) for name, value in given.items() if value is not None}
    needed = _NEEDED.get(kind, ())
    if needed and not any(name in values for name in needed):
        raise ValueError(f"{kind} needs {' or '.join(f'`{name}`' for name in needed)}")
    if "after_bytes" in values and "after_events" in values:
        raise ValueError("state `after_bytes` or `after_events`, not both")
    return FaultRule(**values | {"name": _free_name(values.get("name") or kind, taken)})


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"use {', '.join(names)}"


def _free_name(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


# -- values; each raises ValueError in words that follow the rule's number ----


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("`name` has 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    return value


def _glob(name: str, *, lower: bool = False) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not value or len(value) > _LONGEST_GLOB:
            raise ValueError(f"`{name}` is a glob of 1 to {_LONGEST_GLOB} characters")
        return value.lower() if lower else value

    return parse


def _number(name: str, low: float, high: float, *, whole: bool = False) -> Callable[[Any], Any]:
    """A parser of a number; flags give it as text."""

    def parse(value: Any) -> float:
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError
            number = int(value) if whole and not isinstance(value, float) else float(value)
        except (ValueError, OverflowError):
            number = float("nan")
        if not low <= number <= high or (whole and not isinstance(number, int)):
            what = "a whole number" if whole else "a number"
            raise ValueError(f"`{name}` is {what} from {low:.0f} to {high:.0f}")
        return number

    return parse


def _nth(value: Any) -> tuple[int, ...]:
    parse = _number("nth", 1, _MOST, whole=True)
    return tuple(dict.fromkeys(parse(number) for number in _listed(value)))


def _provider(value: Any) -> str:
    if value not in PROVIDERS:
        raise ValueError(f"provider {value!r} is not known; use {', '.join(PROVIDERS)}")
    return str(value)


def _status(value: Any) -> int:
    if str(value) not in map(str, _GATEWAYS):
        raise ValueError(f"`status` is one of {', '.join(map(str, _GATEWAYS))}")
    return int(value)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "kind": str,
    "host": _glob("host", lower=True),
    "path": _glob("path"),
    "test": _glob("test"),
    "nth": _nth,
    "probability": _number("probability", 0, 1),
    "seed": _number("seed", 0, _MOST, whole=True),
    "seconds": _number("seconds", 0, _LONGEST_WAIT),
    "after_bytes": _number("after_bytes", 0, _MOST, whole=True),
    "after_events": _number("after_events", 0, _MOST, whole=True),
    "provider": _provider,
    "retry_after": _number("retry_after", 0, _MOST),
    "status": _status,
}
