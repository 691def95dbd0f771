"""`PROVIDER_PROXY_REPEAT=sequence`: the n-th equal request of a run has its own entry."""

from __future__ import annotations

from collections import Counter

__all__ = ["Sequence", "nth_key"]


def nth_key(key: str, n: int) -> str:
    """The key of the n-th equal request (from 1); the first has the plain key, so `single` caches serve."""
    return key if n == 1 else f"{key}.{n}"


class Sequence:
    """Counts equal requests of a run, in order of arrival."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, key: str) -> int:
        """Which request of this key this is, from 1."""
        self._seen[key] += 1
        return self._seen[key]
