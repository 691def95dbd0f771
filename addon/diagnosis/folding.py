"""Folds later misses of a conversation under the first one, which caused them."""

from __future__ import annotations

from collections import OrderedDict

from addon.diagnosis.diagnosing import Diagnosis
from addon.diagnosis.kinds import Kind

__all__ = ["Folding"]

_MOST = 10_000

type _Trace = tuple[str, object, str]


class Folding:
    """Remembers the misses of a run to find the earlier miss that caused a later one."""

    def __init__(self) -> None:
        self._roots: OrderedDict[_Trace, str] = OrderedDict()
        self._last: dict[str, str] = {}

    def root(self, diagnosis: Diagnosis) -> str | None:
        """The key of the earlier miss that caused this one; None if it has a cause of its own.

        An earlier miss is the cause if this conversation continues the one that missed, if the first difference
        is the same new value, or if the request names an id from an answer that was not replayed.
        """
        host, chain = diagnosis.wanted.host, diagnosis.wanted.chain
        values = self._values(diagnosis)
        causes = [(host, feature, "talk") for feature in reversed(chain[:-1])] + values
        root = next((self._roots[cause] for cause in causes if cause in self._roots), None)
        if root is None and diagnosis.differences and diagnosis.differences[0].kind is Kind.ANSWER_ID:
            root = self._last.get(host)
        if root == diagnosis.key:
            root = None
        here = root or diagnosis.key
        for trace in [(host, feature, "talk") for feature in chain[-1:]] + values:
            self._roots.setdefault(trace, here)
        while len(self._roots) > _MOST:
            self._roots.popitem(last=False)
        self._last[host] = here
        return root

    def _values(self, diagnosis: Diagnosis) -> list[_Trace]:
        """The changed value, if both requests have one: an added or a removed value causes no later miss."""
        first = next(iter(diagnosis.differences), None)
        if first is None or first.old is None or first.new is None:
            return []
        return [(diagnosis.wanted.host, first.place, first.value)]
