"""Notes in a flow, and the protocol of a client."""

from __future__ import annotations

import json

import pytest
from mitmproxy.test import tflow

from addon.mitm.core.marks import client_left, is_direct, note_client_left, note_direct, speaks_http1


def test_a_note_is_read_back() -> None:
    """Each note by itself, and a flow with both can be saved."""
    flow = tflow.tflow()
    assert (is_direct(flow), client_left(flow)) == (False, False)
    note_direct(flow)
    assert (is_direct(flow), client_left(flow)) == (True, False)
    note_client_left(flow)
    assert (is_direct(flow), client_left(flow)) == (True, True)
    json.dumps(flow.get_state()["metadata"])


@pytest.mark.parametrize(
    ("alpn", "speaks"), [(None, True), (b"", True), (b"http/1.1", True), (b"h2", False), (b"h3", False)]
)
def test_who_speaks_http1(alpn: bytes | None, speaks: bool) -> None:
    """Any client that did not agree on another protocol."""
    client = tflow.tclient_conn()
    client.alpn = alpn
    assert speaks_http1(client) is speaks
