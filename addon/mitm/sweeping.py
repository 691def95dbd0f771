"""Runs the garbage collector after a given number of body bytes.

mitmproxy's flows and layers refer to one another, so only the garbage collector frees them and the bodies that they
hold. It counts objects, not bytes: fifty exchanges of 10 MB each do not make it run.
"""

from __future__ import annotations

import gc

from mitmproxy import connection, http

from addon.exchange.recording import Recording

__all__ = ["SWEEP_BYTES", "Sweeping"]

SWEEP_BYTES = 64 * 1024 * 1024
"""Body bytes between two sweeps. At most so much garbage lies in memory beside the bodies in use."""

_LIGHT = 64 * 1024
_LENGTH = b"content-length"


class Sweeping:
    """The addon that adds up body lengths, and sweeps when an exchange begins or a client has left."""

    name = "provider_proxy_sweeping"

    def __init__(self) -> None:
        self._bytes = 0

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Add the announced length: no other hook sees a body that is cut off."""
        for name, value in flow.request.headers.fields:  # as bytes, because every hit comes through here
            if len(name) == len(_LENGTH) and name.lower() == _LENGTH and value.isdigit() and len(value) < 16:
                self._bytes += int(value)
        self._sweep()

    def request(self, flow: http.HTTPFlow) -> None:
        """Add a request's body, whose length may not have been announced."""
        self._add(flow.request.data.content)

    def response(self, flow: http.HTTPFlow) -> None:
        """Add an answer's body."""
        self._add(flow.response.data.content if flow.response else None)

    def error(self, flow: http.HTTPFlow) -> None:
        """Add the part of an answer that was received."""
        recording = flow.response.stream if flow.response else None
        self._add(recording.body() if isinstance(recording, Recording) else None)

    def client_disconnected(self, _: connection.Client) -> None:
        """Sweep, because nothing refers to this client's exchanges any more."""
        self._sweep()

    def _add(self, body: bytes | None) -> None:
        if body is not None and len(body) > _LIGHT:
            self._bytes += len(body)

    def _sweep(self) -> None:
        if self._bytes >= SWEEP_BYTES:
            self._bytes = 0
            gc.collect()
