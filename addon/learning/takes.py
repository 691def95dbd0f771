"""The two takes of a command, while they run: take 1 is noted, and take 2 is answered from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from addon.identity import IdentityRules, identify
from addon.identity.rules import NO_RULES
from addon.learning.aligning import Aligner
from addon.learning.asked import Asked
from addon.learning.comparing import Compared, compare
from addon.learning.proposing import why_no_rule
from addon.learning.sorting import Pair
from addon.messages import WireRequest
from addon.redaction.taint import Taint
from addon.scopes.scope import Scope
from addon.volatile.binding import Binding
from addon.volatile.rebinding import RebindRefused, Rebound, rebind
from cache_store.entry import Entry

__all__ = ["FirstTake", "SecondTake"]

_MOST_BYTES = 256 * 1024 * 1024  # of requests that are kept in memory, as they are sent and as they are saved
_SHORTEST = 8  # characters of a value that is replaced in answers
_MOST_VALUES = 500
_RULE = "learn"


class FirstTake:
    """Notes the requests of a run. `rules` are the run's own, `repeat` is its rule for equal requests.

    `is_full`: there were too many to keep, so that a comparison would miss some.
    """

    def __init__(self, rules: IdentityRules, repeat: str) -> None:
        self._plain = replace(rules, volatile=NO_RULES)
        self._repeat = repeat
        self._bytes = 0
        self.asked: list[Asked] = []
        self.is_full = False

    def ask(self, request: WireRequest, bindings: tuple[Binding, ...], scope: Scope | None) -> Asked:
        """Note a request."""
        saved = identify(request, self._plain).request_json
        test, attempt, counter, repeat = "", 1, "", self._repeat
        if scope is not None:
            test, attempt, counter, repeat = scope.test, scope.attempt, scope.counter, scope.repeat or repeat
        asked = Asked(test, attempt, saved, bindings, request, counter=counter, repeat=repeat)
        self._bytes += len(request.body) + 2 * len(saved)
        if self._bytes > _MOST_BYTES:
            self.is_full = True
        else:
            self.asked.append(asked)
        return asked


class SecondTake(FirstTake):
    """Also answers each request from the request of `first` that it repeats, as far as `entry_of` has its answer.

    `pairs` are the requests in order, each with its partner.
    """

    def __init__(
        self,
        rules: IdentityRules,
        repeat: str,
        first: Iterable[Asked],
        entry_of: Callable[[str], Entry | None],
    ) -> None:
        super().__init__(rules, repeat)
        self._aligner = Aligner(first)
        self._entry_of = entry_of
        self._values: dict[str, str] = {}  # of take 2, by those of take 1
        self.pairs: list[Pair] = []

    def ask(self, request: WireRequest, bindings: tuple[Binding, ...], scope: Scope | None) -> Asked:
        """Note a request, and answer it from take 1."""
        asked = super().ask(request, bindings, scope)
        one = self._aligner.partner(asked)
        compared = compare(one, asked) if one is not None else Compared([], [])
        self.pairs.append(Pair(one, asked, compared))
        entry = self._entry_of(one.key) if one is not None and one.key else None
        if entry is not None:
            asked.answer, asked.rebound = self._with_values(entry, asked, compared)
            asked.key = entry.key
        return asked

    def leave_out_credentials(self, first: Iterable[Asked]) -> list[Asked]:
        """Forget the requests that hold a credential of either take, which may come later. Returns the others."""
        first, taint = list(first), Taint()
        for asked in (*first, *self.asked):
            if asked.request is not None:
                taint.learn(asked.request)

        def is_clean(asked: Asked | None) -> bool:
            return asked is None or taint.found_in(asked.saved) is None

        self.asked = [asked for asked in self.asked if is_clean(asked)]
        self.pairs = [pair for pair in self.pairs if is_clean(pair.one) and is_clean(pair.two)]
        return [asked for asked in first if is_clean(asked)]

    def _with_values(self, entry: Entry, asked: Asked, compared: Compared) -> tuple[Entry, int]:
        """The answer of take 1 with the values of take 2, and how many were replaced.

        Where it cannot be adapted it stays as it is: what the command asks next counts, not whether it passes.
        """
        own = {
            change.old: change.new
            for change in compared.changes
            if len(change.old) >= _SHORTEST and not why_no_rule(change)
        }
        for old, new in own.items():
            if len(self._values) < _MOST_VALUES or old in self._values:
                self._values[old] = new
        for bound in (asked.bindings, ()):
            known = {n: value for _, n, value in entry.bindings if any(n == each.n for each in bound)}
            extra = [(old, new) for old, new in (self._values | own).items() if old not in known.values()]
            start = 1 + max((n for _, n, _ in entry.bindings), default=0)
            recorded = [each for each in entry.bindings if each[1] in known]
            recorded += [(_RULE, start + n, old) for n, (old, _) in enumerate(extra)]
            live = [*bound, *((_RULE, start + n, new) for n, (_, new) in enumerate(extra))]
            found = _rebound(replace(entry, bindings=tuple(recorded)), live)
            if found is not None:
                return found.entry, sum(found.by_rule.values())
        return entry, 0


def _rebound(entry: Entry, live: list[tuple[str, int, str]]) -> Rebound | None:
    try:
        return rebind(entry, live)
    except RebindRefused:
        return None
