"""Counts what a run does, per host and in total."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from addon.accounting.costs import Tally
from addon.accounting.verdicts import Verdict, merged

__all__ = [
    "BLOCKED",
    "HEALTHY",
    "UNHEALTHY",
    "HostCounts",
    "Missed",
    "NotKept",
    "RunCounts",
    "counters_of",
    "worse_tier",
]

_MOST_MISSED = 200
_MOST_NOT_KEPT = 1000
_MOST_TESTS = 100_000
_MOST_CONFLICTS = 200

REPORT_VERSION = 2
"""Of the run file. Version 2 has the tests."""

HEALTHY, UNHEALTHY, BLOCKED = "healthy", "unhealthy", "blocked until it is cleared"
"""The states of a second tier, in words."""


def worse_tier(one: str, other: str) -> str:
    """The worse of two states; '' means that there is no second tier."""
    return max(one, other, key=("", HEALTHY, UNHEALTHY, BLOCKED).index)


def counters_of(kind: type[HostCounts | RunCounts]) -> tuple[str, ...]:
    """The names of the fields that are counters."""
    return tuple(each.name for each in fields(kind) if each.default_factory is Counter)


@dataclass(slots=True)
class HostCounts:
    """Counts of one intercepted host. Times are in seconds; bytes are those of bodies.

    `retried` are refused misses that had been refused seconds before: SDKs repeat a 502, and that is one miss.
    `live` are forwarded requests. `saved_seconds` is the recorded duration of the hits less the time they took.
    `not_stored` counts live answers by the reason. `failures` counts live requests that got no success, by status
    (`429`) or by the reason why there is no answer (`unreachable`, `client-left`). `rebound` counts the hits in
    which volatile values were replaced, by rule.
    """

    requests: int = 0
    hits: int = 0
    misses: int = 0
    retried: int = 0
    stored: int = 0
    refused: int = 0
    bypassed: int = 0
    live: int = 0
    errors: int = 0
    hit_bytes: int = 0
    live_bytes: int = 0
    saved_seconds: float = 0.0
    live_seconds: float = 0.0
    not_stored: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    rebound: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values}


@dataclass(slots=True)
class Missed:
    """A miss that no earlier miss caused. `why` is its diagnosis for JSON, `line` the same in one line.

    `times` counts equal requests, `follows` the later misses that this one caused.
    """

    why: dict[str, Any]
    line: str
    times: int = 1
    follows: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.why | {"line": self.line, "times": self.times, "follows": self.follows}


@dataclass(slots=True)
class NotKept:
    """A request whose answers, `times` of them, were not stored: its method, host and path, why, what to do.

    `test` is the last one that sent it, '' if it is not known.
    """

    place: str
    why: str
    advice: str
    times: int = 1
    test: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class RunCounts:
    """Counts of a whole run.

    `tunnelled`, `tls_refused` and `tls_left` count connections by host: the client said that it does not trust the
    CA, or it left before its first request and did not say why.
    `tunnels_refused` counts refused connections by host, `offline` our answers in the place of token endpoints and
    telemetry, by kind and host. `faults` counts injected faults by rule, with 0 for one that never fired.
    `outside` counts what an enclosed command tried past the proxy, by destination and program, and `inside`
    its connections to the proxy and to ports that it may use.
    `refusals` counts by kind the requests that a replaying run refused and that its tests need.
    `cache_faults` counts failures of the store by operation, `connections` those that were opened to providers,
    `over_budget` the requests that a budget stopped. `read_on` counts the `answers` that were read to their end
    after their clients had left, and the output `tokens` that came then, by the share of the bytes. `used` counts
    the hits of each entry, with 0 for one only recorded; `unused` are the keys of all other entries, if the
    run was asked for them. `missed` is by key.
    `refused_answers`, by key, are live answers that were not stored although the mode stores.
    `second_tier` is its state at the end, '' if there is none. `notes` are lines about the run's end.
    `workers_replaced` counts processes that died; their counts of the last second are lost. `conflicts`
    has a line for each key to which two different answers were stored. `tests` are attempts by client, test and
    number, and `tests_elsewhere` those of this run's other processes, as JSON values.
    `stale_ids` says by the request's key where a provider refused an id from the cache, and which.
    `rechunk` is the seed by which streams were cut, '' if they were not.
    """

    run: str
    mode: str
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    hosts: dict[str, HostCounts] = field(default_factory=dict)
    tunnelled: Counter[str] = field(default_factory=Counter)
    tls_refused: Counter[str] = field(default_factory=Counter)
    tls_left: Counter[str] = field(default_factory=Counter)
    tunnels_refused: Counter[str] = field(default_factory=Counter)
    offline: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    cache_faults: Counter[str] = field(default_factory=Counter)
    second_tier: str = ""
    connections: int = 0
    over_budget: int = 0
    read_on: Counter[str] = field(default_factory=Counter)
    used: dict[str, int] = field(default_factory=dict)
    unused: list[str] | None = None
    missed: dict[str, Missed] = field(default_factory=dict)
    unexplained: int = 0
    refused_answers: dict[str, NotKept] = field(default_factory=dict)
    spent: Tally = field(default_factory=Tally)
    saved: Tally = field(default_factory=Tally)
    failed_gates: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    workers_replaced: int = 0
    conflicts: dict[str, str] = field(default_factory=dict)
    tests: dict[tuple[str, str, int], Verdict] = field(default_factory=dict)
    tests_elsewhere: dict[Any, dict[str, Any]] = field(default_factory=dict)
    stale_ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    rechunk: str = ""

    def host(self, name: str) -> HostCounts:
        """The counts of one host."""
        counts = self.hosts.get(name)
        if counts is None:
            counts = self.hosts[name] = HostCounts()
        return counts

    def total(self) -> HostCounts:
        """All hosts together."""
        total = HostCounts()
        for counts in self.hosts.values():
            for name in HostCounts.__slots__:
                setattr(total, name, getattr(total, name) + getattr(counts, name))
        return total

    @property
    def live(self) -> int:
        """The number of forwarded requests."""
        return sum(counts.live for counts in self.hosts.values())

    def verdict(self, client: str, test: str, attempt: int) -> Verdict | None:
        """The counts of one attempt of a test; None if the run has too many tests."""
        identity = client, test, attempt
        counts = self.tests.get(identity)
        if counts is None and len(self.tests) < _MOST_TESTS:
            counts = self.tests[identity] = Verdict(*identity)
        return counts

    def conflict(self, key: str, line: str) -> None:
        """Note that two different answers to `key` were stored; `line` says for which tests, and what to do."""
        if len(self.conflicts) < _MOST_CONFLICTS:
            self.conflicts.setdefault(key, line)

    def keys_by_test(self) -> dict[tuple[str, str], set[str]]:
        """By client and test, the keys of the entries that the test used, in every process that has been added."""
        keys: dict[tuple[str, str], set[str]] = {}
        for verdict in self.tests.values():
            keys.setdefault((verdict.client, verdict.shown or verdict.test), set()).update(verdict.used)
        for row in self.tests_elsewhere.values():
            keys.setdefault((row["client"], row["test"]), set()).update(row["entries"])
        return keys

    def settle_tests(self) -> None:
        """Look up the prices of the tests' live answers."""
        for verdict in list(self.tests.values()):
            if verdict.spent.models:
                verdict.spent.settle()
                verdict.changed = True

    def miss(self, key: str, why: dict[str, Any], line: str, root: str | None = None) -> None:
        """Count a miss and keep its diagnosis; `root` is the key of the earlier miss that caused it."""
        if root in self.missed:
            self.missed[root].follows += 1
        elif key in self.missed:
            self.missed[key].times += 1
        elif len(self.missed) < _MOST_MISSED:
            stale = f". {self.stale_ids[key][1]}" if key in self.stale_ids else ""
            self.missed[key] = Missed(why, line + stale)
        else:
            self.unexplained += 1

    def has_room(self, key: str) -> bool:
        """Whether the diagnosis of a miss of `key` would be kept."""
        return key in self.missed or len(self.missed) < _MOST_MISSED

    def not_kept(self, key: str, place: str, why: str, advice: str, times: int = 1, test: str = "") -> None:
        """Note that an answer to `key` was not stored."""
        before = self.refused_answers.get(key)
        if before is not None:
            times += before.times
        elif len(self.refused_answers) >= _MOST_NOT_KEPT:
            return
        self.refused_answers[key] = NotKept(place, why, advice, times, test)

    def kept(self, key: str) -> None:
        """Forget earlier answers to `key`: one has been stored."""
        self.refused_answers.pop(key, None)

    def add_stale_id(self, key: str, place: str, line: str) -> None:
        """Note that a provider refused an id from the cache in the request `key`, which had missed, to `place`."""
        if len(self.stale_ids) < _MOST_MISSED:
            self.stale_ids[key] = (place, line)
            if key in self.missed:
                self.missed[key].line += f". {line}"

    def _shared_entries(self, tests: Iterable[dict[str, Any]]) -> list[str]:
        """The keys that both a test and requests of no test used."""
        by_tests: Counter[str] = Counter()
        for row in tests:
            by_tests.update(row["entries"])
        return [key for key, times in by_tests.items() if self.used.get(key, 0) > times]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        tests = [
            *(verdict.as_dict() for verdict in list(self.tests.values())),
            *self.tests_elsewhere.values(),
        ]
        return {
            "version": REPORT_VERSION,
            "run": self.run,
            "mode": self.mode,
            "rechunk": self.rechunk,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "total": self.total().as_dict(),
            "hosts": {name: counts.as_dict() for name, counts in sorted(self.hosts.items())},
            "tunnelled": dict(self.tunnelled),
            "tls_refused": dict(self.tls_refused),
            "tls_left": dict(self.tls_left),
            "tunnels_refused": dict(self.tunnels_refused),
            "offline": dict(self.offline),
            "faults": dict(self.faults),
            "outside": dict(self.outside),
            "inside": dict(self.inside),
            "refusals": dict(self.refusals),
            "cache_faults": dict(self.cache_faults),
            "second_tier": self.second_tier,
            "connections": self.connections,
            "over_budget": self.over_budget,
            "read_on": dict(self.read_on),
            "used_entries": len(self.used),
            "unused_entries": None if self.unused is None else len(self.unused),
            "spent": self.spent.as_dict(),
            "saved": self.saved.as_dict(),
            "missed": [missed.as_dict() for missed in list(self.missed.values())],
            "unexplained_misses": self.unexplained,
            "refused_answers": [
                {"key": key} | refused.as_dict() for key, refused in list(self.refused_answers.items())
            ],
            "failed_gates": self.failed_gates,
            "notes": self.notes,
            "workers_replaced": self.workers_replaced,
            "conflicts": list(self.conflicts.values()),
            "shared_entries": self._shared_entries(tests),
            "tests": merged(tests),
            "stale_ids": [f"{place}: {line}" for place, line in list(self.stale_ids.values())],
        }
