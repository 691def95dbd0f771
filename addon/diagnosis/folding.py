"""Later misses of a conversation that follow from the first one are told as one."""

from __future__ import annotations

from collections import OrderedDict

from addon.diagnosis.diagnosing import Diagnosis
from addon.diagnosis.kinds import Kind

__all__ = ["Folding"]

_MOST = 10_000

type _Trace = tuple[str, object, str]


class Folding:
    """Remembers the misses of a run; tells which earlier one a later one follows from."""

    def __init__(self) -> None:
        self._roots: OrderedDict[_Trace, str] = OrderedDict()
        self._last: dict[str, str] = {}

    def root(self, found: Diagnosis) -> str | None:
        """The key of the miss that `found` follows from; None where it is a root itself.

        It follows where its conversation goes on from one that missed, where its first difference is the very
        value that made another one miss, or where it names an answer that cannot be the recorded one.
        """
        root = next((self._roots[trace] for trace in self._causes(found) if trace in self._roots), None)
        host = found.wanted.host
        if root is None and found.differences and found.differences[0].kind is Kind.ANSWER_ID:
            root = self._last.get(host)
        if root == found.key:
            root = None
        here = root or found.key
        for trace in self._traces(found):
            self._roots.setdefault(trace, here)
        while len(self._roots) > _MOST:
            self._roots.popitem(last=False)
        self._last[host] = here
        return root

    def _causes(self, found: Diagnosis) -> list[_Trace]:
        host = found.wanted.host
        return [(host, feature, "talk") for feature in reversed(found.wanted.chain[:-1])] + self._values(
            found
        )

    def _traces(self, found: Diagnosis) -> list[_Trace]:
        host = found.wanted.host
        return [(host, feature, "talk") for feature in found.wanted.chain[-1:]] + self._values(found)

    def _values(self, found: Diagnosis) -> list[_Trace]:
        """A changed value that is there again; what is merely gone, or there for the first time, is no cause."""
        if not found.differences or found.differences[0].old is None or found.differences[0].new is None:
            return []
        first = found.differences[0]
        return [(found.wanted.host, first.place, first.value)]
