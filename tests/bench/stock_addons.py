"""Addons for stock mitmdump that the bench compares with: a constant answer, and a plain streaming tee."""

import os

from mitmproxy import ctx, http

_ANSWER = http.Response.make(
    200,
    b'{"x": "' + b"y" * (int(os.environ.get("BENCH_BYTES", "2048")) - 9) + b'"}',
    {"content-type": "application/json"},
)


class Constant:
    """Answers every request with the same bytes, without asking anybody."""

    def running(self) -> None:
        """As our addon does: no connection before there is need for one."""
        ctx.options.update(connection_strategy="lazy")

    def request(self, flow: http.HTTPFlow) -> None:
        """The answer."""
        flow.response = _ANSWER.copy()


class Tee:
    """Streams every answer and keeps a copy of its pieces."""

    def running(self) -> None:
        """As above."""
        ctx.options.update(connection_strategy="lazy")

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Stream it."""
        kept: list[bytes] = []

        def tee(chunk: bytes) -> bytes:
            kept.append(chunk)
            return chunk

        assert flow.response
        flow.response.stream = tee


addons = [Tee() if os.environ.get("BENCH_ADDON") == "tee" else Constant()]
