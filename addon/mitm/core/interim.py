"""Skips a provider's informational answers (RFC 9110, 15.2), which mitmproxy takes for the whole answer.

A proxy should forward them, but no client of a provider needs one: mitmproxy answers `expect: 100-continue` itself,
and 103 is only a hint. mitmproxy skips them over HTTP/2 too.
"""

from __future__ import annotations

import re

from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http._http1 import Http1Client

from addon.mitm.core.replacing import Commands

__all__ = ["SkipsInterim"]

_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r\n]")  # 101 is final: it switches protocols


class SkipsInterim(Http1Client):
    """The provider's side of an HTTP/1.1 connection."""

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """Read the head of the final answer."""
        if self.request is not None and isinstance(event, events.DataReceived):
            while _INTERIM.match(bytes(self.buf)) and self.buf.maybe_extract_lines() is not None:
                pass
        yield from super().read_headers(event)
