"""`probe -- COMMAND`: which parts of the recorded answers a suite's tests look at."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.accounting.gates import FAILED_STATUS
from addon.cli.client_options import Given, base_urls_option, dummy_keys_option, keys_to_set
from addon.cli.context import cache_options, raw_from_flags, recorded_cache
from addon.cli.gate_options import read_rate
from addon.cli.output import say
from addon.cli.probe_report import ProbeResult, print_result, result_json
from addon.cli.probe_runs import Replay, Suite, replay
from addon.cli.probe_state import ProbeState
from addon.host.log import flush_log, log_to_stderr
from addon.printing import program
from addon.probing.altering import changes_of
from addon.probing.findings import answers_of, share_depended
from addon.probing.serving import Probe
from addon.probing.trials import Finding, Trial, chosen, found, in_order, left_out, noticed
from addon.probing.units import RUN, watchers
from addon.scopes.globs import fits_any
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER
from cache_store.atomic_file import replace_file
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import EntryError, UsageError

__all__ = ["probe"]

_INTERRUPTED = 130
# One process knows which answers it has altered. The cache directory alone is read, and no tunnel leads out.
_FIXED = {
    "cache_mode": "read-only-require-hit",
    "listen": "127.0.0.1:0",
    "workers": "1",
    "redis_url": "",
    "import": "",
    "tunnel": "refuse",
    "replay": "instant",
    "rechunk": "",
}
# How much longer than the untouched run another one may take: an altered answer can keep a test waiting.
_TIMES, _MORE_SECONDS = 4.0, 30.0


@click.command(context_settings={"allow_interspersed_args": False})
@cache_options
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Start no further run after this.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=0, help="Other words, and another order; 0 if not given."
)
@click.option("--test", "tests", multiple=True, metavar="GLOB", help="Probe only the tests that fit.")
@click.option(
    "--min-depend",
    callback=read_rate,
    metavar="SHARE",
    help="Fail (exit 3) if tests depend on a smaller share of the answers, e.g. 0.8.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON to this file."
)
@dummy_keys_option
@base_urls_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def probe(
    *,
    command: tuple[str, ...],
    cache_dir: str | None,
    budget: float | None,
    seed: int,
    tests: tuple[str, ...],
    min_depend: float | None,
    json_file: Path | None,
    dummy_keys: bool,
    base_urls: bool,
) -> None:
    """Find the recorded answers that no test looks at: replay COMMAND with one part of an answer altered at a time.

    Write `probe [OPTIONS] -- COMMAND…`. Nothing is sent, and the cache stays as it is. A probe that was cut short
    goes on where it ended. The exit status is 0 unless a flag says otherwise.
    """
    if not command:
        raise click.UsageError(f"no command after `--`; write {program()} probe -- pytest")
    raw = raw_from_flags(cache_dir=cache_dir) | _FIXED
    settings = Settings.parse(raw)
    directory = recorded_cache(settings)
    log_to_stderr()
    given = Given(keys_to_set(os.environ, settings, wanted=dummy_keys), base_urls)
    until = None if budget is None else time.monotonic() + 60 * budget
    probing = _Probing(Suite(command, raw, given), directory, seed, tests, until)
    result = asyncio.run(probing.run())
    flush_log()
    print_result(result)
    if json_file is not None:
        _write(json_file, result_json(result))
    share = share_depended(result.answers)
    if probing.is_interrupted:
        sys.exit(_INTERRUPTED)
    if min_depend is not None and (share or 0.0) < min_depend:
        say(
            f"provider-proxy: tests depend on less than {min_depend:.0%} of the answers (--min-depend)",
            err=True,
        )
        sys.exit(FAILED_STATUS)


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


@dataclass
class _Probing:
    """One probe of a suite. `until` is when its budget ends, in monotonic time."""

    suite: Suite
    directory: Path
    seed: int
    tests: tuple[str, ...]
    until: float | None
    is_interrupted: bool = False
    _digests: dict[str, str] = field(default_factory=dict)
    _unaltered: int = 0

    async def run(self) -> ProbeResult:
        """Replay the suite as often as it takes. Raises UsageError where nothing is replayed."""
        self.suite = replace(self.suite, interrupted=self._interrupt)
        first = await self._replay("untouched", Probe(), is_quiet=False)
        if not first.observed.used and not self.is_interrupted:
            raise UsageError(
                "no request of the command was answered from the cache; record it with "
                f"`{program()} run -- COMMAND`"
            )
        logging.getLogger("addon").setLevel(logging.ERROR)  # a miss is a finding from here on, and no advice
        second = await self._replay("untouched, again", Probe()) if self._goes_on else first
        if self.is_interrupted:
            second = first  # it shows no more than where it ended
        excluded = left_out(first.observed, second.observed)
        untouched = {test: said for test, said in first.observed.outcomes.items() if test not in excluded}
        if RUN not in first.observed.used:
            excluded.pop(RUN, None)  # it asked nothing, so there is nothing to say
        trials = self._trials(first, untouched, excluded)
        seconds = _MORE_SECONDS + _TIMES * max(first.seconds, second.seconds)
        fragile = await self._fragile(untouched, seconds)
        findings = await self._try_all(trials, untouched, seconds)
        return ProbeResult(
            answers=answers_of(findings),
            fragile=fragile,
            left_out=excluded,
            left=len(trials) - len(findings),
            unaltered=self._unaltered,
            shown=first.shown,
            seed=self.seed,
        )

    def _interrupt(self) -> None:
        self.is_interrupted = True

    @property
    def _goes_on(self) -> bool:
        return not self.is_interrupted and (self.until is None or time.monotonic() < self.until)

    async def _replay(
        self,
        what: str,
        probe: Probe,
        *,
        is_quiet: bool = True,
        seconds: float | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Replay:
        say(f"provider-proxy: replay, {what}", err=True)
        return await replay(self.suite, probe, is_quiet=is_quiet, seconds=seconds, more=more)

    def _trials(self, first: Replay, untouched: Mapping[str, str], excluded: dict[str, str]) -> list[Trial]:
        """Every alteration of every answer to a test that is probed, in the order in which they are tried."""
        trials = []
        store = DiskStore(self.directory, read_only=True)
        try:
            for test, keys in first.observed.used.items():
                if test in excluded or (self.tests and not fits_any(test, self.tests)):
                    continue
                if not watchers(test, untouched.keys()):
                    excluded[test] = "no test that uses it passes untouched"
                    continue
                for key in keys:
                    trials += self._of_answer(store, test, key)
        finally:
            store.close()
        return in_order(trials, self.seed)

    def _of_answer(self, store: DiskStore, test: str, key: str) -> list[Trial]:
        try:
            entry = store.get(key)
        except EntryError:
            entry = None
        if entry is None:
            return []
        self._digests[key] = hashlib.sha256(entry.body).hexdigest()
        changes = changes_of(entry, self.seed)
        self._unaltered += not changes
        return [Trial(test, key, change) for change in changes]

    async def _fragile(self, untouched: Mapping[str, str], seconds: float) -> dict[str, list[str]]:
        """The tests that notice what no test should notice, each with what that is."""
        fragile: dict[str, list[str]] = {}
        ways: list[tuple[str, Probe, dict[str, str]]] = [
            ("a 429 before each answer", Probe(refuses=True), {}),
            ("other chunks", Probe(), {"rechunk": str(self.seed)}),
        ]
        for what, probe, more in ways:
            if not self._goes_on:
                break
            run = await self._replay(what, probe, seconds=seconds, more=more)
            for test in noticed(untouched, run.observed) if not self.is_interrupted else ():
                if not self.tests or fits_any(test, self.tests):
                    fragile.setdefault(test, []).append(what)
        return fragile

    async def _try_all(
        self, trials: list[Trial], untouched: Mapping[str, str], seconds: float
    ) -> dict[Trial, Finding]:
        state = ProbeState(STATE_FOLDER, self.suite.command, self.seed, self._digests)
        findings = state.load(trials)
        if findings:
            say(
                f"provider-proxy: {plural(len(findings), 'finding')} of an earlier probe taken over", err=True
            )
        pending = [trial for trial in trials if trial not in findings]
        alone: list[Trial] = []
        while (pending or alone) and self._goes_on:
            batch = chosen(pending, untouched.keys()) if pending else alone[:1]
            what = f"{plural(len(batch), 'alteration')}, {len(findings)} of {len(trials)} done"
            probe = Probe({(trial.test, trial.key): trial.change for trial in batch}, self.seed)
            run = await self._replay(what, probe, seconds=seconds)
            if self.is_interrupted:
                break
            is_whole = untouched.keys() <= run.observed.outcomes.keys()
            for trial in batch:
                finding = found(trial, untouched, run.observed, probe.served)
                # Another alteration may have ended the run before this one was seen.
                if len(batch) > 1 and not is_whole and finding is not Finding.BLIND:
                    alone.append(trial)
                else:
                    findings[trial] = finding
            done = set(batch)
            pending = [trial for trial in pending if trial not in done]
            alone = [trial for trial in alone if trial not in findings]
            _keep(state, findings, is_complete=False)
        if not pending and not alone and not self.is_interrupted:
            _keep(state, findings, is_complete=True)
        return findings


def _keep(state: ProbeState, findings: Mapping[Trial, Finding], *, is_complete: bool) -> None:
    """Keep the findings for another probe; those of a complete one are of no more use."""
    try:
        if is_complete:
            state.clear()
        else:
            state.save(findings)
    except OSError as error:
        what = "removed" if is_complete else "kept for another probe"
        say(f"provider-proxy: what was found cannot be {what}: {error.strerror}", err=True)
