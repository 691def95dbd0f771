"""The conditions of `review --fail-on`, as `model-change,cost:+20%`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from addon.accounting.figures import money, plural
from addon.reviewing.changes import What
from addon.reviewing.recordings import Figures
from addon.reviewing.review import Review
from cache_store.errors import UsageError

__all__ = ["Condition", "failed", "parse_conditions"]

_ANY = "any"
_GROWTH: dict[str, Callable[[Figures], Decimal]] = {
    "cost": lambda figures: figures.usd,
    "tokens": lambda figures: Decimal(figures.tokens),
}
_NAMES = (_ANY, *What, *_GROWTH)
_PERCENT = re.compile(r"\+(\d{1,6}(?:\.\d{1,3})?)%")


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of change, `any`, or `cost` or `tokens` with the growth in percent that is still allowed."""

    name: str
    percent: Decimal | None = None

    @property
    def text(self) -> str:
        """The condition as it is written."""
        return self.name if self.percent is None else f"{self.name}:+{self.percent}%"


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """The conditions in `text`, separated by commas. Raises UsageError, which names what is nearest."""
    return tuple(_parsed(part.strip()) for part in text.split(",") if part.strip())


def _parsed(text: str) -> Condition:
    name, colon, rest = text.partition(":")
    if name not in _NAMES:
        near = get_close_matches(name, _NAMES, 1)
        advice = f"did you mean {near[0]}?" if near else f"use {', '.join(_NAMES)}"
        raise UsageError(f"--fail-on: {name!r} is not known; {advice}")
    if name not in _GROWTH:
        if colon:
            raise UsageError(f"--fail-on: {name} takes no value; write {name}")
        return Condition(name)
    match = _PERCENT.fullmatch(rest)
    if match is None:
        raise UsageError(f"--fail-on: {text!r} has no growth; write {name}:+20%")
    return Condition(name, Decimal(match[1]))


def failed(conditions: Sequence[Condition], review: Review) -> list[str]:
    """One line for each condition that holds. A condition that cannot be checked holds."""
    return [line for condition in conditions if (line := _failed(condition, review))]


def _failed(condition: Condition, review: Review) -> str:
    start = f"--fail-on {condition.text}: "
    if condition.percent is not None:
        line = _grown(condition, review)
        return f"{start}{line}" if line else ""
    counted = review.counted
    count = counted.total() if condition.name == _ANY else counted[What(condition.name)]
    return f"{start}there {'was' if count == 1 else 'were'} {plural(count, 'change')}" if count else ""


def _grown(condition: Condition, review: Review) -> str:
    if review.listed:
        return f"lock files do not say it ({plural(review.listed, 'recording')}); compare caches, packs or folders"
    before, after = review.before, review.after
    if condition.name == "cost" and (unknown := before.unpriced + after.unpriced):
        return f"the price of {plural(unknown, 'answer')} is not known; install the extra `prices`, or use tokens"
    assert condition.percent is not None
    old, new = (_GROWTH[condition.name](figures) for figures in (before, after))
    if new <= old * (1 + condition.percent / 100):
        return ""
    shown = [money(float(value)) if condition.name == "cost" else f"{value:,} tokens" for value in (old, new)]
    grown = f", {(new / old - 1) * 100:+.0f} %" if old else ""
    return f"it grew from {shown[0]} to {shown[1]}{grown}"
