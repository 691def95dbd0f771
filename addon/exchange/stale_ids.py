"""Explains a provider's refusal of an id that came from the cache, and sets its recording aside.

A test's creating request is a hit and returns an old id. Its next request was edited, goes live with that id, and
the provider answers 404: such a test would stay red, as the creation would be a hit again. So the recording of the
creation and those that contain the id are set aside, and the next run records them again. That happens only where
the answer is about the id, and the account is the one that recorded it: a colleague's key or an edited body must
not cost anyone recordings. Issue 16, no. 9.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from addon.accounting.counts import RunCounts
from addon.accounting.figures import day, plural
from addon.exchange.answer_ids import AskedId, asked_by, asked_ids, minted_ids, names
from addon.exchange.coordination import Peer
from addon.exchange.decisions import Forward
from addon.exchange.minted import Minted, digest_of
from addon.exchange.store_access import StoreAccess
from addon.messages import LiveAnswer
from addon.policy.accounts import account_digest
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.entry import Entry, header_value
from cache_store.errors import StoreError

__all__ = ["REFUSALS", "Blame", "StaleIds", "blamed"]

REFUSALS = frozenset({400, 403, 404})
"""The statuses with which a provider refuses an id that it does not know."""

_WAIT_SECONDS = 0.25  # how long the answer waits, so that a retry of the test already records anew
_SEARCH_SECONDS = 10.0
_CLOSING_SECONDS = 2.0
_MAX_ANSWER = 1024 * 1024  # bytes
_MOST_ANCESTORS = 20
_NAMED = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blame:
    """The ids that a refusal is about; `is_sure`: it says so, or can be about nothing else."""

    ids: tuple[str, ...]
    is_sure: bool


def blamed(status: int, body: bytes, asked: Iterable[AskedId], known: set[str], model: str) -> Blame:
    """Which of the ids in `known`, which came from the cache, an answer refuses.

    A body that names ids is about those. Gemini names the kind alone: "CachedContent not found (or permission
    denied)" for `cachedContents/c1`. A 404 that names none is about the resource in the path, or about the only id,
    unless it names something else that was asked for. A 400 or a 403 may have any other reason.
    """
    candidates = [one for one in asked if one.value in known]
    if named := tuple(
        one.value for one in candidates if names(body, one.value) or _names_kind(body, one.value)
    ):
        return Blame(named, True)
    others = [one.value for one in asked if one.value not in known]
    if any(names(body, other) for other in (*others, model) if other):
        return Blame((), False)
    ids = tuple(one.value for one in candidates)
    if status == 404:
        in_path = tuple(one.value for one in candidates if one.in_path)
        return Blame(in_path or ids, bool(in_path) or len(ids) == 1)
    return Blame(ids, False)


def _names_kind(body: bytes, identifier: str) -> bool:
    kind = identifier.rpartition("/")[0].rpartition("/")[2].removesuffix("s")
    return bool(kind) and f"{kind} not found".lower().encode() in body.lower()


class StaleIds:
    """Looks after the ids of one run's entries, in a thread of its own."""

    def __init__(self, store: StoreAccess, peer: Peer, counts: RunCounts) -> None:
        self._store = store
        self._peer = peer
        self._counts = counts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stale-ids")
        self._minted = Minted()
        self._place = 0
        self._closing_at = math.inf

    async def look_into(self, forward: Forward, live: LiveAnswer) -> None:
        """Explain the refusal of a forwarded request, if an id in it came from the cache."""
        after, keys = await self._peer.answered_since(self._place)
        self._place = after
        if self._closing_at != math.inf:
            return
        looking = self._thread.submit(self._look, forward, live, keys)
        await asyncio.wait([asyncio.wrap_future(looking)], timeout=_WAIT_SECONDS)

    def close(self) -> None:
        """Finish what was begun; a long search is cut short."""
        self._closing_at = time.monotonic()
        self._thread.shutdown(wait=True)

    def _look(self, forward: Forward, live: LiveAnswer, keys: list[str]) -> None:
        try:
            for key in keys:
                self._index(key)
            self._judge(forward, live)
        except Exception:
            logger.exception("the ids of a refused request could not be looked up")

    def _index(self, key: str) -> None:
        """Note the ids of the entry under `key`. The first answer of the run that names an id has minted it."""
        entry = self._entry(key)
        if entry is None:
            return
        digest = digest_of(entry.body)
        for identifier in minted_ids(entry):
            if self._minted.find(identifier) is None:
                self._minted.note(identifier, key, digest)

    def _origin(self, identifier: str) -> Entry | None:
        """The entry of an earlier run that minted an id; None for any other id."""
        found = self._minted.find(identifier)
        entry = self._entry(found[0]) if found is not None else None
        return entry if entry is not None and entry.run != self._counts.run else None

    def _judge(self, forward: Forward, live: LiveAnswer) -> None:
        assert forward.identity is not None
        model = forward.identity.label.get("model", "")
        asked = asked_ids(forward.request, model)
        origins = {one.value: entry for one in asked if (entry := self._origin(one.value)) is not None}
        blame = (
            blamed(live.status, _readable(live), asked, set(origins), model) if origins else Blame((), False)
        )
        if not blame.ids:
            return
        account = account_digest(forward.request)
        for identifier in blame.ids[:_NAMED]:
            entry = origins[identifier]
            why_not = _why_not(forward, blame, entry, account)
            gone = [] if why_not else self._set_aside(identifier, entry, account)
            self._say(forward, live.status, identifier, entry, blame.is_sure, gone, why_not)

    def _set_aside(self, identifier: str, entry: Entry, account: str) -> list[str]:
        lineage = self._lineage(entry, account)
        found = self._containing([identifier, *lineage])
        going = {entry.key, *found.get(identifier, ())}
        # An id that only these recordings use would be refused next: its own recording goes with them.
        for ancestor, origin in lineage.items():
            users = found.get(ancestor)
            if users is not None and users <= going | {origin.key}:
                going |= users | {origin.key}
        return self._store.set_aside(going, f"the provider no longer knows {identifier}")

    def _lineage(self, entry: Entry, account: str) -> dict[str, Entry]:
        """The ids that the request of `entry` used, and those that their requests used, with their entries."""
        lineage: dict[str, Entry] = {}
        waiting = [entry]
        while waiting and len(lineage) < _MOST_ANCESTORS:
            for one in asked_by(waiting.pop(0)):
                origin = self._origin(one.value)
                if origin is not None and one.value not in lineage and origin.account == account:
                    lineage[one.value] = origin
                    waiting.append(origin)
        return lineage

    def _containing(self, identifiers: list[str]) -> dict[str, set[str]]:
        """The keys of the entries that contain each id; of the first id only, if the search takes long."""
        found: dict[str, set[str]] = {identifier: set() for identifier in identifiers}
        until = time.monotonic() + _SEARCH_SECONDS
        for entry in self._store.entries():
            if time.monotonic() > min(until, self._closing_at + _CLOSING_SECONDS):
                return {identifiers[0]: found[identifiers[0]]}
            for identifier, keys in found.items():
                if names(entry.body, identifier) or names(entry.request_json, identifier):
                    keys.add(entry.key)
        return found

    def _entry(self, key: str) -> Entry | None:
        try:
            return self._store.get(key)
        except StoreError:
            return None

    def _say(
        self,
        forward: Forward,
        status: int,
        identifier: str,
        entry: Entry,
        is_sure: bool,
        gone: list[str],
        why_not: str,
    ) -> None:
        shown = "an id" if self._peer.taint.found_in(identifier.encode()) else f"`{identifier}`"
        knows = "no longer knows it" if is_sure else "may no longer know it"
        recorded = f"entry {entry.key[:16]}…, recorded on {day(entry.recorded_at)}"
        line = f"{shown} comes from {recorded}; the provider {knows}"
        if gone:
            done = (
                f"{plural(len(gone), 'entry was', 'entries were')} set aside, so that the next run records anew; "
                "`provider-proxy restore` brings back what was set aside"
            )
        else:
            done = why_not or "nothing was set aside, as the cache cannot be changed"
        assert forward.identity is not None
        place = "{method} {host}{path}".format_map(forward.identity.label)
        self._counts.add_stale_id(forward.key, place, f"{line}. {done[:1].upper()}{done[1:]}")
        logger.warning("%s: the provider answered %d; %s; %s", place, status, line, done)


def _why_not(forward: Forward, blame: Blame, entry: Entry, account: str) -> str:
    """Why nothing is set aside, with what to do instead; '' if it may be."""
    by_hand = f"if it is gone, `provider-proxy rm {entry.key[:16]}` and record again"
    if not blame.is_sure:
        return f"nothing was set aside, as the answer does not name the id; {by_hand}"
    if not forward.stores:
        return f"nothing was set aside, as mode {forward.mode} stores nothing; {by_hand}"
    if not entry.account or not account:
        return f"nothing was set aside, as it is not known which account recorded the entry; {by_hand}"
    if entry.account != account:
        return "nothing was set aside, as another account recorded the entry: use that account's credentials"
    return ""


def _readable(live: LiveAnswer) -> bytes:
    encoding = header_value(live.headers, b"content-encoding")
    try:
        return decode(live.body, encoding, _MAX_ANSWER) if encoding else live.body[:_MAX_ANSWER]
    except BadCoding:
        return b""
