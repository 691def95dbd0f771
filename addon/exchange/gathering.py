"""Questions that one process of a run asks of every process, and their replies. Pure, as the coordinator is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Gathering", "Gatherings"]


@dataclass(slots=True)
class Gathering:
    """A question of `asker`, which calls it `token`. `waiting` are the peers that have not replied."""

    asker: int
    token: int
    waiting: set[int]
    replies: list[Any] = field(default_factory=list)


class Gatherings:
    """The questions that are open."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Gathering] = {}

    def begin(self, asker: int, token: int, peers: Iterable[int]) -> None:
        """Open a question to `peers`."""
        self._open[asker, token] = Gathering(asker, token, set(peers))

    def reply(self, peer: int, asker: int, token: int, value: Any) -> Gathering | None:
        """Note a peer's reply; the question if this was the last one."""
        gathering = self._open.get((asker, token))
        if gathering is None or peer not in gathering.waiting:
            return None
        gathering.replies += [] if value is None else [value]
        return self._without(gathering, peer)

    def leave(self, peer: int) -> list[Gathering]:
        """Wait no longer for a peer that is gone; the questions for which it was the last."""
        for gathering in [g for g in self._open.values() if g.asker == peer]:
            del self._open[gathering.asker, gathering.token]
        waiting = [g for g in self._open.values() if peer in g.waiting]
        return [done for gathering in waiting if (done := self._without(gathering, peer)) is not None]

    def _without(self, gathering: Gathering, peer: int) -> Gathering | None:
        gathering.waiting.discard(peer)
        if gathering.waiting:
            return None
        del self._open[gathering.asker, gathering.token]
        return gathering
