"""TLS connections of clients until their first request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.mitm import handshakes
from addon.mitm.handshakes import Handshakes

HOST = "api.openai.com"


def _data(error: str | None = None, name: str = "c", sni: str | None = HOST, address: Any = None) -> Any:
    server = SimpleNamespace(address=address)
    conn = SimpleNamespace(id=name, sni=sni, error=error)
    return SimpleNamespace(conn=conn, context=SimpleNamespace(server=server))


@pytest.mark.parametrize(
    ("error", "distrusts"),
    [
        # What mitmproxy 12.3 says for curl, Python and Go, for OpenSSL 1.1's clients, and for Java.
        (f"The client does not trust the proxy's certificate for {HOST} (tlsv1 alert unknown ca)", True),
        (f"The client does not trust the proxy's certificate for {HOST} (sslv3 alert bad certificate)", True),
        (f"The client does not trust the proxy's certificate for {HOST} (ssl/tls alert certificate unknown)", True),
        ("The client disconnected during the handshake. If this happens consistently for h, this may indicate …", False),
        (f"The client may not trust the proxy's certificate for {HOST} (no shared cipher)", False),
        ("Client and mitmproxy cannot agree on a TLS version to use.", False),
        (None, False),
    ],
)  # fmt: skip
def test_only_an_alert_says_that_the_ca_is_not_trusted(error: str | None, distrusts: bool) -> None:
    """A handshake that is broken off, or that fails for another reason, is something else."""
    counts = RunCounts("run", "read-write")
    Handshakes(counts).failed(_data(error))
    assert (counts.tls_refused, counts.tls_left) == (({HOST: 1}, {}) if distrusts else ({}, {HOST: 1}))


def test_a_host_without_a_name_is_counted_by_its_address() -> None:
    """A client need not send a server name."""
    counts = RunCounts("run", "read-write")
    for address in (("192.0.2.1", 443), None):
        Handshakes(counts).failed(_data("unknown ca", sni=None, address=address))
    assert counts.tls_refused == {"192.0.2.1": 1, "?": 1}


def test_a_client_that_leaves_before_its_first_request_is_counted_once() -> None:
    """wget and Node check the certificate after the handshake; who has asked, or spoke no TLS, is not counted."""
    counts = RunCounts("run", "read-write")
    connections: Any = {name: SimpleNamespace(id=name) for name in ("wget", "curl", "plain")}
    seen = Handshakes(counts)
    seen.completed(_data(name="wget"))
    seen.completed(_data(name="curl"))
    seen.asked(connections["curl"])
    for client in (*connections.values(), connections["wget"]):
        seen.gone(client)
    assert counts.tls_left == {HOST: 1}


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many open connections the later ones are not watched."""
    monkeypatch.setattr(handshakes, "_MOST_SILENT", 1)
    counts = RunCounts("run", "read-write")
    seen = Handshakes(counts)
    for name in ("a", "b"):
        seen.completed(_data(name=name))
        seen.gone(_data(name="b").conn)
    assert counts.tls_left == {}
