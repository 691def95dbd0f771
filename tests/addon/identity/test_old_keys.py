"""Saved requests of key version 1. `old_saved_requests.json` was written by the last version that had it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from addon.identity import IdentityRules
from addon.identity.keying import resave
from addon.identity.old_keys import is_old, old_key_of_saved, why_not_carried
from addon.identity.saved_form import key_of
from cache_store.errors import CorruptEntry

FILE = Path(__file__).parent / "old_saved_requests.json"
ROWS = {row["name"]: row for row in json.loads(FILE.read_text("utf-8"))}
WHY = {
    "unknown header": "8 digits",
    "page token": "8 digits",
    "secret in a prompt": "8 digits",
    "mcp credential": "no hash",
    "gateway": "not a known provider",
    "reserved text": "reserves",
    "upload": "upload",
}


@pytest.mark.parametrize("name", ROWS)
def test_the_old_key_of_a_saved_request(name: str) -> None:
    """The key of version 1 can still be checked, also where the request was reformatted by an export."""
    row = ROWS[name]
    assert is_old(row["key"])
    assert old_key_of_saved(row["request"].encode()) == row["key"]
    reformatted = json.dumps(json.loads(row["request"]), indent=2).encode()
    assert old_key_of_saved(reformatted) == row["key"]
    assert not is_old(key_of(row["request"].encode()))


@pytest.mark.parametrize("name", ROWS)
def test_what_cannot_be_carried_over(name: str) -> None:
    """A request of which version 1 kept too little says what is missing; all others can be carried over."""
    reason = why_not_carried(ROWS[name]["request"].encode())
    assert (WHY[name] in reason) if name in WHY else reason == ""


def test_a_carried_request_has_the_key_of_a_live_one(key: Callable[..., str]) -> None:
    """Saved again, an old request has the key that the same request gets today."""

    def carried(name: str) -> str:
        return key_of(resave(ROWS[name]["request"].encode(), IdentityRules()))

    chat = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    assert carried("chat") == key(chat)
    assert carried("chat with members that only route") == key({"model": "m", "messages": []})
    ignored = IdentityRules.parse(ignore_fields="/user")
    assert carried("ignored") == key({"model": "m", "user": "another"}, rules=ignored)
    marker = {"cache_control": {"type": "ephemeral"}}
    marked = {"system": [{"type": "text", "text": "a"} | marker]}
    assert carried("markers") == key(marked, host="api.anthropic.com", target="/v1/messages")
    assert carried("get") == key(method="GET", target="/v1/models?limit=2")
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert carried("form") == key(b"a=1&b=2", form)
    assert carried("text") == key(b"<redacted: said the client", {"content-type": "text/plain"})


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff"])
def test_damaged_requests_are_refused(data: bytes) -> None:
    """Data that is not a saved request raises CorruptEntry."""
    for read in (old_key_of_saved, why_not_carried):
        with pytest.raises(CorruptEntry):
            read(data)
