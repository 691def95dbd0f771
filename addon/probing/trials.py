"""Plans which alterations go into one run, and judges what each one led to."""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from addon.probing.edits import Change, Kind
from addon.probing.units import RUN, is_within, watchers

__all__ = ["Finding", "Observed", "Trial", "chosen", "found", "in_order", "left_out", "noticed"]

_ORDER = {kind: number for number, kind in enumerate(Kind)}
_FAILED = ("failed", "error")


class Finding(enum.StrEnum):
    """What became of an alteration."""

    DEPENDS = "depends"
    BLIND = "blind"
    FORWARDED = "forwarded"
    UNCLEAR = "unclear"


class Trial(NamedTuple):
    """One alteration of the answer under `key` to the test, or shared scope, `test`."""

    test: str
    key: str
    change: Change


@dataclass(slots=True)
class Observed:
    """What one run showed.

    `outcomes` are by test, and by RUN if the command ended by itself. `used` are the keys of the answers by test,
    `missed` the tests that missed, `coarse` those whose requests may be another's.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    used: dict[str, frozenset[str]] = field(default_factory=dict)
    missed: frozenset[str] = frozenset()
    coarse: frozenset[str] = frozenset()


def left_out(first: Observed, second: Observed) -> dict[str, str]:
    """The tests that cannot be probed, by two untouched runs: each with the reason."""
    found = {}
    for test in {**first.outcomes, **second.outcomes, **first.used, **second.used}:
        outcomes = first.outcomes.get(test), second.outcomes.get(test)
        if test in first.coarse | second.coarse:
            found[test] = "overlaps with other tests in its process"
        elif test in first.missed | second.missed:
            found[test] = "misses untouched"
        elif outcomes[0] != outcomes[1] or first.used.get(test) != second.used.get(test):
            found[test] = "unstable"
        elif outcomes[0] in _FAILED or (test == RUN and outcomes[0] not in (None, "0")):
            found[test] = "fails untouched"
    return found


def in_order(trials: Iterable[Trial], seed: int) -> list[Trial]:
    """The most telling kinds first; within a kind, an order that `seed` decides."""

    def place(trial: Trial) -> tuple[int, bytes]:
        text = "\0".join((str(seed), trial.test, trial.key, trial.change.pointer))
        return _ORDER[trial.change.kind], hashlib.sha256(text.encode("utf-8", "replace")).digest()

    return sorted(trials, key=place)


def chosen(trials: Iterable[Trial], tests: AbstractSet[str]) -> list[Trial]:
    """As many of `trials` as no test can notice two of; first those of the tests that have most of them."""
    waiting = list(trials)
    left = Counter(trial.test for trial in waiting)
    run: list[Trial] = []
    taken: set[str] = set()
    for trial in sorted(waiting, key=lambda trial: -left[trial.test]):
        who = watchers(trial.test, tests)
        if taken.isdisjoint(who) and not any(trial.test == other.test for other in run):
            run.append(trial)
            taken |= who
    return run


def found(
    trial: Trial, untouched: Mapping[str, str], observed: Observed, served: AbstractSet[tuple[str, str]]
) -> Finding:
    """What became of a trial. `untouched` are the outcomes without it, `served` what was answered altered."""
    who = watchers(trial.test, untouched.keys())
    if (trial.test, trial.key) not in served:
        return Finding.UNCLEAR
    # A test that asks something else now may fail of that alone.
    if any(test in who or is_within(test, trial.test) for test in observed.missed):
        return Finding.FORWARDED
    if any(observed.outcomes.get(test) != untouched[test] for test in who):
        return Finding.DEPENDS
    return Finding.BLIND


def noticed(untouched: Mapping[str, str], observed: Observed) -> list[str]:
    """The tests whose outcome is another one; RUN only where it is all that is known."""
    tests = untouched.keys() - {RUN} or untouched.keys()
    return sorted(test for test in tests if observed.outcomes.get(test) != untouched[test])
