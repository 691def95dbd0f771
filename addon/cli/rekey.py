"""`rekey`: every entry under the key that today's rules and settings give its request."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import click

from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.output import print_json, say
from addon.identity import IdentityRules
from addon.identity.keying import resave
from addon.identity.saved_form import key_of
from addon.policy.variants import CREDENTIAL_STATUSES
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store
from cache_store.transfer.ledger import forget_remotes

__all__ = ["rekey"]


@dataclass
class _Plan:
    """What would change: the new key by the old one, and new keys at which answers differ."""

    entries: int = 0
    unknown: int = 0
    changes: dict[str, str] = field(default_factory=dict)
    collisions: dict[str, list[str]] = field(default_factory=dict)


@click.command()
@cache_options
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rekey(*, dry_run: bool, as_json: bool, cache_dir: str | None) -> None:
    """Compute every key anew from its saved request. Where two different answers would meet, nothing is changed."""
    settings = read_settings(cache_dir=cache_dir)
    with open_store_for_reading(cache_dir) as store:
        plan = _plan(store, settings.identity)
        done = not dry_run and not plan.collisions
        if done:
            _carry_out(store, plan, settings.identity)
            if plan.changes and settings.cache_dir is not None:
                forget_remotes(settings.cache_dir)
    if as_json:
        print_json({
            "entries": plan.entries, "unknown": plan.unknown, "changes": plan.changes,
            "collisions": plan.collisions, "done": done,
        })  # fmt: skip
    else:
        _say(plan, done=done)
    sys.exit(0 if done or dry_run else 1)


def _plan(store: Store, rules: IdentityRules) -> _Plan:
    plan = _Plan()
    answers: dict[str, dict[str, bytes]] = {}
    for entry in store.iterate():
        plan.entries += 1
        new = _new_key(entry, rules)
        if new is None:
            plan.unknown += 1
            new = entry.key
        elif new != entry.key:
            plan.changes[entry.key] = new
        answers.setdefault(new, {})[entry.key] = _answer(entry)
    plan.collisions = {
        new: sorted(by_old) for new, by_old in answers.items() if len(set(by_old.values())) > 1
    }
    return plan


def _new_key(entry: Entry, rules: IdentityRules) -> str | None:
    """The key under `rules`; None where the saved request does not say it."""
    if entry.request_json == b"{}" or entry.status in CREDENTIAL_STATUSES:
        return None
    _, dot, nth = entry.key.partition(".")
    try:
        return key_of(resave(entry.request_json, rules)) + dot + nth
    except EntryError:
        return None


def _answer(entry: Entry) -> bytes:
    """A digest of what a client would get."""
    import hashlib

    return hashlib.sha256(b"%d\0" % entry.status + entry.body).digest()


def _carry_out(store: Store, plan: _Plan, rules: IdentityRules) -> None:
    """Store each under its new key before the old one goes, so that a kill leaves both, never none."""
    for entry in _changed(store, plan):
        new = replace(
            entry, key=plan.changes[entry.key], request_json=resave(entry.request_json, rules)
        )  # fmt: skip
        store.put(new, entry.recorded_at)
    for old in plan.changes:
        store.remove(old)


def _changed(store: Store, plan: _Plan) -> Iterator[Entry]:
    for key in plan.changes:
        entry = store.get(key)
        if entry is not None:
            yield entry


def _say(plan: _Plan, *, done: bool) -> None:
    for new, olds in plan.collisions.items():
        say(f"{new[:16]}  would be the key of different answers: {', '.join(old[:16] for old in olds)}")
    changed = "changed" if done else "would change"
    say(
        f"{plan.entries} entries: {len(plan.changes)} {changed}, {len(plan.collisions)} collide, "
        f"{plan.unknown} without a saved request",
        err=True,
    )
    if plan.collisions and not done:
        say("nothing was changed; remove one of each with `provider-proxy rm`", err=True)
