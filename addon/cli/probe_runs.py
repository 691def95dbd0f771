"""Replays a suite for `probe`: a proxy and a command for each run, and what they showed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from addon.accounting.counts import RunCounts
from addon.cli.child import run_child
from addon.cli.client_options import Given
from addon.cli.context import make_host
from addon.cli.run import client_environ
from addon.host.options import host_options
from addon.probing.serving import Probe
from addon.probing.trials import Observed
from addon.probing.units import RUN
from addon.settings.settings import Settings

__all__ = ["Replay", "Suite", "replay"]


@dataclass(frozen=True)
class Suite:
    """A command, the settings of its proxies as text, and what it is given.

    `interrupted` is called if the user ends the command.
    """

    command: tuple[str, ...]
    raw: Mapping[str, str]
    given: Given
    interrupted: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Replay:
    """One run: what it showed, its exit status (None if it took too long) and how many seconds it took.

    `shown` are the names of tests that are not to be shown as they are.
    """

    observed: Observed
    status: int | None
    seconds: float
    shown: Mapping[str, str]


async def replay(
    suite: Suite,
    probe: Probe,
    *,
    is_quiet: bool = True,
    seconds: float | None = None,
    more: Mapping[str, str] | None = None,
) -> Replay:
    """Run the suite once, with `more` settings, and end it after so many `seconds`."""
    raw = {**suite.raw, **(more or {})}
    settings = Settings.parse(raw)
    host = make_host(host_options(raw, settings, os.environ))
    host.cache.life.probe = probe
    host.cache.life.reports = False
    finished = asyncio.Event()
    child: asyncio.Task[int | None] | None = None
    began = time.monotonic()

    async def run() -> int | None:
        environ = client_environ(suite.command, settings, host.url, suite.given, strict=False)
        try:
            async with asyncio.timeout(seconds):
                return await run_child(
                    suite.command, environ, is_quiet=is_quiet, interrupted=suite.interrupted
                )
        except TimeoutError:
            return None
        finally:
            finished.set()

    def ready() -> None:
        nonlocal child
        child = asyncio.create_task(run())

    await host.run(ready, until=finished)
    status = await child if child is not None else 1
    counts = host.cache.counts
    shown = {verdict.test: verdict.shown for verdict in counts.tests.values() if verdict.shown}
    return Replay(_observed(counts, probe, status), status, time.monotonic() - began, shown)


def _observed(counts: RunCounts, probe: Probe, status: int | None) -> Observed:
    used: dict[str, set[str]] = defaultdict(set)
    of_run = Counter(counts.used)
    missed, coarse = set(), set()
    misses = counts.total().misses
    for verdict in counts.tests.values():
        used[verdict.test].update(verdict.used)
        of_run.subtract(verdict.used)
        its_misses = len(verdict.misses) + verdict.more_misses
        misses -= its_misses
        if its_misses:
            missed.add(verdict.test)
        if verdict.coarse:
            coarse.add(verdict.test)
    if keys := {key for key, times in of_run.items() if times > 0}:
        used[RUN] = keys
    if misses > 0:
        missed.add(RUN)
    outcomes = probe.outcomes if status is None else probe.outcomes | {RUN: str(status)}
    frozen = {test: frozenset(keys) for test, keys in used.items() if keys}
    return Observed(outcomes, frozen, frozenset(missed), frozenset(coarse))
