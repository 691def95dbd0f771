"""Pairs the recordings of two states: which one took the place of which."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from addon.diagnosis.differences import parse_saved
from addon.diagnosis.likeness import NEAR, likeness
from addon.reviewing.recordings import Recording
from cache_store.nearest.sketch import sketch

__all__ = ["Paired", "paired"]

_MOST_SCORED = 400  # pairs of one group whose likeness is measured; larger groups are paired in order
_MOST_COMMON = 64  # recordings that share a feature; a feature of more says nothing
_CANDIDATES = 3


@dataclass(slots=True)
class Paired:
    """Pairs of a recording before and after, and what only one of the states has."""

    pairs: list[tuple[Recording, Recording]] = field(default_factory=list)
    removed: list[Recording] = field(default_factory=list)
    added: list[Recording] = field(default_factory=list)


def paired(base: Iterable[Recording], head: Iterable[Recording]) -> Paired:
    """Pair the recordings of two states, each of them once.

    Equal requests belong together. Then, test by test, those at the same place of a conversation: the most alike
    first, the rest in the order of recording. What belongs to no test is paired if it is alike.
    """
    return _Pairing(base, head).result()


class _Pairing:
    def __init__(self, base: Iterable[Recording], head: Iterable[Recording]) -> None:
        self._old = {recording.key: recording for recording in base}
        self._new = {recording.key: recording for recording in head}
        self._pairs: list[tuple[Recording, Recording]] = []
        self._parsed: dict[str, dict[str, Any] | None] = {}

    def result(self) -> Paired:
        for key in [key for key in self._old if key in self._new]:
            self._take(self._old[key], self._new[key])
        self._pair_by_test()
        self._pair_alike()
        return Paired(self._pairs, list(self._old.values()), list(self._new.values()))

    def _take(self, old: Recording, new: Recording) -> None:
        del self._old[old.key], self._new[new.key]
        self._pairs.append((old, new))

    def _pair_by_test(self) -> None:
        news = _by(self._new.values(), lambda one: one.tests)
        for test, olds in sorted(_by(self._old.values(), lambda one: one.tests).items()):
            old, new = self._left(olds, news.get(test, []))
            self._pair_by_place(old, new)
            old, new = self._left(old, new)
            if len(old) == len(new) == 1:
                self._take(old[0], new[0])
            else:
                self._pair_most_alike(old, new)

    def _left(
        self, old: Sequence[Recording], new: Sequence[Recording]
    ) -> tuple[list[Recording], list[Recording]]:
        return [one for one in old if one.key in self._old], [one for one in new if one.key in self._new]

    def _pair_by_place(self, old: Sequence[Recording], new: Sequence[Recording]) -> None:
        """Pair those at one place of a conversation: the most alike first, the rest in order."""
        others = _by(new, _place)
        for place, group in _by(old, _place).items():
            self._pair_most_alike(group, others.get(place, []))
            left = self._left(_in_order(group), _in_order(others.get(place, [])))
            for one, other in zip(*left, strict=False):
                self._take(one, other)

    def _pair_most_alike(self, old: Sequence[Recording], new: Sequence[Recording]) -> None:
        if len(old) * len(new) > _MOST_SCORED:
            return
        self._take_best((self._likeness(one, other), one, other) for one in old for other in new)

    def _take_best(self, scored: Iterable[tuple[float, Recording, Recording]]) -> None:
        near = [found for found in scored if found[0] >= NEAR]
        for _, old, new in sorted(near, key=lambda found: (-found[0], found[1].key, found[2].key)):
            if old.key in self._old and new.key in self._new:
                self._take(old, new)

    def _pair_alike(self) -> None:
        """Pair what is left and alike. Recordings of two different tests are never taken for one another."""
        featured: defaultdict[int, list[Recording]] = defaultdict(list)
        for old in self._old.values():
            for feature in _features(old):
                featured[feature].append(old)
        scored = []
        for new in self._new.values():
            shared: Counter[str] = Counter()
            for feature in _features(new):
                if len(featured.get(feature, ())) <= _MOST_COMMON:
                    shared.update(old.key for old in featured.get(feature, ()))
            for key, _ in shared.most_common(_CANDIDATES):
                old = self._old[key]
                if not (old.tests and new.tests):
                    scored.append((self._likeness(old, new), old, new))
        self._take_best(scored)

    def _likeness(self, old: Recording, new: Recording) -> float:
        a, b = self._saved(old), self._saved(new)
        return likeness(a, b) if a is not None and b is not None else 0.0

    def _saved(self, recording: Recording) -> dict[str, Any] | None:
        if recording.key not in self._parsed:
            self._parsed[recording.key] = parse_saved(recording.request_json)
        return self._parsed[recording.key]


def _by[K](
    recordings: Iterable[Recording], names: Callable[[Recording], Iterable[K]]
) -> dict[K, list[Recording]]:
    groups: defaultdict[K, list[Recording]] = defaultdict(list)
    for recording in recordings:
        for name in names(recording):
            groups[name].append(recording)
    return groups


def _in_order(recordings: Iterable[Recording]) -> list[Recording]:
    return sorted(recordings, key=lambda one: (one.recorded_at, one.key))


def _place(recording: Recording) -> tuple[tuple[str, int]]:
    return ((recording.place, len(recording.chain)),)


def _features(recording: Recording) -> tuple[int, ...]:
    method, _, where = recording.place.partition(" ")
    host, slash, path = where.partition("/")
    label = {"method": method, "host": host, "path": slash + path, "model": recording.model}
    seen = sketch(label, recording.request_json)
    return seen.chain + seen.loose
