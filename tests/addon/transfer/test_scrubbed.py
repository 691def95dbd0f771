"""Requests whose credential was taken out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.transfer.scrubbed import with_credential

BARE = WireRequest(
    "POST", "https", "api.openai.com", 443, "/v1/chat/completions",
    ((b"content-type", b"application/json"),), b'{"model": "m"}',
)  # fmt: skip


def _restored(request: WireRequest, status: int = 200) -> WireRequest | None:
    return with_credential(request, identify(request, IdentityRules()), status)


def test_a_request_without_its_credential_gets_the_key_of_one_with_it() -> None:
    """Whichever header and value the client sends."""
    restored = _restored(BARE)
    assert restored is not None
    found = identify(restored, IdentityRules())
    sent = replace(BARE, headers=(*BARE.headers, (b"x-api-key", b"sk-real")))
    assert found.key == identify(sent, IdentityRules()).key
    assert found.key != identify(BARE, IdentityRules()).key
    assert b"left-out" not in found.request_json


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (BARE, 401),
        (replace(BARE, method="GET"), 200),
        (replace(BARE, host="localhost"), 200),
        (replace(BARE, headers=((b"authorization", b"Bearer x"),)), 200),
        (replace(BARE, host="generativelanguage.googleapis.com", target="/v1/x?key=REDACTED"), 200),
    ],
)
def test_what_may_have_been_sent_as_it_stands_stays(request_: WireRequest, status: int) -> None:
    """An error, a request that needs none, a server that may ask for none, one that has its credential."""
    assert _restored(request_, status) is None
