"""Gates: conditions that fail a run although its command passed."""

from __future__ import annotations

import fnmatch
import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from addon.accounting.counts import RunCounts
from addon.accounting.figures import named, plural
from addon.scopes.globs import fits_any
from addon.settings.modes import Mode

__all__ = ["FAILED_STATUS", "Gates", "failures", "parse_rate"]

_NAME = 120  # characters of a test's name in a message

FAILED_STATUS = 3
"""The exit status when the command passed and a gate failed."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of a run; None and False switch one off.

    `allow_tunnel` are host globs, `fail_on_live` globs of tests.
    """

    min_hit_rate: float | None = None
    fail_on_live: tuple[str, ...] = ()
    max_misses: int | None = None
    max_live: int | None = None
    max_usd: Decimal | None = None
    fail_on_unused: bool = False
    fail_on_tunnel: bool = False
    allow_tunnel: tuple[str, ...] = ()
    allow_misses: bool = False
    allow_refusals: bool = False
    require_traffic: bool = False


def parse_rate(text: str) -> float:
    """A rate from 0 to 1. Raises ValueError."""
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= 1:  # false for NaN, too
        raise ValueError(f"{text!r} is not a rate; write a number from 0 to 1")
    return rate


def failures(gates: Gates, counts: RunCounts) -> list[str]:
    """One line for each gate that failed. A gate that cannot be checked fails."""
    checks = (
        _hit_rate(gates, counts),
        _misses(gates, counts),
        _refusals(gates, counts),
        _traffic(gates, counts),
        _live(gates, counts),
        _live_tests(gates, counts),
        _usd(gates, counts),
        _unused(gates, counts),
        _tunnel(gates, counts),
    )
    return [line for line in checks if line]


def _hit_rate(gates: Gates, counts: RunCounts) -> str:
    if gates.min_hit_rate is None:
        return ""
    total = counts.total()
    asked = total.hits + total.misses
    # Compared without rounding, so that 0.9996 does not pass for 1.
    if asked and total.hits >= gates.min_hit_rate * asked:
        return ""
    nothing = "no request was looked up; did the clients use the proxy?"
    found = f"{total.hits} of {asked} requests were hits" if asked else nothing
    return f"--min-hit-rate {gates.min_hit_rate:g}: {found}{_by_tests(counts)}"


def _misses(gates: Gates, counts: RunCounts) -> str:
    misses = counts.total().misses
    if gates.max_misses is not None and misses > gates.max_misses:
        found = f"{plural(misses, 'miss', 'misses')}{_by_tests(counts)}"
        return f"--max-misses {gates.max_misses}: there {'was' if misses == 1 else 'were'} {found}"
    if counts.mode == Mode.REQUIRE_HIT and misses and not gates.allow_misses:
        found = f"{plural(misses, 'miss', 'misses')} in {Mode.REQUIRE_HIT}{_by_tests(counts)}"
        return f"{found}; --allow-misses lets them pass"
    return ""


def _refusals(gates: Gates, counts: RunCounts) -> str:
    if counts.mode != Mode.REQUIRE_HIT or gates.allow_refusals or not counts.refusals:
        return ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.refusals.items()))
    refused = plural(counts.refusals.total(), "request was", "requests were")
    return f"{refused} refused in {Mode.REQUIRE_HIT} ({kinds}); --allow-refusals lets them pass"


def _traffic(gates: Gates, counts: RunCounts) -> str:
    if not gates.require_traffic or counts.total().requests:
        return ""
    return "--require-traffic: no request reached the proxy"


def _live(gates: Gates, counts: RunCounts) -> str:
    if gates.max_live is None or (counts.live <= gates.max_live and not counts.over_budget):
        return ""
    refused = f", {counts.over_budget} more were refused" if counts.over_budget else ""
    return f"--max-live {gates.max_live}: {counts.live} requests were forwarded{refused}"


def _live_tests(gates: Gates, counts: RunCounts) -> str:
    if not gates.fail_on_live:
        return ""
    rows = counts.as_dict()["tests"]
    if counts.live and not rows:
        return "--fail-on-live: no request named its test, so which of them went live is not known"
    live: Counter[str] = Counter()
    for row in rows:
        if row["live"] and fits_any(row["test"], gates.fail_on_live):
            live[row["test"]] += row["live"]
    tests = [f"{test[:_NAME]} {count}" for test, count in live.items()]
    return _failed("--fail-on-live", tests, "test", "tests", "forwarded to a provider")


def _by_tests(counts: RunCounts) -> str:
    """The tests that missed, most misses first, as the end of a line; '' if none is known."""
    misses: Counter[str] = Counter()  # of all attempts of a test
    for row in counts.as_dict()["tests"]:
        misses[row["test"]] += len(row["misses"]) + row["more_misses"]
    missed = [f"{test[:_NAME]} {count}" for test, count in misses.most_common() if count]
    return f"; misses by {named(missed, 'test')}" if missed else ""


def _usd(gates: Gates, counts: RunCounts) -> str:
    if gates.max_usd is None:
        return ""
    if counts.spent.usd > gates.max_usd or (counts.over_budget and counts.spent.usd >= gates.max_usd):
        return f"--max-usd {gates.max_usd}: ${counts.spent.usd:.6f} was spent"
    if counts.spent.unknown:
        return f"--max-usd {gates.max_usd}: the price of {counts.spent.unknown} live answers is not known"
    return ""


def _unused(gates: Gates, counts: RunCounts) -> str:
    if not gates.fail_on_unused:
        return ""
    if counts.unused is None:
        return "--fail-on-unused: the entries could not be listed"
    return _failed("--fail-on-unused", counts.unused, "entry", "entries", "not used")


def _tunnel(gates: Gates, counts: RunCounts) -> str:
    if not gates.fail_on_tunnel:
        return ""
    allowed = [glob.lower() for glob in gates.allow_tunnel]
    hosts = sorted(h for h in counts.tunnelled if not any(fnmatch.fnmatchcase(h.lower(), g) for g in allowed))
    return _failed("--fail-on-tunnel", [host[:80] for host in hosts], "host", "hosts", "tunnelled")


def _failed(gate: str, names: list[str], one: str, many: str, what: str) -> str:
    was = "was" if len(names) == 1 else "were"
    return f"{gate}: {named(names, one, many)} {was} {what}" if names else ""
