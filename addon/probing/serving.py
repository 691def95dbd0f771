"""What one run of a probe does to the answers that it replays."""

from __future__ import annotations

from collections.abc import Mapping

from addon.messages import WireRequest
from addon.probing.altering import altered
from addon.probing.edits import Change
from addon.probing.undoing import Undo, undone
from addon.probing.units import is_shared, is_within
from cache_store.entry import Entry

__all__ = ["Probe"]


class Probe:
    """One run. `changes` are alterations by test and key; with `refuses`, each answer is preceded by a 429.

    `served` are the tests and keys whose answer was altered, `outcomes` what became of each test, as it told.
    A test is '' for requests that belong to the run.
    """

    def __init__(
        self, changes: Mapping[tuple[str, str], Change] | None = None, turn: int = 0, *, refuses: bool = False
    ) -> None:
        self._changes = changes or {}
        self._turn = turn
        self._refuses = refuses
        self._refused: set[tuple[str, str, str]] = set()
        self._undos: dict[str, dict[str, Undo]] = {}
        self.served: set[tuple[str, str]] = set()
        self.outcomes: dict[str, str] = {}

    def before_look_up(self, request: WireRequest, test: str) -> WireRequest:
        """The request with the alterations taken back that its test was given."""
        undos = [
            undo for name, by_key in self._undos.items() if is_within(test, name) for undo in by_key.values()
        ]
        return undone(request, undos) if undos else request

    def refuses(self, key: str, test: str, attempt: str) -> bool:
        """Whether this request gets a 429: the first one of an attempt for each key does."""
        asked = test, key, attempt
        if not self._refuses or asked in self._refused:
            return False
        self._refused.add(asked)
        return True

    def after_look_up(self, entry: Entry, test: str) -> Entry | None:
        """The altered answer in the place of `entry`; None if this run does not alter it."""
        change = self._changes.get((test, entry.key))
        made = altered(entry, change, self._turn) if change is not None else None
        if made is None:
            return None
        self.served.add((test, entry.key))
        self._undos.setdefault(test, {})[entry.key] = made.undo
        return made.entry

    def note_outcome(self, test: str, outcome: str) -> None:
        """What became of a test, not of a fixture; of several attempts the last one counts."""
        if not is_shared(test):
            self.outcomes[test] = outcome
