"""Undoes a content encoding while the answer streams by, to see how far it has come.

It does not tell whether an answer is whole: only `content_coding` checks an encoding's own end and checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from cache_store.answers.content_coding import codings_of, is_zlib, zstd_decompressor

__all__ = ["PassingDecoder"]

_MAX_CHUNK = 4 * 1024 * 1024  # decoded bytes of one chunk; no stream of events comes near it

type _Step = Callable[[bytes], bytes]


class PassingDecoder:
    """Decodes chunk by chunk. It gives b"" from the first chunk on that is damaged, in an unknown coding, far too
    large when decoded, or after the encoding's end.
    """

    __slots__ = ("_step",)

    def __init__(self, encoding: str) -> None:
        codings = codings_of(encoding)
        new = _STEPS.get(codings[0]) if len(codings) == 1 else None
        self._step = new() if new else None

    @property
    def is_lost(self) -> bool:
        """Whether a chunk could not be decoded."""
        return self._step is None

    def __call__(self, chunk: bytes) -> bytes:
        """The decoded bytes of `chunk`."""
        if self._step is None:
            return b""
        try:
            return self._step(chunk)
        except Exception:  # noqa: BLE001 - each library raises its own errors
            self._step = None
            return b""


def _standard(decoder: Any) -> _Step:
    def step(chunk: bytes) -> bytes:
        found: bytes = decoder.decompress(chunk, _MAX_CHUNK)
        if decoder.unused_data:
            raise ValueError("bytes follow the end")
        if len(found) == _MAX_CHUNK:
            raise ValueError("one chunk decodes to too much")
        return found

    return step


def _deflate() -> _Step:
    inner: _Step | None = None

    def step(chunk: bytes) -> bytes:
        nonlocal inner
        if inner is None:
            inner = _standard(zlib.decompressobj(zlib.MAX_WBITS if is_zlib(chunk) else -zlib.MAX_WBITS))
        return inner(chunk)

    return step


def _brotli() -> _Step:
    import brotli  # type: ignore[import-untyped]

    decoder = brotli.Decompressor()

    def step(chunk: bytes) -> bytes:
        if chunk and decoder.is_finished():
            raise ValueError("bytes follow the end")
        found: bytes = decoder.process(chunk, output_buffer_limit=_MAX_CHUNK)
        more = found
        while more and len(found) <= _MAX_CHUNK and not decoder.is_finished():
            more = decoder.process(b"", output_buffer_limit=_MAX_CHUNK)
            found += more
        if len(found) > _MAX_CHUNK:
            raise ValueError("one chunk decodes to too much")
        return found

    return step


_STEPS: dict[str, Callable[[], _Step]] = {
    "gzip": lambda: _standard(zlib.decompressobj(zlib.MAX_WBITS | 16)),
    "x-gzip": lambda: _standard(zlib.decompressobj(zlib.MAX_WBITS | 16)),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": lambda: _standard(zstd_decompressor()),
}
