"""Copies a live answer while it passes, and notices its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

from addon.exchange.coordination import Flight
from addon.judging.finished import seems_finished
from addon.messages import LiveAnswer
from addon.pacing.chunk_times import ChunkTimes
from cache_store.answers.content_coding import codings_of
from cache_store.answers.passing_coding import PassingDecoder

__all__ = ["Recording"]

_CHUNK = 16 * 1024  # bytes decoded at a time
_TAIL = 512  # bytes; every known terminal event is shorter, or ends within them


class Recording:
    """Copies a body's chunks while they pass; past `limit` bytes it drops the copy.

    `length` is the value of the content-length header: past `limit`, nothing is copied. `encoding` is the value of
    content-encoding; the terminal event is looked for in the decoded text.

    `finish_seconds` is how long the rest is read after the client has left, as long as it `may_read_on`; `reads_on`
    is true from then on.

    With `hold` and a `length`, the latest chunk stays in `held` until the next one comes: the last byte tells a
    client that the answer has ended, and the entry must be on disk before that. The HTTP layer sends `held` after
    the `response` hook.

    `chunks` says when each chunk came. The recording is made when the answer's head has come.
    """

    def __init__(
        self,
        limit: int,
        media_type: str,
        flight: Flight | None = None,
        *,
        length: str | None = None,
        encoding: str = "",
        hold: bool = False,
        finish_seconds: float = 0.0,
        may_read_on: Callable[[], bool] = lambda: True,
    ) -> None:
        # `getvalue` makes no copy, and growing makes none where the system can remap memory.
        self._received = BytesIO()
        self._flight = flight
        self._hold = hold and length is not None
        self.held = b""
        self.chunks = ChunkTimes(time.monotonic())
        self._limit = limit
        self._media_type = media_type
        self._encoding = encoding
        self._passing = PassingDecoder(encoding) if codings_of(encoding) else None
        self._tail = b""
        self.finish_seconds = finish_seconds
        self.may_read_on = may_read_on
        self.reads_on = False
        self._left_at = 0  # bytes that had come when the client left
        self.finished = False
        self.too_large = length is not None and length.isdecimal() and int(length) > limit

    def __call__(self, chunk: bytes) -> bytes | tuple[bytes, ...]:
        """Copy `chunk` (b"" at the end) and return what may be sent now; for mitmproxy's `response.stream`."""
        now = time.monotonic()
        if self._flight is not None:
            self._flight.moved = now
        if chunk and not self.too_large:
            if self._received.tell() + len(chunk) > self._limit:
                self.too_large = True
                self._received = BytesIO()
                self.chunks.lose()
            else:
                self._received.write(chunk)
                plain = chunk if self._passing is None else self._passing(chunk)
                lost = self._passing is not None and self._passing.is_lost
                if lost:
                    self.chunks.lose()
                self.chunks.add(len(plain), now)
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

    def read_on(self) -> None:
        """Note that the client has left, and that the rest is read without it."""
        self.reads_on = True
        self._left_at = self._received.tell()

    @property
    def share_after_leaving(self) -> float:
        """The share of the bytes, 0 to 1, that came after the client had left; 0 if it stayed."""
        received = self._received.tell()
        return (received - self._left_at) / received if self.reads_on and received else 0.0

    def body(self) -> bytes:
        """The bytes received so far, still in their content-encoding."""
        return self._received.getvalue()

    def seen(self, head: LiveAnswer) -> LiveAnswer:
        """The answer with this head as its client saw it, decoded as far as it came.

        The client may have left after the terminal event, before the end of the content-encoding. The body is empty
        if some of it could not be decoded.
        """
        body = self.body()
        if self._passing is None:
            return replace(head, body=body, ended=False)
        decoder, plain = PassingDecoder(self._encoding), BytesIO()
        for at in range(0, len(body), _CHUNK):
            if plain.tell() <= self._limit:  # a longer body is not stored
                plain.write(decoder(body[at : at + _CHUNK]))
        headers = tuple(header for header in head.headers if header[0].lower() != b"content-encoding")
        return replace(head, headers=headers, body=b"" if decoder.is_lost else plain.getvalue(), ended=False)
