"""Opens a run's cache before the first request; after the last, looks at the used entries and closes it."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from addon.accounting.counts import BLOCKED, HEALTHY, UNHEALTHY, RunCounts, worse_tier
from addon.accounting.figures import plural
from addon.accounting.run_end import EndOfRun
from addon.diagnosis.remedies import RERECORD
from addon.exchange.answering import Answering
from addon.exchange.coordination import Peer, local_peer
from addon.exchange.coordinator import Coordinator
from addon.exchange.direct import Page
from addon.exchange.explaining import Explaining
from addon.exchange.store_access import StoreAccess
from addon.exchange.tests_in_flight import HIDDEN
from addon.identity.old_keys import OLD_PREFIX
from addon.policy.variants import nth_key
from addon.printing import program
from addon.scopes.open_tests import OpenTests
from addon.settings.settings import Settings
from addon.settings.stores import open_for_run
from addon.transfer.own_entries import OwnEntries
from cache_store.disk.last_used import note_used
from cache_store.disk.staged_store import StagedStore
from cache_store.disk.used_by import note_used_by, noted_name
from cache_store.entry import Entry
from cache_store.errors import EntryError, StoreError, StoreUnavailable, UsageError
from cache_store.store import Store

if TYPE_CHECKING:
    from addon.exchange.takes import Take
    from addon.probing.serving import Probe

__all__ = ["RunLife", "close_holes", "old_entries_note"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RunLife:
    """One run: how it is started, and its store while it is open.

    `stages`: changes go to `staged`, which the caller commits or discards after `close`. `refresh` are globs of
    tests whose entries are recorded again. `end` looks at the used entries. `rerecord` says how the run's user
    records what is missing. In a run of several processes `peer` is this one's part, `everywhere` asks for the
    figures of all, and one of them `reports`. `take` sees the requests of a run that learns. A run with a `probe`
    alters what it replays, and writes nothing into the cache directory.

    For the page, the process that reports has the counts of the `whole` run. In the others, `shows_elsewhere` asks
    it for the answer to a method, a target and a token.
    """

    counts: RunCounts
    stages: bool = False
    refresh: tuple[str, ...] = ()
    end: EndOfRun = field(default_factory=EndOfRun)
    rerecord: str = RERECORD
    peer: Peer | None = None
    everywhere: Callable[[], Awaitable[dict[str, Any]]] | None = None
    reports: bool = True
    take: Take | None = None
    probe: Probe | None = None
    staged: StagedStore | None = None
    store: StoreAccess | None = None
    whole: Callable[[], Awaitable[RunCounts]] | None = None
    shows_elsewhere: Callable[[str, str, str], Awaitable[Page]] | None = None

    def open(self, settings: Settings) -> Answering:
        """Open the store. Raises UsageError, and StoreError in a mode that sends nothing."""
        # Machines that do not save requests share entries without them.
        admit = OwnEntries(settings, trust=not settings.save_request).admit
        store, self.staged = open_for_run(
            settings, self.counts.run if self.stages else None, admit, read_only=self.probe is not None
        )
        try:
            store.open()
        except StoreUnavailable as error:
            if not settings.cache_mode.forwards:
                raise
            logger.warning("%s; requests go to the provider until it can", error)
        if settings.import_dir is not None:
            self._import(store, settings)
        self.store = StoreAccess(store, self.counts)
        coordinator = Coordinator(settings.max_live, settings.max_usd)
        peer = self.peer or local_peer(coordinator, settings, self.counts.spent)
        peer.tests.refresh = self.refresh
        explaining = Explaining(self.store.candidates, self.counts, peer.taint, self.rerecord)
        explaining.had_entries = not _is_empty(store)
        answering = Answering(settings, self.store, self.counts, explaining, peer)
        answering.take = self.take
        if self.probe is not None:
            answering.probe = self.probe
            peer.note_outcome = self.probe.note_outcome
        answering.old_entries = old_entries_note(store)
        if answering.old_entries and self.reports:
            logger.warning("%s", answering.old_entries)
        return answering

    def stats(self) -> dict[str, Any]:
        """This process's figures so far, for JSON."""
        return self.counts.as_dict() | {"tiers": self.store.tiers() if self.store is not None else None}

    def close(self, settings: Settings, answering: Answering) -> None:
        """Finish the explanations and writes, look at the entries that were used, and close the store."""
        assert self.store is not None
        answering.close()
        self.counts.second_tier = worse_tier(self.counts.second_tier, _in_words(self.store.tiers()))
        self.store.finish(lambda _: self.counts.settle_tests())
        if self.reports:
            if settings.cache_mode.stores:
                self.store.finish(self._close_holes)
            self._note_tests(settings, answering.peer.tests)
            self.store.finish(lambda store: self.end.look(store, self.counts))
            if settings.cache_dir is not None:
                note_used(settings.cache_dir, self.counts.used, time.time())
        self.store.close()
        self.store = None

    def _note_tests(self, settings: Settings, tests: OpenTests) -> None:
        """Note which tests used which entries, and tell `end` which tests ran to their end."""
        used: dict[str, set[str]] = {}
        ran = set(tests.ran)
        for (client, test), keys in self.counts.keys_by_test().items():
            used.setdefault(test, set()).update(keys)
            if not client:  # nobody says when a test ends that only its requests name
                ran.add(test)
        if not used and not tests.were_begun:
            return
        # Of tests with a hidden name, it is not known which ran.
        self.end.ran = {noted_name(test) for test in ran if test != HIDDEN}
        if settings.cache_dir is not None:
            self.end.used_by = note_used_by(settings.cache_dir, used)

    def _close_holes(self, store: Store) -> None:
        for old, new in close_holes(store, self.counts.used).items():
            for used in (self.counts.used, *(verdict.used for verdict in self.counts.tests.values())):
                if old in used:
                    used[new] = used.pop(old)

    def _import(self, store: Store, settings: Settings) -> None:
        """Import the directory that the settings name. Raises UsageError if that fails: tests would go live."""
        from addon.transfer.formats import Format
        from addon.transfer.importing import import_paths

        assert settings.import_dir is not None
        done = import_paths(store, [settings.import_dir], settings, uuid.uuid4().hex, Format.DIR)
        if done.refused:
            more = f" (and {len(done.refused) - 1} more)" if len(done.refused) > 1 else ""
            raise UsageError(f"PROVIDER_PROXY_IMPORT: {done.refused[0]}{more}")


