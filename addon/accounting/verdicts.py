"""Counts what one attempt of a test did; at its end this is the test's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from addon.accounting.costs import Tally

__all__ = ["Explained", "Verdict", "add_up", "merged"]

_MOST_MISSES = 50


class Explained(Protocol):
    """Completes a miss of a test. It is called in the thread that explains misses."""

    def __call__(self, line: str, pointer: str, *, folded: bool, own: bool = False) -> None:
        """`pointer` is '' if the request is like no recorded one; `folded`: an earlier miss caused this one.

        `own`: the recorded one is the test's own.
        """


_COUNTED = ("not_stored", "faults")
_SUMMED = ("requests", "hits", "stored", "refused", "live", "live_seconds", "unpriced")


@dataclass(slots=True)
class TestMiss:
    """A miss of a test. `pointer` is where the request first differs from the nearest recorded one, `line` the
    explanation; both are '' until it is explained. `folded`: an earlier miss caused this one. `own`: the recorded
    one is the test's own.
    """

    __test__ = False  # its name looks like a test to pytest

    key: str
    pointer: str = ""
    line: str = ""
    folded: bool = False
    own: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key": self.key,
            "pointer": self.pointer,
            "line": self.line,
            "folded": self.folded,
            **({"own": True} if self.own else {}),
        }


@dataclass(slots=True)
class Verdict:
    """Counts of one attempt of a test. `client` is '' where requests named the test themselves.

    `file` and `line` (from 1) say where the test is. `more_misses` are those that are not listed. `live` are
    forwarded requests, `faults` counts injected faults by rule, `used` counts the hits of each entry, with 0
    for one that was only recorded. `coarse`: some of its requests may be another test's. `shown` and `shown_file`
    replace a name and a file that hold a credential. `changed` is set whenever something is counted.
    """

    client: str
    test: str
    attempt: int = 1
    file: str = ""
    line: int = 0
    requests: int = 0
    hits: int = 0
    misses: list[TestMiss] = field(default_factory=list)
    more_misses: int = 0
    stored: int = 0
    refused: int = 0
    live: int = 0
    live_seconds: float = 0.0
    not_stored: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    used: dict[str, int] = field(default_factory=dict)
    spent: Tally = field(default_factory=Tally)
    coarse: bool = False
    shown: str = ""
    shown_file: str = ""
    changed: bool = True

    def miss(self, key: str) -> Explained:
        """Count a miss; call the result with its explanation."""
        self.changed = True
        miss = TestMiss(key)
        if len(self.misses) < _MOST_MISSES:
            self.misses.append(miss)
        else:
            self.more_misses += 1

        def explained(line: str, pointer: str, *, folded: bool, own: bool = False) -> None:
            miss.line, miss.pointer, miss.folded, miss.own = line, pointer, folded, own
            self.changed = True

        return explained

    def use(self, key: str, times: int) -> None:
        """Note that the test was answered `times` times from an entry, or recorded it."""
        self.changed = True
        self.used[key] = self.used.get(key, 0) + times

    def end(self, reason: str | None) -> None:
        """Count a live answer that was stored, or why it was not."""
        self.changed = True
        if reason is None:
            self.stored += 1
        else:
            self.not_stored[reason] += 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON. `usd` is the sum of the known prices, null if none is known; `unpriced` counts the others."""
        spent = self.spent.as_dict()
        return {
            "test": self.shown or self.test,
            "attempt": self.attempt,
            "client": self.client,
            "file": self.shown_file or self.file,
            "line": self.line,
            "requests": self.requests,
            "hits": self.hits,
            "misses": [miss.as_dict() for miss in list(self.misses)],
            "more_misses": self.more_misses,
            "stored": self.stored,
            "refused": self.refused,
            "not_stored": dict(self.not_stored),
            "faults": dict(self.faults),
            "live": self.live,
            "live_seconds": self.live_seconds,
            "usd": spent["usd"] if spent["answers"] else 0.0,
            "unpriced": spent["unknown"],
            "coarse": self.coarse,
            "entries": dict(self.used),
        }


def merged(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Verdicts as JSON values, one for each attempt of a test: those of its clients are added up."""
    by_attempt: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        add_up(by_attempt, (row["test"], row["attempt"]), row)
    return list(by_attempt.values())


def add_up[K](rows: dict[K, dict[str, Any]], at: K, row: dict[str, Any]) -> None:
    """Add a verdict to the one at `at`."""
    there = rows.get(at)
    if there is None:
        rows[at] = dict(row)
        return
    rows[at] = there | {
        **{name: there[name] + row[name] for name in _SUMMED},
        "misses": (misses := there["misses"] + row["misses"])[:_MOST_MISSES],
        "more_misses": there["more_misses"] + row["more_misses"] + max(0, len(misses) - _MOST_MISSES),
        **{name: dict(Counter(there[name]) + Counter(row[name])) for name in _COUNTED},
        "usd": _sum(there["usd"], row["usd"]),
        "coarse": there["coarse"] or row["coarse"],
        "entries": {key: there["entries"].get(key, 0) + row["entries"].get(key, 0)
                    for key in (*there["entries"], *row["entries"])},
        "client": there["client"] if there["client"] == row["client"] else "",
        "file": there["file"] or row["file"],
        "line": there["line"] or row["line"],
    }  # fmt: skip


def _sum(one: float | None, other: float | None) -> float | None:
    # A part without live answers costs 0, one without a known price is None.
    if one is None or other is None:
        return (one or other) or None
    return one + other
