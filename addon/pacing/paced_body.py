"""An answer's body as a sequence of pieces, each sent after a pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Cut", "PacedBody", "Piece"]


class Cut(NamedTuple):
    """The body is sent up to `end` (bytes from its start) after a pause of `pause` seconds."""

    pause: float
    end: int


class Piece(NamedTuple):
    """Bytes that are sent after `pause` seconds."""

    pause: float
    data: bytes


@dataclass(frozen=True, slots=True)
class PacedBody:
    """How `body` is sent: its head after `before` seconds, then piece by piece as `cuts` say.

    A pause of `math.inf` lasts until the client leaves. Where the body is not `whole`, the answer is broken off
    after its last byte: an HTTP/1 connection is closed, an HTTP/2 stream is reset.
    """

    body: bytes
    cuts: Sequence[Cut]
    before: float = 0.0
    whole: bool = True

    @property
    def seconds(self) -> float:
        """All pauses together."""
        return self.before + sum(cut.pause for cut in self.cuts)

    def pieces(self) -> Iterator[Piece]:
        """The pieces, none of them empty. Joined they are the body, whatever the cuts are."""
        at, pause = 0, 0.0
        for cut in self.cuts:
            pause += cut.pause
            end = min(cut.end, len(self.body))
            if end > at:
                yield Piece(pause, self.body[at:end])
                at, pause = end, 0.0
        if at < len(self.body):
            yield Piece(pause, self.body[at:])
