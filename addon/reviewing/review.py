"""Compares two states of recordings, and collects the changes of each test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from addon.redaction import redact_text
from addon.reviewing.changes import Change, What, changes_of, only_in_one
from addon.reviewing.pairing import Paired, paired
from addon.reviewing.recordings import Figures, Recording

__all__ = ["Block", "Review", "reviewed"]

_MOST_CHANGES = 20  # of a test that are kept


@dataclass(slots=True)
class Block:
    """The changes of one test: each once, with how often it occurs; `more` are not kept.

    For a recording of no known test, `test` is '' and `title` says what it asks. `others` are further tests that
    use some of the recordings.
    """

    test: str
    title: str = ""
    others: set[str] = field(default_factory=set)
    changes: Counter[Change] = field(default_factory=Counter)
    more: int = 0
    before: Figures = field(default_factory=Figures)
    after: Figures = field(default_factory=Figures)

    def add(self, changes: Iterable[Change]) -> None:
        """Add changes; the same one again is counted."""
        for change in changes:
            if change in self.changes or len(self.changes) < _MOST_CHANGES:
                self.changes[change] += 1
            else:
                self.more += 1

    @property
    def kinds(self) -> list[What]:
        """The kinds of its changes, in the order of `What`."""
        there = {change.what for change in self.changes}
        return [what for what in What if what in there]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "test": self.test,
            "title": self.title,
            "also_used_by": sorted(self.others),
            "changes": [change.as_dict() | {"times": times} for change, times in self.changes.items()],
            "more": self.more,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
        }


@dataclass(slots=True)
class Review:
    """What changed. `blocks` are those with changes, tests in order of name; recordings of no test come last.

    `equal` counts the recordings that both states have, `again` those that were recorded again and say the same.
    `counted` has the number of changes by kind. Of `listed` recordings there is only what a lock file says.
    `left_out` counts recordings that no test asks for any more, and `notes` are what could not be read.
    """

    blocks: list[Block] = field(default_factory=list)
    equal: int = 0
    again: int = 0
    counted: Counter[What] = field(default_factory=Counter)
    before: Figures = field(default_factory=Figures)
    after: Figures = field(default_factory=Figures)
    listed: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "tests": [block.as_dict() for block in self.blocks],
            "equal": self.equal,
            "recorded_again": self.again,
            "changes": dict(self.counted),
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "left_out": self.left_out,
            "notes": self.notes,
        }


def reviewed(base: Iterable[Recording], head: Iterable[Recording]) -> Review:
    """The review of two states of recordings."""
    found = paired(base, head)
    review, blocks = Review(), dict[str, Block]()
    for old, new in found.pairs:
        block = _block(blocks, new.tests or old.tests, new)
        _count(review, block, old.figures, new.figures)
        changes = [] if old.digest == new.digest and old.key == new.key else changes_of(old, new)
        if changes:
            block.others.update((new.tests or old.tests)[1:])
        elif old.digest == new.digest:
            review.equal += 1
        else:
            review.again += 1
        block.add(changes)
        review.counted.update(change.what for change in changes)
    for change, recording in _one_sided(found):
        block = _block(blocks, recording.tests, recording)
        is_old = change.what in (What.REMOVED, What.TURN_REMOVED)
        sides = (recording.figures, Figures()) if is_old else (Figures(), recording.figures)
        _count(review, block, *sides)
        block.others.update(recording.tests[1:])
        block.add([change])
        review.counted[change.what] += 1
    everyone = chain(found.removed, found.added, *found.pairs)
    review.listed = sum(recording.answer is None for recording in everyone)
    changed = [block for block in blocks.values() if block.changes]
    review.blocks = sorted(changed, key=lambda block: (not block.test, block.test, block.title))
    return review


def _block(blocks: dict[str, Block], tests: tuple[str, ...], recording: Recording) -> Block:
    """The block of the first of `tests`; one of its own for a recording of no known test."""
    if tests:
        return blocks.setdefault(tests[0], Block(tests[0]))
    title = redact_text(recording.question) or recording.place
    return blocks.setdefault(f"\0{recording.key}", Block("", title))


def _count(review: Review, block: Block, before: Figures, after: Figures) -> None:
    for total, figures in (
        (review.before, before),
        (block.before, before),
        (review.after, after),
        (block.after, after),
    ):
        total.add(figures)


def _one_sided(found: Paired) -> Iterable[tuple[Change, Recording]]:
    """What only one state has. A conversation has grown by a turn if its beginning is in both."""
    sides = (
        (found.removed, What.TURN_REMOVED, What.REMOVED, {old.chain[-1:] for old, _ in found.pairs}),
        (found.added, What.TURN_ADDED, What.ADDED, {new.chain[-1:] for _, new in found.pairs}),
    )
    for recordings, turn, whole, in_both in sides:
        for recording in sorted(recordings, key=lambda one: (one.recorded_at, one.key)):
            grown = any((feature,) in in_both for feature in recording.chain[:-1])
            yield only_in_one(turn if grown else whole, recording), recording
