"""Frees what ended exchanges leave behind, by its weight.

mitmproxy's flows and layers refer to one another, so only the garbage collector frees them, and with them every
byte of their bodies. It goes by the number of objects: fifty exchanges of 10 MB each are not worth a look to it.
"""

from __future__ import annotations

import gc

from mitmproxy import connection, http

from addon.exchange.recording import Recording

__all__ = ["SWEEP_BYTES", "Sweeping"]

SWEEP_BYTES = 64 * 1024 * 1024
"""Bytes of bodies that come between two sweeps: so much may lie about, beside what is in use."""

_LIGHT = 64 * 1024
_LENGTH = b"content-length"


class Sweeping:
    """The addon that adds up bodies as they come, and sweeps when an exchange begins or a client has left."""

    name = "provider_proxy_sweeping"

    def __init__(self) -> None:
        self._bytes = 0

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Add what is announced: a body that is cut comes to no other hook."""
        for name, value in flow.request.headers.fields:  # by their bytes: this is on the path of every hit
            if len(name) == len(_LENGTH) and name.lower() == _LENGTH and value.isdigit() and len(value) < 16:
                self._bytes += int(value)
        self._sweep()

    def request(self, flow: http.HTTPFlow) -> None:
        """Add a request's body, which may have come unannounced."""
        self._add(flow.request.data.content)

    def response(self, flow: http.HTTPFlow) -> None:
        """Add an answer's body."""
        self._add(flow.response.data.content if flow.response else None)

    def error(self, flow: http.HTTPFlow) -> None:
        """Add what had come of an answer."""
        recording = flow.response.stream if flow.response else None
        self._add(recording.body() if isinstance(recording, Recording) else None)

    def client_disconnected(self, _: connection.Client) -> None:
        """Sweep: what a client's exchanges held is free now."""
        self._sweep()

    def _add(self, body: bytes | None) -> None:
        if body is not None and len(body) > _LIGHT:
            self._bytes += len(body)

    def _sweep(self) -> None:
        if self._bytes >= SWEEP_BYTES:
            self._bytes = 0
            gc.collect()
