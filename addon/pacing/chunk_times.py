"""Notes when the chunks of an answer come."""

from __future__ import annotations

from array import array

__all__ = ["ChunkTimes"]

_MOST = 65_536  # chunks; a longer answer keeps no rhythm


class ChunkTimes:
    """The decoded length of each chunk, and when it came. Times are seconds of the monotonic clock."""

    __slots__ = ("head_at", "lengths", "times")

    def __init__(self, head_at: float) -> None:
        self.head_at = head_at
        self.lengths = array("Q")
        self.times: array[float] | None = array("d")
        """None once the rhythm is lost."""

    def add(self, length: int, at: float) -> None:
        """Note a chunk of `length` bytes that came at `at`."""
        if self.times is None or not length:
            return
        if len(self.times) >= _MOST:
            self.lose()
            return
        self.lengths.append(length)
        self.times.append(at)

    def lose(self) -> None:
        """Forget everything: the chunks cannot be told apart any more."""
        self.times = None
        self.lengths = array("Q")
