"""The counts of the processes of a run: what each sends to the primary process, and how they are added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from addon.accounting.costs import ModelCosts
from addon.accounting.counts import HostCounts, Missed, RunCounts, counters_of, worse_tier
from addon.accounting.verdicts import add_up

__all__ = ["Reported", "add", "changes_of", "hosts_of", "whole"]

_SUMMED = ("connections", "over_budget", "unexplained")
_COUNTED = counters_of(RunCounts)


def hosts_of(counts: RunCounts) -> dict[str, Any]:
    """The requests by host: sent before each request, so that those of a process that dies are known."""
    return {name: row.as_dict() for name, row in list(counts.hosts.items())}


def _totals_of(counts: RunCounts) -> dict[str, Any]:
    """The counts that replace what the process sent before, as JSON values. Other threads may be counting."""
    return {
        "hosts": hosts_of(counts),
        "missed": [[key, m.why, m.line, m.times, m.follows] for key, m in list(counts.missed.items())],
        "refused_answers": [
            [key, item.place, item.why, item.advice, item.times, item.test]
            for key, item in list(counts.refused_answers.items())
        ],
        "second_tier": counts.second_tier,
        "conflicts": list(counts.conflicts.items()),
        "stale_ids": [[key, *said] for key, said in list(counts.stale_ids.items())],
        "spent": [
            [row.model, row.answers, row.unknown, row.input_tokens, row.output_tokens, str(row.usd)]
            for row in list(counts.spent.models.values())
        ],
        **{name: dict(getattr(counts, name)) for name in _COUNTED},
        **{name: getattr(counts, name) for name in _SUMMED},
    }


def changes_of(counts: RunCounts, *, prices: bool) -> dict[str, Any]:
    """The totals, and what is new since the last call: tests that have changed, and keys used, which are forgotten.

    So are answers without a price, unless this process looks up `prices` itself. Call it in the event loop, where
    `used` is written.
    """
    used, counts.used = counts.used, {}
    unpriced = [] if prices else counts.spent.hand_over()
    return _totals_of(counts) | {"used": used, "unpriced": unpriced, "tests": _changed_tests(counts)}


def _changed_tests(counts: RunCounts) -> list[list[Any]]:
    """The rows that have changed, each with its number in this process: a name may be hidden later."""
    changed: list[list[Any]] = []
    for number, verdict in enumerate(counts.tests.values()):
        if verdict.changed:
            verdict.changed = False
            changed.append([number, verdict.as_dict()])
    return changed


@dataclass(slots=True)
class Reported:
    """The reports of one process: its latest totals, every key that it used, and every answer without a price."""

    totals: dict[str, Any] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    unpriced: list[Any] = field(default_factory=list)
    tests: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """The number of its requests."""
        return sum(row["requests"] for row in self.totals.get("hosts", {}).values())

    def update(self, changes: dict[str, Any]) -> None:
        """Apply the next changes of the same process; a missing total is unchanged."""
        for key, times in changes.pop("used", {}).items():
            self.used[key] = self.used.get(key, 0) + times
        self.unpriced += changes.pop("unpriced", ())
        self.tests |= dict(changes.pop("tests", ()))
        self.totals |= changes


def add(counts: RunCounts, reported: Reported) -> None:
    """Add another process's counts to `counts`."""
    for key, times in reported.used.items():
        counts.used[key] = counts.used.get(key, 0) + times
    totals = reported.totals
    for name, row in totals.get("hosts", {}).items():
        _add_host(counts.host(name), row)
    for name in _COUNTED:
        getattr(counts, name).update(totals.get(name, {}))
    for name in _SUMMED:
        setattr(counts, name, getattr(counts, name) + totals.get(name, 0))
    counts.second_tier = worse_tier(counts.second_tier, totals.get("second_tier", ""))
    _add_tests(counts, reported)
    for key, why, line, times, follows in totals.get("missed", ()):
        _add_missed(counts, key, Missed(why, line, times, follows))
    for refused in totals.get("refused_answers", ()):
        counts.not_kept(*refused)
    for key, place, line in totals.get("stale_ids", ()):
        counts.stale_ids[key] = (place, line)
    for model, answers, unknown, tokens_in, tokens_out, usd in totals.get("spent", ()):
        counts.spent.add_row(ModelCosts(model, answers, unknown, tokens_in, tokens_out, Decimal(usd)))
    counts.spent.take_over(reported.unpriced)


def _add_tests(counts: RunCounts, reported: Reported) -> None:
    for row in reported.tests.values():
        add_up(counts.tests_elsewhere, (row["client"], row["test"], row["attempt"]), row)
    for key, line in reported.totals.get("conflicts", ()):
        counts.conflict(key, line)


def whole(counts: RunCounts, others: Iterable[Reported]) -> RunCounts:
    """The counts of the whole run so far; `counts`, this process's own, are not changed."""
    together = RunCounts(
        counts.run,
        counts.mode,
        counts.started_at,
        workers_replaced=counts.workers_replaced,
        rechunk=counts.rechunk,
    )
    tests = {number: verdict.as_dict() for number, verdict in enumerate(counts.tests.values())}
    for reported in (Reported(_totals_of(counts), dict(counts.used), tests=tests), *others):
        add(together, reported)
    return together


def _add_host(row: HostCounts, reported: dict[str, Any]) -> None:
    for name, value in reported.items():
        if isinstance(counted := getattr(row, name), Counter):
            counted.update(value)
        else:
            setattr(row, name, getattr(row, name) + value)


def _add_missed(counts: RunCounts, key: str, missed: Missed) -> None:
    before = counts.missed.get(key)
    if before is None:
        counts.miss(key, missed.why, missed.line)
        before = counts.missed.get(key)
        if before is None:  # the list is full: `miss` has counted one of them as unexplained
            counts.unexplained += missed.times + missed.follows - 1
            return
        missed.times -= 1
    before.times += missed.times
    before.follows += missed.follows
