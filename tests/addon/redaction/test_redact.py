"""Taking secrets out of text."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.redaction import shapes
from addon.redaction.redact import (
    IGNORED,
    hashed,
    redact_bytes,
    redact_text,
    redacted,
    redactions,
)

KEY = "AKIAIOSFODNN7EXAMPLE"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIGHAgEAMBMGByqGSM49" * 4 + "\n-----END PRIVATE KEY-----"
FRAGMENTS = [
    KEY, PRIVATE_KEY, PRIVATE_KEY[:60], "<redacted:", "<", "\n", "\t", "\\", "\\n", "\\u0041", '"', "\x01", "\x7f", "é", "%20",
    " ", "x", "_", "-", ".", "=", "sk-", "sk-ant-", "aB3dE6gH" * 6, "AIza" + "x1" * 17 + "z", "ya29.", "abc.def-" * 5,
    "eyJhbGciOiJI.eyJzdWIiOiIx.aaaaaaaaaaaaaaaaaaaa", "ghp_" + "a1" * 18, "gsk_" + "b2" * 25, "xoxb-", "1234567890-" * 3,
    "https://u:p4ss@h", "://", "?token=a1b2c3d4e5f6g7h8i9j0", "⟦minted:",
]  # fmt: skip
PIECES = st.lists(
    st.sampled_from(["<redacted:", "<redacted::", "⟦minted:", "⟦minted::", "⟧", "aws-key-id:", ">", ":", " ", KEY, KEY[:-1] + "F", IGNORED, "é", "\ud800"])
    | st.text(max_size=3)
).map("".join)  # fmt: skip


def test_forms() -> None:
    """A secret shows its kind and 128 bits of its hash, and our own markers are escaped."""
    digits = hashlib.sha256(KEY.encode()).hexdigest()[:32]
    assert redact_text(f"a {KEY} b") == f"a <redacted:aws-key-id:{digits}> b"
    assert redact_text("<redacted:") == "<redacted::"
    assert redact_text("⟦minted:") == "⟦minted::"
    assert hashed(b"v") == f"<sha256:{hashlib.sha256(b'v').hexdigest()[:32]}>"


@given(PIECES, PIECES)
def test_two_texts_stay_two(one: str, other: str) -> None:
    """Redacting never makes two texts one, whatever of our own markers they hold."""
    assert (redact_text(one) == redact_text(other)) == (one == other)


@given(PIECES)
def test_nothing_is_left(text: str) -> None:
    """Redacted text holds no secret."""
    assert shapes.find(redact_bytes(text.encode("utf-8", "surrogatepass"))) == []


def compact(value: object) -> bytes:
    """A value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@settings(max_examples=500)
@given(st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join), max_size=5))
def test_the_search_of_written_json_misses_nothing(texts: list[str]) -> None:
    """The search of JSON reports exactly the texts that redaction changes, whatever is escaped beside the secret."""
    data = compact({"a": texts, "b": 1})
    found = redactions(data)
    assert [(one.text, one.safe) for one in found] == [
        (text, redact_text(text)) for text in texts if redact_text(text) != text
    ]
    assert [json.loads(data[one.start : one.end]) for one in found] == [one.text for one in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([f'\\"{KEY}"'], True), ({KEY: "a"}, True), (["<redacted:x>"], True), ([PRIVATE_KEY], True),
        ([f"{KEY[:-1]}", "< redacted:", "sk-short", "chatcmpl-" + "a1" * 20], False),
    ],
)  # fmt: skip
def test_the_search_of_written_json(value: object, expected: bool) -> None:
    """Secrets and our own markers are reported, in names as in values; ordinary text is not."""
    assert bool(redactions(compact(value))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"client_secret":"s"}', f'{{"client_secret":"{redacted("client-secret", b"s")}"}}'),
        ('"apiKey" : "a\\"b" x', f'"apiKey" : "{redacted("api-key", rb"a\"b")}" x'),
        ('"max_tokens": "5"', '"max_tokens": "5"'),
        ('"password": 5', '"password": 5'),
        (
            "secret=s+1&a=b&password=p%ff",
            f"secret={redacted('secret', b's+1')}&a=b&password={redacted('password', b'p%ff')}",
        ),
        ('{"u":"x?a&secret=s","b":1}', f'{{"u":"x?a&secret={redacted("secret", b"s")}","b":1}}'),
        ("a secret=s & password = p", "a secret=s & password = p"),
        (
            '{"headers": {"X-Odd":"v{","A": "\\"w", "b":[1,"x"], "C":""}, "d":"e"}',
            f'{{"headers": {{"X-Odd":"{redacted("header", b"v{")}","A": "{redacted("header", rb"\"w")}", "b":[1,"x"], "C":""}}, "d":"e"}}',
        ),
        (f'"secret":"{KEY}"', f'"secret":"{redacted("aws-key-id", KEY.encode())}"'),
    ],
)
def test_members_in_text(text: str, expected: str) -> None:
    """In text that is not JSON as a whole, members with a credential's name are found too, if asked for."""
    assert redact_text(text, members=True) == expected
    assert redact_text('{"client_secret":"s"}') == '{"client_secret":"s"}'


@pytest.mark.parametrize("end", ["", '"'])
@pytest.mark.parametrize("piece", ["x", "\\x"])
def test_a_long_member_in_text(piece: str, end: str) -> None:
    """A member's value takes a few times its own size of memory, whether or not it ends."""
    text = '"password":"' + piece * (1024 * 1024) + end
    tracemalloc.start()
    try:
        redact_text(text, members=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * len(text)


def test_findings_that_overlap_are_one() -> None:
    """Where a member's value and a URL's credential overlap, both are replaced to their ends."""
    safe = redact_bytes(b"\napi_key: x://user:pass,word@h", members=True)
    assert safe.startswith(b"\napi_key: <redacted:api-key:")
    assert safe.endswith(b">@h")
    assert b"word" not in safe
