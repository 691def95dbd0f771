"""`diff DIRECTORY DIRECTORY`: which recordings two caches do not share, and whose answers differ."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from addon.accounting.figures import plural
from addon.cli.keys import short_key
from addon.cli.output import print_fields, print_fitted, say
from addon.cli.progress import Progress
from addon.cli.showing import request_line, summary
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["CacheDiff", "diff_caches", "print_cache_diff"]


@dataclass(slots=True)
class CacheDiff:
    """Summaries of entries (as `ls --json` has them). `changed` have another answer in the new cache."""

    removed: list[dict[str, Any]] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    equal: int = 0


def diff_caches(old: Store, new: Store, shown: Progress) -> CacheDiff:
    """What the cache `new` has in place of what `old` has. When an answer was recorded does not matter."""
    diff = CacheDiff()
    new_keys = set(new.keys())
    for key in shown.over(old.keys(), "entries compared"):
        before = _entry(old, key)
        if key not in new_keys:
            diff.removed += [summary(before)] if before else []
            continue
        new_keys.discard(key)
        after = _entry(new, key)
        if before is None or after is None:
            continue
        if (before.status, before.body) == (after.status, after.body):
            diff.equal += 1
        else:
            diff.changed.append(summary(after))
    diff.added = [summary(entry) for key in sorted(new_keys) if (entry := _entry(new, key))]
    return diff


def _entry(store: Store, key: str) -> Entry | None:
    try:
        return store.local.get(key)
    except EntryError:
        return None  # `verify` names it


def print_cache_diff(diff: CacheDiff) -> None:
    """One line for each recording that is not in both, or has another answer; then how many there are."""
    rows = [
        (mark, short_key(item["key"]), item["question"] or request_line(item))
        for mark, items in (("-", diff.removed), ("+", diff.added), ("~", diff.changed))
        for item in items
    ]
    if sys.stdout.isatty():
        print_fitted(("", "key", "question"), rows)
    else:
        print_fields(rows)
    say(
        f"{plural(len(diff.removed), 'recording')} only in the old cache, {len(diff.added)} only in the new one, "
        f"{len(diff.changed)} with another answer, {diff.equal} equal",
        err=True,
    )
