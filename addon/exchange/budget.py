"""How much a run may still send: past its budget it answers as in read-only-require-hit."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

__all__ = ["Budget", "Priced", "Spending"]


class Spending(Protocol):
    """What was sent so far, as RunCounts has it: `live` requests, and `spent` with its `usd`."""

    @property
    def live(self) -> int:
        """How many requests were forwarded."""

    @property
    def spent(self) -> Priced:
        """What their answers cost."""


class Priced(Protocol):
    """A sum of money."""

    @property
    def usd(self) -> Decimal:
        """US dollars."""


class Budget:
    """`max_live` requests and `max_usd` US dollars; None is no bound.

    What an answer costs is known when it is whole, so requests in flight can go past `max_usd`.
    """

    def __init__(self, max_live: int | None, max_usd: Decimal | None, counts: Spending) -> None:
        self._max_live = max_live
        self._max_usd = max_usd
        self._counts = counts

    def spent(self) -> str:
        """Which bound is reached, in words; '' while requests may be forwarded."""
        if self._max_live is not None and self._counts.live >= self._max_live:
            return f"the budget PROVIDER_PROXY_MAX_LIVE={self._max_live} is spent"
        if self._max_usd is not None and self._counts.spent.usd >= self._max_usd:
            return f"the budget PROVIDER_PROXY_MAX_USD={self._max_usd} is spent"
        return ""
