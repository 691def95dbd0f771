"""Counts the recordings of one import that will never be served: another recording of the same request wins."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from cache_store.entry import Entry

__all__ = ["Losers"]


class Losers:
    """The recordings of an import by key, with the file that each came from."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[tuple[float, bool, bytes, bytes, str]]] = defaultdict(list)
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._now = time.time()

    def note(self, entry: Entry, source: str) -> None:
        """Note an entry that was read from `source`."""
        answer = hashlib.sha256(b"%d\0" % entry.status + entry.body).digest()
        # In the order of `cache_store.entry.wins`: a time in the future counts as now, and so as equal to another.
        recorded_at = min(entry.recorded_at, self._now)
        self._by_key[entry.key].append((recorded_at, entry.edited, entry.pieces()[-1], answer, source))

    def lost(self, source: str) -> None:
        """Note a recording that repeats an earlier one in `source`: the first one wins, as it is played first."""
        self._pairs[source, source] += 1

    def lines(self) -> Iterator[str]:
        """A line for each pair of files: how many of the first one's answers lose to the second one's."""
        pairs = self._pairs.copy()
        for recordings in self._by_key.values():
            *_, best, winner = max(recordings)
            pairs.update((source, winner) for *_, answer, source in recordings if answer != best)
        for (loser, winner), count in sorted(pairs.items()):
            by = "another answer in the same file" if loser == winner else winner
            yield f"{loser}: {count} replaced by {by}"
