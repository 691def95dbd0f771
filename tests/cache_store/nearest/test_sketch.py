"""Sketches: what alike requests share."""

from __future__ import annotations

import json

import pytest

from cache_store.nearest.sketch import conversation_of, sketch

LABEL = {"method": "POST", "host": "h.example", "path": "/v1/chat", "model": "m"}


def saved(*texts: str, **more: object) -> bytes:
    """A saved request with a conversation."""
    value = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]} | more
    return json.dumps({"path": "/v1/chat", "body": {"kind": "json", "value": value}}).encode()


def test_a_shared_beginning_is_a_shared_chain() -> None:
    """As many features of the chain are equal as messages are at the start, and not one more."""
    one, other = sketch(LABEL, saved("a", "b", "c", "d")), sketch(LABEL, saved("a", "b", "x", "d"))
    assert one.chain[:2] == other.chain[:2]
    assert set(one.chain[2:]).isdisjoint(other.chain)


def test_one_changed_word_leaves_most_features() -> None:
    """A text with a word changed still shares most of its sample, one that is another shares nothing of it."""
    words = [f"w{n}" for n in range(400)]
    changed = [*words[:200], "changed", *words[201:]]
    plain, near, far = (
        set(sketch(LABEL, saved(" ".join(text))).loose)
        for text in (words, changed, [f"v{n}" for n in range(400)])
    )
    assert len(plain & near) >= 4
    assert len(plain & far) < len(plain & near)


def test_features_are_a_hosts_own() -> None:
    """Equal requests to two hosts share nothing."""
    one, other = (sketch(LABEL | {"host": host}, saved("a")) for host in ("h", "i"))
    assert {*one.chain, *one.loose}.isdisjoint({*other.chain, *other.loose})


@pytest.mark.parametrize("name", ["messages", "input", "contents"])
def test_every_providers_conversation(name: str) -> None:
    """OpenAI's and Anthropic's, Responses' and Gemini's lists of messages are found."""
    assert conversation_of({name: [1, 2]}) == [1, 2]
    assert conversation_of({name: "text"}) == []


@pytest.mark.parametrize(
    "request_json", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"body":{"value":"\\ud800"}}', b"1e999"]
)
def test_a_sketch_never_fails(request_json: bytes) -> None:
    """What is no saved request is known by its label."""
    found = sketch(LABEL, request_json)
    assert (found.host, found.endpoint) == ("h.example", "POST /v1/chat")
    assert all(0 <= feature < 2**63 for feature in (*found.chain, *found.loose))


def test_a_sketch_is_bounded() -> None:
    """A request of ten thousand messages has a few dozen features."""
    found = sketch(LABEL, saved(*(f"word {n} " * 20 for n in range(10_000))))
    assert len(found.chain) <= 64
    assert len(found.loose) <= 128
