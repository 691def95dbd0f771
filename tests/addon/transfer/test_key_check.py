"""Whether an entry lies under its own request's key."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.policy.variants import rejection_key, rejection_mark
from addon.transfer.key_check import UncheckedKey, check_key
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry

BODY = b'{"model": "m", "user": "u", "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}'


def _entry(**rules: str) -> Entry:
    headers = ((b"content-type", b"application/json"), (b"x-mine", b"1"))
    request = WireRequest("POST", "https", "api.anthropic.com", 443, "/v1/messages?a=1", headers, BODY)
    identity = identify(request, IdentityRules.parse(**rules))
    return Entry(
        identity.key, 200, "OK", (), b"{}", 1.0, 0.1, "run", identity.label, "", identity.request_json
    )


@pytest.mark.parametrize(
    "rules",
    [{}, {"cache_control": "exact"}, {"ignore_fields": "/user"}, {"ignore_headers": "x-mine", "ignore_query": "a"},
     {"profile": "agents"}],
)  # fmt: skip
def test_every_recording_passes(rules: dict[str, str]) -> None:
    """Whatever rules it was recorded under; so does the n-th of a sequence."""
    entry = _entry(**rules)
    check_key(entry)
    for suffix in (".2", f"@{0:032x}", f"@{0:032x}.2"):
        check_key(replace(entry, key=f"{entry.key}{suffix}"))


def test_another_key_is_refused() -> None:
    """A changed request, a changed key, and a key that is none of ours."""
    entry = _entry()
    for bad in (
        replace(entry, request_json=entry.request_json.replace(b'"u"', b'"v"')),
        replace(entry, key=f"pp2-{0:064x}"),
        replace(entry, key=f"{entry.key}.x"),
        replace(entry, key=f"{entry.key}@x"),
        replace(entry, key=f"{entry.key}@{0:032x}.x"),
        replace(entry, key=f"{entry.key}.2@{0:032x}"),
        replace(entry, key="other"),
        replace(entry, request_json=b"[]"),
        replace(entry, request_json=b"\xff"),
    ):
        with pytest.raises(CorruptEntry):
            check_key(bad)


def test_an_entry_of_key_version_1_passes_under_its_own_key() -> None:
    """It is checked as version 1 did, so that a cache that waits for `rekey` verifies and can be imported."""
    saved = (
        b'{"method":"GET","scheme":"https","host":"api.openai.com","port":443,"path":"/v1/models","query":[],'
        b'"headers":[],"credential":true,"body":null}'
    )
    digest = hashlib.sha256(b"provider-proxy request identity 1\0" + saved).hexdigest()
    entry = replace(_entry(), key=f"pp1-{digest}", request_json=saved)
    check_key(entry)
    for bad in (f"pp2-{digest}", f"pp1-{0:064x}"):
        with pytest.raises(CorruptEntry):
            check_key(replace(entry, key=bad))


def test_an_entry_without_a_saved_request_cannot_be_checked() -> None:
    """It may answer any question."""
    with pytest.raises(UncheckedKey):
        check_key(replace(_entry(), request_json=b"{}"))


@pytest.mark.parametrize("status", [401, 403])
def test_an_error_of_one_credential_has_a_key_of_its_own_kind(status: int) -> None:
    """Under a request's key it would answer everybody, and a success under such a key is no error."""
    entry = _entry()
    rejection = replace(entry, status=status, key=rejection_key(entry.key, "digest"))
    check_key(rejection)
    check_key(rejection_mark("h.example", "digest", "run"))
    for bad in (replace(rejection, key=entry.key), replace(rejection, status=200)):
        with pytest.raises(CorruptEntry, match="does not fit its status"):
            check_key(bad)


def test_a_recording_without_its_volatile_values_is_refused() -> None:
    """Its answer could repeat a recorded value that nobody could find."""
    headers = ((b"content-type", b"application/json"),)
    body = b'{"messages": [{"content": "say 123e4567-e89b-12d3-a456-426614174000"}]}'
    request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body)
    found = identify(request, IdentityRules.parse(volatile="uuid"))
    entry = Entry(found.key, 200, "OK", (), b"{}", 1.0, 0.1, "run", found.label, "", found.request_json)
    check_key(replace(entry, bindings=tuple(found.bindings)))
    with pytest.raises(CorruptEntry, match="volatile values"):
        check_key(entry)
