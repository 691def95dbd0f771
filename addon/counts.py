"""What a run did, counted while it runs: per host, and in all."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["HostCounts", "RunCounts"]


@dataclass(slots=True)
class HostCounts:
    """Counts of one intercepted host. Times are seconds.

    `saved_seconds` is the recorded duration of the hits minus the time that answering them took.
    """

    requests: int = 0
    hits: int = 0
    misses: int = 0
    stored: int = 0
    refused: int = 0
    bypassed: int = 0
    errors: int = 0
    saved_seconds: float = 0.0
    live_seconds: float = 0.0
    not_stored: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "not_stored"} | {
            "not_stored": dict(self.not_stored)
        }


@dataclass(slots=True)
class RunCounts:
    """Counts of a whole run.

    `tunnelled` are connections by host, `tls_refused` those that a client ended because it does not trust the
    CA, `cache_faults` what the store could not do, by what it was asked.
    """

    run: str
    mode: str
    started_at: float = field(default_factory=time.time)
    hosts: dict[str, HostCounts] = field(default_factory=dict)
    tunnelled: Counter[str] = field(default_factory=Counter)
    tls_refused: Counter[str] = field(default_factory=Counter)
    cache_faults: Counter[str] = field(default_factory=Counter)

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

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run,
            "mode": self.mode,
            "started_at": self.started_at,
            "total": self.total().as_dict(),
            "hosts": {name: counts.as_dict() for name, counts in sorted(self.hosts.items())},
            "tunnelled": dict(self.tunnelled),
            "tls_refused": dict(self.tls_refused),
            "cache_faults": dict(self.cache_faults),
        }
