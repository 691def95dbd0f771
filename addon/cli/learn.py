"""`learn -- COMMAND`: runs a command twice, proposes rules for the values that differ, and proves them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from addon.accounting.figures import plural
from addon.accounting.gates import FAILED_STATUS
from addon.cli.client_options import Given
from addon.cli.context import cache_options, open_store_for_reading, raw_from_flags
from addon.cli.output import print_lines, say
from addon.cli.rules_file import add_tables, check_rules_file, rules_file
from addon.cli.run import folders, publish_run, run_command
from addon.host.log import flush_log, log_to_stderr
from addon.printing import program
from addon.settings.modes import Mode
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import EntryError, MissingExtra, UsageError
from cache_store.store import Store

if TYPE_CHECKING:
    from addon.accounting.counts import RunCounts
    from addon.exchange.takes import Take
    from addon.identity import IdentityRules
    from addon.learning.asked import Asked
    from addon.learning.proving import Keyed
    from addon.learning.sorting import Found
    from addon.learning.takes import SecondTake

__all__ = ["learn"]

_SHOWN = 20
# Take 2 and the proof reach no cache of the user's.
_APART = {"redis_url": "", "remote": "", "import": "", "workers": "1"}


@dataclass
class _First:
    """Take 1: its requests in order, the cache that has its answers, and the shown names of its tests."""

    asked: list[Asked]
    cache_dir: Path
    names: dict[str, str] = field(default_factory=dict)

    def shown(self, test: str) -> str:
        return self.names.get(test) or test


@click.command(context_settings={"allow_interspersed_args": False})
@cache_options
@click.option(
    "--with",
    "recorded",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="CACHE",
    help="Take 1 is what this cache holds, in the order of recording.",
)
@click.option(
    "--write",
    is_flag=True,
    help="Once they are proved, write the rules to provider-proxy.toml, and bring take 1's recordings under them.",
)
@click.option("--max-live", metavar="N", help="Take 2 forwards at most so many requests.")
@click.option(
    "--max-usd", metavar="X", help="Take 2 forwards nothing once its live answers cost so many dollars."
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def learn(
    *,
    command: tuple[str, ...],
    recorded: Path | None,
    write: bool,
    max_live: str | None,
    max_usd: str | None,
    cache_dir: str | None,
) -> None:
    """Run COMMAND twice, and propose rules for the ids, paths and times that differ.

    Write `learn [OPTIONS] -- COMMAND…`. Take 1 is recorded as usual. Take 2 is answered from take 1, and goes to
    the provider only where it asks something else. Then the command is replayed with the rules, to prove them. The
    exit status is 0 if they are proved and 3 if not, or the command's if it fails in take 1.
    """
    if not command:
        raise click.UsageError(f"no command after `--`; write {program()} learn -- pytest")
    raw = folders() | raw_from_flags(cache_dir=cache_dir) | {"workers": "1"}
    limits = {name: text for name, text in (("max_live", max_live), ("max_usd", max_usd)) if text is not None}
    Settings.parse(raw | limits)
    settings = Settings.parse(raw)
    _check(settings, records=recorded is None)
    file = rules_file(Path.cwd())
    if write:
        check_rules_file(file)
    log_to_stderr()
    days = {date.today(), datetime.now(UTC).date()}  # noqa: DTZ011 - the command's own day
    first = _recorded(recorded) if recorded is not None else _first(raw, settings, command)
    with TemporaryDirectory(prefix="provider-proxy-learn-") as folder:
        take = _second(raw | limits, settings, command, first, Path(folder))
        days |= {date.today(), datetime.now(UTC).date()}  # noqa: DTZ011 - as above
        if recorded is not None:  # a cache may hold more than one take
            first.asked = [pair.one for pair in take.pairs if pair.one is not None]
        first.asked = take.leave_out_credentials(first.asked)
        found = _sorted_out(take, first, settings, Path(folder))
        tables = _say_what_was_found(found, first, take, days, file.header)
        rules = [proposal.members for proposal in found.proposals]
        raw = raw | {"volatile_rules": json.dumps(json.loads(raw.get("volatile_rules") or "[]") + rules)}
        why_not, carried = _prove(raw, settings, command, first, take, Path(folder))
    if tables:
        print_lines(tables)
    flush_log()
    if why_not:
        for line in why_not:
            say(f"not proved: {line}", err=True)
        if write:
            say("nothing was written", err=True)
        sys.exit(FAILED_STATUS)
    _say_proved(len(rules), write=write)
    if write and rules:
        add_tables(file, tables)
        say(f"written to {file.path}", err=True)
        _bring_under(Settings.parse(raw).identity, first.cache_dir, carried)


def _check(settings: Settings, *, records: bool) -> None:
    """Raise UsageError before the start, rather than after two takes."""
    if settings.cache_dir is None:
        raise UsageError("learn needs a cache on disk; set PROVIDER_PROXY_CACHE_DIR to a directory")
    if records and not settings.cache_mode.stores:
        raise UsageError(
            f"take 1 is recorded, and mode {settings.cache_mode} does not record; use read-old-write-new, or "
            "--with CACHE"
        )
    if find_spec("re2") is None:
        raise MissingExtra("rules need", "volatile")


def _say_proved(rules: int, *, write: bool) -> None:
    if not rules:
        say("proved: every request hits; no rule is needed", err=True)
    elif write:
        say(f"proved: every request hits with {plural(rules, 'rule')}", err=True)
    else:
        say(f"proved: every request hits with {plural(rules, 'rule')}; --write switches them on", err=True)


# -- the takes ------------------------------------------------------------------


def _first(raw: dict[str, str], settings: Settings, command: Sequence[str]) -> _First:
    """Run the command as `run` does. Exits with its status if it fails."""
    from addon.learning.takes import FirstTake

    assert settings.cache_dir is not None
    take = FirstTake(settings.identity, settings.repeat)
    say("take 1 of 2: the command, recorded as usual", err=True)
    status, counts = _run(raw, command, take)
    publish_run(counts)
    if status:
        say("the command failed in take 1; make it pass, then learn", err=True)
        sys.exit(status)
    _check_size(full=take.is_full)
    if not take.asked:
        raise UsageError("no request of the command reached the cache; `provider-proxy doctor` finds out why")
    names = {verdict.test: verdict.shown or verdict.test for verdict in counts.tests.values()}
    return _First(take.asked, settings.cache_dir, names)


def _recorded(cache_dir: Path) -> _First:
    """The recordings in a cache as a take: in the order of recording, with the tests that used them last."""
    from addon.cli.entries_by_test import tests_by_entry
    from addon.learning.asked import Asked
    from addon.learning.proving import plain_saved
    from addon.policy.variants import split_key

    found: list[tuple[float, Asked]] = []
    tests = tests_by_entry()
    with closing(DiskStore(cache_dir)) as store:
        store.open()
        for entry in store.iterate():
            saved = plain_saved(entry)
            if saved is not None:
                test = next(iter(tests.get(entry.key, ())), "")
                asked = Asked(test, 1, saved, key=entry.key, suffix=split_key(entry.key)[1])
                found.append((entry.recorded_at, asked))
    if not found:
        raise UsageError(f"{cache_dir} has no recording with a saved request")
    return _First([asked for _, asked in sorted(found, key=lambda item: item[0])], cache_dir)


def _second(
    raw: dict[str, str], settings: Settings, command: Sequence[str], first: _First, folder: Path
) -> SecondTake:
    from addon.learning.takes import SecondTake

    with closing(DiskStore(first.cache_dir)) as store:
        store.open()
        take = SecondTake(settings.identity, settings.repeat, first.asked, lambda key: _entry(store, key))
        say("take 2 of 2: the same again, answered from take 1; failures do not count here", err=True)
        # A mode that sends nothing sends nothing here either.
        mode = Mode.READ_WRITE if settings.cache_mode.forwards else Mode.REQUIRE_HIT
        with closing(DiskStore(folder / "take-2")) as apart:
            apart.open()
        _, counts = _run(
            raw | _APART | {"cache_mode": str(mode), "cache_dir": str(folder / "take-2")}, command, take
        )
    _check_size(full=take.is_full)
    total = counts.total()
    say(
        f"take 2: {plural(total.hits, 'request was', 'requests were')} answered from take 1, "
        f"{total.live} went to the provider",
        err=True,
    )
    return take


def _run(raw: dict[str, str], command: Sequence[str], take: Take | None) -> tuple[int, RunCounts]:
    status, counts = asyncio.run(run_command(raw, command, Given(), take))
    if status == 128 + 2:  # Ctrl-C ends the command; what follows must not begin
        raise click.Abort
    return status, counts


def _check_size(*, full: bool) -> None:
    if full:
        raise UsageError(
            "the command sends more than can be compared in memory; learn with fewer tests at a time"
        )


def _entry(store: Store, key: str) -> Entry | None:
    try:
        return store.get(key)
    except EntryError:
        return None


# -- what was found -------------------------------------------------------------


def _sorted_out(take: SecondTake, first: _First, settings: Settings, folder: Path) -> Found:
    """Sort the differences; the answers that take 2 got from the provider may have made some."""
    from addon.learning.sorting import sort_out

    with closing(DiskStore(first.cache_dir)) as old, closing(DiskStore(folder / "take-2")) as new:
        old.open()
        new.open()
        pairs = []
        for pair in take.pairs:
            if pair.one is not None and pair.two.answer is None and pair.two.key:
                one, two = _entry(old, pair.one.key), _entry(new, pair.two.key)
                if one is not None and two is not None:
                    pair = pair._replace(answers=(one.body, two.body))
            pairs.append(pair)
    return sort_out(pairs, first.asked, [rule.name for rule in settings.identity.volatile.rules])


def _say_what_was_found(found: Found, first: _First, take: SecondTake, days: set[date], header: str) -> str:
    """Say it on stderr; the tables of the rules."""
    from addon.learning.proposing import propose
    from addon.learning.todays_dates import todays_dates
    from addon.learning.toml_tables import described, toml_tables

    values = sum(len(proposal.changes) for proposal in found.proposals)
    say(
        f"compared {plural(found.compared, 'request')}: {plural(values, 'value')} made by the command, "
        f"{len(found.echoed)} echoed from answers, {len(found.refused) + len(found.others)} real differences",
        err=True,
    )
    lines = [f"real difference: {described(refused.change)}; {refused.why}" for refused in found.refused]
    lines += [f"real difference: {line}" for line in found.others]
    lines += [
        f"only in take 2: {first.shown(asked.test) or 'a request'} asked {asked.form.host}{asked.form.path}"
        for asked in found.diverged
    ]
    dates, fixed = propose(
        todays_dates((pair.two for pair in take.pairs), days),
        [proposal.members["name"] for proposal in found.proposals],
    )
    lines += [
        f"equal today, will miss tomorrow: {described(change)}"
        for change in dict.fromkeys(
            [proposal.changes[0] for proposal in dates] + [refused.change for refused in fixed]
        )
    ]
    for line in lines[:_SHOWN]:
        say(line, err=True)
    if len(lines) > _SHOWN:
        say(f"and {len(lines) - _SHOWN} more differences", err=True)
    tables = toml_tables(found.proposals, header, first.shown)
    if not dates:
        return tables
    later = toml_tables(dates, header, first.shown)
    commented = "".join(f"# {line}\n" if line else "#\n" for line in later.splitlines())
    return f"{tables}\n# Equal today, will miss tomorrow; take the marks away to switch it on.\n{commented}"


# -- the proof ------------------------------------------------------------------


def _prove(
    raw: dict[str, str],
    settings: Settings,
    command: Sequence[str],
    first: _First,
    take: SecondTake,
    folder: Path,
) -> tuple[list[str], dict[str, Entry]]:
    """Why the rules in `raw` are not proved, and the recordings of take 1 under them, by their old keys."""
    from addon.learning.proving import keyed, meeting
    from addon.volatile.breadth import Breadth
    from addon.volatile.rules import VolatileRules

    rules = Settings.parse(raw).identity
    known = settings.identity.volatile.rules
    breadth = Breadth(VolatileRules(rule for rule in rules.volatile.rules if rule not in known))
    for asked in take.asked:
        breadth.add(asked.form.host, asked.form.path, asked.form.texts.items())
    if broad := breadth.reasons():
        return [f"rule {name} {why}" for name, why in broad.items()], {}
    for requests in (first.asked, take.asked):
        if met := meeting(requests, settings.identity, rules):
            return [_about_meeting(first.shown, *pair) for pair in met[:_SHOWN]], {}
    carried = _carried(keyed(first.asked, rules), first.cache_dir, rules)
    with closing(DiskStore(folder / "proof")) as store:
        store.open()
        for entry in carried.values():
            store.put(entry)
    say(f"proof: the command again in {Mode.REQUIRE_HIT}, with the rules", err=True)
    apart = raw | _APART | {"cache_mode": str(Mode.REQUIRE_HIT), "cache_dir": str(folder / "proof")}
    status, counts = _run(apart | {"max_live": "", "max_usd": ""}, command, None)
    return _why_not(status, counts), carried


def _why_not(status: int, counts: RunCounts) -> list[str]:
    """Why a replay proves nothing; none if every request was a hit and the command passed."""
    total = counts.total()
    lines = [missed.line for missed in list(counts.missed.values())[:_SHOWN]]
    if total.misses:
        lines.insert(
            0, f"{plural(total.misses, 'request', 'requests')} of {total.requests} missed in the replay"
        )
    if counts.refusals:
        kinds = ", ".join(sorted(counts.refusals))
        lines.append(f"{plural(counts.refusals.total(), 'request')} can never be replayed ({kinds})")
    if not total.hits:
        lines.append("no request was a hit")
    if status and not lines:
        lines.append(f"the command failed with status {status}, though every request was a hit")
    return lines


def _about_meeting(shown: Callable[[str], str], one: Asked, two: Asked) -> str:
    tests = " and ".join(dict.fromkeys(shown(asked.test) or "the run" for asked in (one, two)))
    return (
        f"two different requests of one take would be equal, in {tests} ({two.form.host}{two.form.path}); with "
        "PROVIDER_PROXY_REPEAT=per-test or sequence each has its own answer"
    )


def _carried(first: list[Keyed], cache_dir: Path, rules: IdentityRules) -> dict[str, Entry]:
    """The entries of take 1 under `rules`, by their old keys."""
    from addon.learning.proving import carried

    under: dict[str, Entry] = {}
    with closing(DiskStore(cache_dir)) as store:
        store.open()
        for one in first:
            entry = _entry(store, one.asked.key) if one.asked.key else None
            if entry is not None and entry.key not in under:
                under[entry.key] = carried(entry, one, rules)
    return under


def _bring_under(rules: IdentityRules, cache_dir: Path, carried: dict[str, Entry]) -> None:
    """Store take 1 under the keys of the rules that were written, and every other recording as `rekey` does."""
    from addon.cli.rekey import carry_out, plan_rekey
    from cache_store.transfer.ledger import forget_remotes

    with open_store_for_reading(str(cache_dir)) as store:
        for old, entry in carried.items():
            if entry.key != old:
                store.put(entry)
                store.remove(old)
        plan = plan_rekey(store, rules)
        carry_out(store, plan, rules)
        forget_remotes(cache_dir)
    more = f", and {plural(len(plan.changes), 'other', 'others')}" if plan.changes else ""
    moved = sum(entry.key != old for old, entry in carried.items())
    say(f"{plural(moved, 'recording')} of take 1{more} got the keys of these rules", err=True)
    if plan.collisions:
        stay = sum(map(len, plan.collisions.values())) - len(plan.collisions)
        say(
            f"{plural(stay, 'recording')} of earlier runs ask the same as others, and are no longer found",
            err=True,
        )
