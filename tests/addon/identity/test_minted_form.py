"""Ids that count as the answer that minted them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.identity import Identity, IdentityRules, identify, key_of_saved
from addon.identity.minted_form import follow
from addon.messages import WireRequest

OLD, NEW = "thread_abc12345", "thread_xyz98765"
MARK, OTHER = "minted-" + "0" * 32, "minted-" + "1" * 32


def _identity(body: Any, target: str = "/v1/x", volatile: str = "") -> Identity:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = b"application/x-www-form-urlencoded" if isinstance(body, bytes) else b"application/json"
    request = WireRequest("POST", "https", "api.openai.com", 443, target, ((b"content-type", kind),), data)
    return identify(request, IdentityRules.parse(volatile=volatile))


@pytest.mark.parametrize(("body", "target"), [
    ({"thread": "{}"}, "/v1/x"), ({"a": ["to {} and {}"]}, "/v1/x"), ({}, "/v1/threads/{}/runs"), ({}, "/v1/x?after={}"),
    (b"thread={}", "/v1/x"),
])  # fmt: skip
def test_an_id_counts_as_what_minted_it(body: Any, target: str) -> None:
    """In members, texts, forms, paths and parameters; the same id minted by another answer is another one."""

    def at(value: str) -> Identity:
        filled = body.replace(b"{}", value.encode()) if isinstance(body, bytes) else json.loads(
            json.dumps(body).replace("{}", value if body else "{}")
        )  # fmt: skip
        return _identity(filled, target.replace("{}", value))

    old, new = (follow(at(value), {value: MARK}) for value in (OLD, NEW))
    assert old.key == new.key != at(OLD).key
    assert [tuple(each) for each in old.bindings] == [(MARK, 1, OLD)]
    assert follow(at(OLD), {OLD: OTHER}).key != old.key
    assert key_of_saved(old.request_json, IdentityRules()) == old.key


def test_only_whole_ids_count() -> None:
    """A part of a longer id, and a request without any, stay as they are."""
    for body in ({"a": f"{OLD}6"}, {"a": f"x-{OLD}"}, {"a": "none"}):
        identity = _identity(body)
        assert follow(identity, {OLD: MARK}) is identity
    assert follow(_identity({"a": OLD}), {}) == _identity({"a": OLD})


def test_two_ids_have_two_numbers_and_rules_go_first() -> None:
    """A value that a volatile rule has found keeps its number."""
    uuid = "123e4567-e89b-12d3-a456-426614174000"
    found = follow(_identity({"prompt": f"{uuid} {NEW} {OLD}"}, volatile="uuid"), {OLD: MARK, NEW: OTHER})
    assert [tuple(each) for each in found.bindings] == [("uuid", 1, uuid), (OTHER, 2, NEW), (MARK, 3, OLD)]


def test_a_client_cannot_write_a_stand_in() -> None:
    """Its bracket is escaped, with volatile rules or without."""
    for volatile in ("", "uuid"):
        uuid = "123e4567-e89b-12d3-a456-426614174000"
        real = follow(_identity({"prompt": f"{uuid} {OLD}"}, volatile=volatile), {OLD: MARK})
        n = len(real.bindings)
        fake = follow(_identity({"prompt": f"{uuid} ⟦{MARK}#{n}⟧ {OLD}"}, volatile=volatile), {OLD: MARK})
        other = follow(_identity({"prompt": f"{uuid} {OLD} {OLD}"}, volatile=volatile), {OLD: MARK})
        assert len({real.key, fake.key, other.key}) == 3
