"""Addons for stock mitmdump that the bench compares with: a constant answer, and a plain streaming tee."""

import os
import sys
from pathlib import Path

from mitmproxy import ctx, http

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.work import SIZES, answer


class Constant:
    """Answers every request with the bytes of the size that it asks for, without asking anybody."""

    def __init__(self) -> None:
        self.answers = {
            b"%09d" % size: http.Response.make(200, answer(size), {"content-type": "application/json"})
            for size in SIZES.values()
        }

    def running(self) -> None:
        """As our addon does: no connection before there is need for one."""
        ctx.options.update(connection_strategy="lazy")

    def request(self, flow: http.HTTPFlow) -> None:
        """The answer."""
        assert flow.request.raw_content
        flow.response = self.answers[flow.request.raw_content[10:19]].copy()


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
