"""Remembers what a run's live answers said, by key: two that differ cannot both be replayed (issue 16, no. 4)."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Conflicts", "advice"]

_MOST = 50_000


class Conflicts:
    """The latest answers of a run."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[str, str, int]] = OrderedDict()

    def note(self, key: str, digest: str, test: str, attempt: int) -> str | None:
        """Note an answer that was stored; the test whose answer to `key` it replaces if the two differ, or None.

        `test` is '' for a request that names none. A later attempt of a test replaces what the earlier one got.
        """
        before = self._said.pop(key, None)
        self._said[key] = digest, test, attempt
        if len(self._said) > _MOST:
            self._said.popitem(last=False)
        if before is None or before[0] == digest or (test == before[1] and attempt != before[2]):
            return None
        return before[1]


def advice(place: str, test: str, before: str) -> str:
    """One line about two different answers to the request at `place`, for `test` and for the test `before`."""
    if test == before:
        who = f"within {test}" if test else "in this run"
        do = "PROVIDER_PROXY_REPEAT=sequence keeps them all, in order"
    else:
        who = " and ".join(name or "a request that names no test" for name in (before, test))
        who = f"for {who}"
        do = "PROVIDER_PROXY_REPEAT=per-test gives each test its own"
    return f"two different answers to {place}, {who}: a replay gives the last one to both; {do}"
