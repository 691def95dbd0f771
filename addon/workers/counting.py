"""A process's counts on their way to the one that reports, and all of a run's processes together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from addon.accounting.costs import ModelCosts
from addon.accounting.counts import HostCounts, Missed, RunCounts, worse_tier

__all__ = ["Sent", "add", "hosts_of", "news_of", "totals_of", "whole"]

_SUMMED = ("connections", "over_budget", "unexplained")
_COUNTED = ("tunnelled", "tls_refused", "cache_faults")


def hosts_of(counts: RunCounts) -> dict[str, Any]:
    """The requests by host, which is what must never be unknown of a process that dies."""
    return {name: row.as_dict() for name, row in list(counts.hosts.items())}


def totals_of(counts: RunCounts) -> dict[str, Any]:
    """The counts of a process that can be sent again and again. Other threads may be counting."""
    return {
        "hosts": hosts_of(counts),
        "missed": [[key, m.why, m.line, m.times, m.follows] for key, m in list(counts.missed.items())],
        "second_tier": counts.second_tier,
        "spent": [
            [row.model, row.answers, row.unknown, row.input_tokens, row.output_tokens, str(row.usd)]
            for row in list(counts.spent.models.values())
        ],
        **{name: dict(getattr(counts, name)) for name in _COUNTED},
        **{name: getattr(counts, name) for name in _SUMMED},
    }


def news_of(counts: RunCounts, *, prices: bool) -> dict[str, Any]:
    """The totals, and what was used since these were last sent, which is let go of; so is what has no price yet,
    unless this process looks `prices` up itself. To be called in the loop's thread, where `used` is written.
    """
    used, counts.used = counts.used, {}
    unpriced = [] if prices else counts.spent.hand_over()
    return totals_of(counts) | {"used": used, "unpriced": unpriced}


@dataclass(slots=True)
class Sent:
    """What one process has sent: its latest totals, and all that it has used and not priced."""

    totals: dict[str, Any] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    unpriced: list[Any] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests it has had."""
        return sum(row["requests"] for row in self.totals.get("hosts", {}).values())

    def take(self, news: dict[str, Any]) -> None:
        """The next news of the same process; what they leave out is as it was."""
        for key, times in news.pop("used", {}).items():
            self.used[key] = self.used.get(key, 0) + times
        self.unpriced += news.pop("unpriced", ())
        self.totals |= news


def add(counts: RunCounts, sent: Sent) -> None:
    """Add another process's counts to `counts`."""
    for key, times in sent.used.items():
        counts.used[key] = counts.used.get(key, 0) + times
    totals = sent.totals
    for name, row in totals.get("hosts", {}).items():
        _add_host(counts.host(name), row)
    for name in _COUNTED:
        getattr(counts, name).update(totals.get(name, {}))
    for name in _SUMMED:
        setattr(counts, name, getattr(counts, name) + totals.get(name, 0))
    counts.second_tier = worse_tier(counts.second_tier, totals.get("second_tier", ""))
    for key, why, line, times, follows in totals.get("missed", ()):
        _add_missed(counts, key, Missed(why, line, times, follows))
    for model, answers, unknown, tokens_in, tokens_out, usd in totals.get("spent", ()):
        row = ModelCosts(model, answers, unknown, tokens_in, tokens_out, Decimal(usd))
        counts.spent.add_row(row)
    counts.spent.take_over(sent.unpriced)


def whole(counts: RunCounts, others: Iterable[Sent]) -> RunCounts:
    """A run's counts so far, of this process and of the others; `counts` is left as it is."""
    together = RunCounts(counts.run, counts.mode, counts.started_at, workers_replaced=counts.workers_replaced)
    for sent in (Sent(totals_of(counts), dict(counts.used)), *others):
        add(together, sent)
    return together


def _add_host(row: HostCounts, sent: dict[str, Any]) -> None:
    for name, value in sent.items():
        if name == "not_stored":
            row.not_stored.update(value)
        else:
            setattr(row, name, getattr(row, name) + value)


def _add_missed(counts: RunCounts, key: str, missed: Missed) -> None:
    before = counts.missed.get(key)
    if before is None:
        counts.miss(key, missed.why, missed.line)
        before = counts.missed.get(key)
        if before is None:  # there are too many; all but the one that was just counted
            counts.unexplained += missed.times + missed.follows - 1
            return
        missed.times -= 1
    before.times += missed.times
    before.follows += missed.follows
