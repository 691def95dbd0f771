"""Tells clients that do not trust the CA from those that break a connection off for another reason."""

from __future__ import annotations

from mitmproxy import connection, tls

from addon.accounting.counts import RunCounts

__all__ = ["Handshakes"]

# OpenSSL's words for the alerts 48, 42 and 46 of RFC 8446, 6.2: what clients say that do not trust a certificate.
_DISTRUST = ("unknown ca", "bad certificate", "certificate unknown")
_MOST_SILENT = 10_000


class Handshakes:
    """The TLS connections of clients until their first request. Some clients, as wget and Node's, complete the
    handshake before they look at the certificate, and then leave without a word.
    """

    def __init__(self, counts: RunCounts) -> None:
        self._counts = counts
        self._silent: dict[str, str] = {}  # by the id of the connection, the host it is for

    def failed(self, data: tls.TlsData) -> None:
        """Count a handshake that the client did not complete."""
        distrusts = any(alert in (data.conn.error or "") for alert in _DISTRUST)
        (self._counts.tls_refused if distrusts else self._counts.tls_left)[_host(data)] += 1

    def completed(self, data: tls.TlsData) -> None:
        """Wait for the connection's first request."""
        if len(self._silent) < _MOST_SILENT:
            self._silent[data.conn.id] = _host(data)

    def asked(self, client: connection.Client) -> None:
        """The connection has had a request."""
        self._silent.pop(client.id, None)

    def gone(self, client: connection.Client) -> None:
        """Count a client that has left; nothing is counted if it has asked, or never completed a handshake."""
        if host := self._silent.pop(client.id, None):
            self._counts.tls_left[host] += 1


def _host(data: tls.TlsData) -> str:
    return data.conn.sni or (data.context.server.address or ("?",))[0]
