"""Entries from packs, directories, caches, buckets and Redis are held to the rules for live answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.policy.variants import rejection_key, rejection_mark
from addon.settings.settings import Settings
from addon.transfer.own_entries import OwnEntries
from cache_store.entry import Entry
from cache_store.errors import EntryError

OK = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
JSON = (b"content-type", b"application/json")


def entry(question: str = "hi", **changes: Any) -> Entry:
    """A recorded chat completion."""
    body = {"model": "m", "messages": [{"role": "user", "content": question}]}
    request = WireRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions",
        (JSON, (b"authorization", b"Bearer some-key-or-other")), json.dumps(body).encode(),
    )  # fmt: skip
    identity = identify(request, IdentityRules())
    whole = Entry(
        identity.key, 200, "OK", (JSON, (b"x-a", b"1")), json.dumps(OK).encode(), 1000.0, 0.1, "run",
        identity.label, "chat", identity.request_json,
    )  # fmt: skip
    return replace(whole, **changes)


def admit(candidate: Entry, trust: bool = False, **settings: str) -> Entry:
    """The entry as it may be stored."""
    return OwnEntries(Settings.parse(settings), trust=trust).admit(candidate)


def test_a_good_entry_is_admitted_as_it_is() -> None:
    """With its time, run and label, and its mark if it was edited."""
    for good in (entry(), entry(edited=True)):
        assert replace(admit(good), judged=good.judged) == good


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry(key=entry("other").key), "does not match its saved request"),
        (entry(key=entry("other").key, request_json=b"{}"), "--trust"),
        (entry(key=entry("other").key, status=401), "does not fit its status"),
        (entry(status=500), "would not be stored: status"),
        (entry(status=404), "would not be stored: status"),
        (entry(body=b'{"choices": ['), "would not be stored"),
        (entry(body=b'{"error": {"message": "overloaded"}}'), "would not be stored"),
        (entry(headers=(JSON, (b"content-encoding", b"gzip"))), "would not be stored: content-coding"),
        (entry(request_json=b"[]"), "lacks the expected members"),
    ],
)
def test_an_entry_that_would_not_be_stored_is_refused(bad: Entry, why: str) -> None:
    """With the reason."""
    with pytest.raises(EntryError, match=why):
        admit(bad)


def test_headers_that_are_never_stored_are_dropped() -> None:
    """As they are from a live answer."""
    headers = (
        JSON, (b"Set-Cookie", b"s=1"), (b"alt-svc", b"h3"), (b"cache-status", b"fake"), (b"connection", b"x-a"),
        (b"x-a", b"1"), (b"x-b", b"2"), (b"x-provider-proxy-cache", b"false"), (b"transfer-encoding", b"chunked"),
    )  # fmt: skip
    assert admit(entry(headers=headers)).headers == (JSON, (b"x-b", b"2"))


def test_trust_admits_what_cannot_be_checked_and_nothing_that_is_wrong() -> None:
    """A missing request is a matter of trust; a request that does not match is not."""
    assert admit(entry(request_json=b"{}"), trust=True).request_json == b"{}"
    with pytest.raises(EntryError):
        admit(entry(key=entry("other").key), trust=True)
    with pytest.raises(EntryError):
        admit(entry(request_json=b"{}", status=500), trust=True)


def test_settings_that_store_more_admit_more() -> None:
    """Expected errors are recorded with a setting, and imported with it."""
    error = json.dumps({"error": {"message": "no such model", "type": "invalid_request_error"}}).encode()
    assert admit(entry(status=404, body=error), store_errors="404").status == 404
    rejected = entry(status=401, body=error)
    rejected = replace(rejected, key=rejection_key(rejected.key, "digest"))
    assert admit(rejected, store_errors="401").key == rejected.key
    with pytest.raises(EntryError):
        admit(rejected)


def test_the_mark_of_a_rejected_credential_is_admitted() -> None:
    """It is found only with that credential, and it is never an answer."""
    mark = rejection_mark("api.openai.com", "digest", "run")
    assert admit(mark, trust=True) == mark
