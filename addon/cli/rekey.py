"""`rekey`: moves every entry to the key that today's rules and settings give its request."""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.accounting.receipts import read_receipt, rekey_receipt
from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.output import print_json, say
from addon.cli.progress import progress
from addon.identity import IdentityRules
from addon.identity.keying import entry_under
from addon.identity.old_keys import is_old, why_not_carried
from addon.identity.saved_form import key_of
from addon.identity.unknown_headers import key_like
from addon.policy.variants import CREDENTIAL_STATUSES, key_of_test, split_key
from addon.printing import program
from addon.volatile.rebinding import neutral_body
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store
from cache_store.transfer.ledger import forget_remotes

__all__ = ["carry_out", "plan_rekey", "rekey"]


@dataclass
class _Plan:
    """What would change.

    `changes` has the new key by the old one. `collisions` are new keys at which answers differ, with the old keys.
    `stuck` says why an entry of key version 1 cannot get a new key. `unknown` counts entries whose key cannot be
    computed, because no request is saved or the answer belongs to one credential.
    """

    entries: int = 0
    unknown: int = 0
    changes: dict[str, str] = field(default_factory=dict)
    collisions: dict[str, list[str]] = field(default_factory=dict)
    stuck: dict[str, str] = field(default_factory=dict)


@click.command()
@cache_options
@click.option(
    "--lock",
    "locks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Also rewrite this lock file (of run --receipt); may be repeated.",
)
@click.option(
    "--rename-test",
    "renamed",
    nargs=2,
    multiple=True,
    metavar="OLD NEW",
    help="Only move the recordings of a test that was renamed (PROVIDER_PROXY_REPEAT=per-test).",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rekey(
    *,
    locks: tuple[Path, ...],
    renamed: tuple[tuple[str, str], ...],
    dry_run: bool,
    as_json: bool,
    cache_dir: str | None,
) -> None:
    """Move every entry to the key that today's rules and settings give its saved request.

    Saved requests are redacted again by today's rules. Entries of which two different answers would meet under one
    key, and old entries of which too little is saved, stay where they are and are listed.
    """
    settings = read_settings(cache_dir=cache_dir)
    for lock in locks:
        read_receipt(lock)
    with open_store_for_reading(cache_dir) as store:
        plan = _renaming_plan(store, renamed) if renamed else plan_rekey(store, settings.identity)
        if not dry_run:
            moved = carry_out(store, plan, None if renamed else settings.identity)
            for lock in locks:
                rekey_receipt(lock, moved)
            if moved and settings.cache_dir is not None:
                forget_remotes(settings.cache_dir)
    if as_json:
        print_json(asdict(plan) | {"done": not dry_run})
    else:
        _print_plan(plan, done=not dry_run)
    sys.exit(1 if plan.collisions and not dry_run else 0)


def plan_rekey(store: Store, rules: IdentityRules) -> _Plan:
    """What `rules` change in `store`."""
    plan = _Plan()
    answers: dict[str, dict[str, bytes]] = defaultdict(dict)
    with progress() as shown:
        for entry in shown.over(store.iterate(), "entries looked at"):
            plan.entries += 1
            moved = _moved(entry, rules, plan)
            new = moved.key if moved else None
            answers[new or entry.key][entry.key] = _answer(moved or entry)
            if new is not None and new != entry.key:
                plan.changes[entry.key] = new
    for new, by_old in answers.items():
        if len(set(by_old.values())) > 1:
            for old in by_old:
                plan.changes.pop(old, None)
            if new in by_old and all(is_old(old) for old in by_old if old != new):
                plan.stuck |= {old: "its request has been recorded again" for old in by_old if old != new}
            else:
                plan.collisions[new] = sorted(by_old)
    return plan


def _renaming_plan(store: Store, renamed: Sequence[tuple[str, str]]) -> _Plan:
    """Each entry of a test's old name gets the key of its new one, unless that has a recording already."""
    names = {key_of_test("", old): key_of_test("", new) for old, new in renamed}
    keys = set(store.keys())
    plan = _Plan(entries=len(keys))
    for key in sorted(keys):
        base, suffix = split_key(key)
        test, dot, number = suffix.partition(".")
        if test not in names:
            continue
        new = base + names[test] + dot + number
        if new in keys:
            plan.collisions[new] = [key, new]
        else:
            plan.changes[key] = new
    return plan


def _moved(entry: Entry, rules: IdentityRules, plan: _Plan) -> Entry | None:
    """An entry as it is under `rules`; None if it has to stay, which is noted in `plan`."""
    if entry.request_json == b"{}" or entry.status in CREDENTIAL_STATUSES:
        plan.unknown += 1
        return None
    base, suffix = split_key(entry.key)
    try:
        if is_old(base) and (why := why_not_carried(entry.request_json)):
            plan.stuck[entry.key] = why
            return None
        moved = entry_under(entry, rules)
        return replace(moved, key=key_like(base, key_of(moved.request_json)) + suffix)
    except EntryError:
        plan.unknown += 1
        return None


def _answer(entry: Entry) -> bytes:
    """A digest of what a client would receive, whatever its volatile values."""
    return hashlib.sha256(b"%d\0" % entry.status + neutral_body(entry)).digest()


def carry_out(store: Store, plan: _Plan, rules: IdentityRules | None) -> dict[str, tuple[str, str]]:
    """Store each entry under its new key before the old one goes, so that a kill leaves both, never none.

    Without `rules` the saved requests stay as they are. Returns the new key and the digest of the new entry by the
    old key.
    """
    moved: dict[str, tuple[str, str]] = {}
    for old, new in plan.changes.items():
        entry = store.get(old)
        if entry is None:
            continue
        entry = replace(entry_under(entry, rules) if rules is not None else entry, key=new)
        if not store.put(entry, entry.recorded_at):
            entry = store.get(new) or entry  # a newer one with the same answer is there
        store.remove(old)
        moved[old] = (new, entry.encode()[-32:].hex())
    return moved


def _print_plan(plan: _Plan, *, done: bool) -> None:
    for new, olds in plan.collisions.items():
        say(f"{new[:16]}  would be the key of different answers: {', '.join(old[:16] for old in olds)}")
    for old, why in plan.stuck.items():
        say(f"{old[:16]}  cannot get a new key: {why}")
    changed = "changed" if done else "would change"
    say(
        f"{plural(plan.entries, 'entry', 'entries')}: {len(plan.changes)} {changed}, "
        f"{len(plan.collisions)} collide, {len(plan.stuck)} cannot get a new key, "
        f"{plan.unknown} without a saved request",
        err=True,
    )
    if plan.collisions:
        say(
            f"of each group that collides, remove all but one with `{program()} rm`, then rekey again",
            err=True,
        )
    if plan.stuck:
        say(
            "entries that cannot get a new key are never found; record them again, or remove them with "
            f"`{program()} rm`",
            err=True,
        )