def _is_empty(store: Store) -> bool:
    try:
        return next(iter(store.keys()), None) is None
    except StoreError:
        return False


def _in_words(tiers: dict[str, Any] | None) -> str:
    """The state of a second tier in words; '' if there is none."""
    if tiers is None:
        return ""
    if tiers["blocked"]:
        return BLOCKED
    return HEALTHY if tiers["healthy"] else UNHEALTHY


def old_entries_note(store: Store) -> str:
    """One line about the entries of `store` that need `rekey`; '' if there are none or it cannot be read."""
    try:
        old = sum(1 for _ in store.keys(OLD_PREFIX))
    except StoreError:
        return ""
    if not old:
        return ""
    were, are = ("was", "is") if old == 1 else ("were", "are")
    return (
        f"{plural(old, 'entry', 'entries')} {were} recorded by an earlier version and {are} never found: "
        f"run `{program()} rekey`"
    )


def close_holes(store: Store, used: Iterable[str]) -> dict[str, str]:
    """Renumber the entries of each sequence in `used`, in order; returns the new key of each one that moved.

    Of requests in flight together, one may have had no answer to keep: a replay would miss at its number. `used`
    are the keys that the run stored or served. Raises StoreError.
    """
    highest: dict[str, int] = {}
    for key in used:
        base, _, number = key.rpartition(".")
        if base and number.isdecimal():
            highest[base] = max(highest.get(base, 1), int(number))
    moved = {}
    for base, top in highest.items():
        free = 1
        for n in range(1, top + 1):
            entry = _get(store, nth_key(base, n))
            if entry is None:
                continue
            if n > free:
                moved[entry.key] = nth_key(base, free)
                store.put(replace(entry, key=moved[entry.key]))
                store.remove(entry.key)
            free += 1
    return moved


def _get(store: Store, key: str) -> Entry | None:
    with suppress(EntryError):
        return store.get(key)
    return None
