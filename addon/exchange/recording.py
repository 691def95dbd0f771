"""An answer being received live: its bytes as they pass, and whether its end was seen."""

from __future__ import annotations

import time
from dataclasses import replace
from io import BytesIO

from addon.exchange.coordination import Flight
from addon.judging.finished import seems_finished
from addon.messages import LiveAnswer
from cache_store.answers.content_coding import codings_of
from cache_store.answers.passing_coding import PassingDecoder

__all__ = ["Recording"]

_CHUNK = 16 * 1024  # bytes decoded at a time
_TAIL = 512  # bytes; the terminal event of every known stream is shorter or ends within them


class Recording:
    """Collects a body's chunks while they pass; past `limit` bytes it lets go of all of them at once.

    `length` is the declared one, as its header has it: where that is past `limit` nothing is collected. Where there
    is one, with `hold` the latest chunk stays in `held` until the next one comes: a client sees the end of such an
    answer with its last byte, and the entry must be on disk before that; `own_http` sends what is held once the
    `response` hook is done. `encoding` is the content-encoding: the end is looked for in what it hides.
    """

    __slots__ = (
        "_encoding",
        "_flight",
        "_hold",
        "_limit",
        "_media_type",
        "_passing",
        "_received",
        "_tail",
        "finished",
        "held",
        "too_large",
    )

    def __init__(
        self,
        limit: int,
        media_type: str,
        flight: Flight | None = None,
        *,
        length: str | None = None,
        encoding: str = "",
        hold: bool = False,
    ) -> None:
        # It hands out what it holds without a copy, and grows without one where the system can remap memory.
        self._received = BytesIO()
        self._flight = flight
        self._hold = hold and length is not None
        self.held = b""
        self._limit = limit
        self._media_type = media_type
        self._encoding = encoding
        self._passing = PassingDecoder(encoding) if codings_of(encoding) else None
        self._tail = b""
        self.finished = False
        self.too_large = length is not None and length.isdecimal() and int(length) > limit

    def __call__(self, chunk: bytes) -> bytes | tuple[bytes, ...]:
        """Take note of `chunk` (b"" at the end) and hand on what may be sent; mitmproxy's `response.stream`."""
        if self._flight is not None:
            self._flight.moved = time.monotonic()
        if chunk and not self.too_large:
            if self._received.tell() + len(chunk) > self._limit:
                self.too_large = True
                self._received = BytesIO()
            else:
                self._received.write(chunk)
                plain = chunk if self._passing is None else self._passing(chunk)
                lost = self._passing is not None and self._passing.is_lost
                self._tail = b"" if lost else (self._tail + plain[-_TAIL:])[-_TAIL:]
                self.finished = seems_finished(self._tail, self._media_type)
                if self._flight is not None:
                    self._flight.answered = self.finished
        if not self._hold:
            return chunk
        if not chunk:
            return ()
        before, self.held = self.held, chunk
        return (before,) if before else ()

    def body(self) -> bytes:
        """What came, as on the wire (maybe compressed)."""
        return self._received.getvalue()

    def seen(self, head: LiveAnswer) -> LiveAnswer:
        """The answer with this head as its client saw it: where that left after the terminal event, the end of a
        content-encoding did not come, nor is there any need of it. No body where not all of it could be seen."""
        body = self.body()
        if self._passing is None:
            return replace(head, body=body)
        decoder, plain = PassingDecoder(self._encoding), BytesIO()
        for at in range(0, len(body), _CHUNK):
            if plain.tell() <= self._limit:  # beyond it, it is not kept
                plain.write(decoder(body[at : at + _CHUNK]))
        headers = tuple(header for header in head.headers if header[0].lower() != b"content-encoding")
        return replace(head, headers=headers, body=b"" if decoder.is_lost else plain.getvalue())
