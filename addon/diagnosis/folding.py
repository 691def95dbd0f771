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
        first = next(iter(diagnosis.differences), None)
        # Only a changed value is a cause: an added or a removed one causes no later miss.
        is_change = first is not None and first.old is not None and first.new is not None
        values: list[_Trace] = [(host, first.place, first.value)] if first and is_change else []
        causes = [(host, feature, "talk") for feature in reversed(chain[:-1])] + values
        root = next((self._roots[cause] for cause in causes if cause in self._roots), None)
        if root is None and first and first.kind is Kind.ANSWER_ID:
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
