"""Taking secrets out of text."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.redaction import shapes
from addon.redaction.redact import IGNORED, hashed, hex8, needs_redaction, redact_bytes, redact_text, redacted

KEY = "AKIAIOSFODNN7EXAMPLE"
PIECES = st.lists(
    st.sampled_from(["<redacted:", "<redacted::", "aws-key-id:", ">", ":", " ", KEY, KEY[:-1] + "F", IGNORED, "é", "\ud800"])
    | st.text(max_size=3)
).map("".join)  # fmt: skip


def test_forms() -> None:
    """A secret shows its kind and 8 digits of its hash; a credential field only its kind."""
    digits = hashlib.sha256(KEY.encode()).hexdigest()[:8]
    assert hex8(KEY.encode()) == digits
    assert redact_text(f"a {KEY} b") == f"a <redacted:aws-key-id:{digits}> b"
    assert redact_text("<redacted:") == "<redacted::"
    assert redacted("client-secret") == "<redacted:client-secret>"
    assert hashed(b"v") == f"<sha256:{hashlib.sha256(b'v').hexdigest()[:8]}>"


@given(PIECES, PIECES)
def test_two_texts_stay_two(one: str, other: str) -> None:
    """Redacting never makes two texts one, whatever of our own markers they hold."""
    assert (redact_text(one) == redact_text(other)) == (one == other)


@given(PIECES)
def test_told_beforehand(text: str) -> None:
    """Whether anything has to be redacted is told without doing it; what is redacted holds no secret."""
    data = text.encode("utf-8", "surrogatepass")
    assert needs_redaction(data) == (redact_bytes(data) != data)
    assert shapes.find(redact_bytes(data)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"client_secret":"s"}', f'{{"client_secret":"{redacted("client-secret", b"s")}"}}'),
        ('"apiKey" : "a\\"b" x', f'"apiKey" : "{redacted("api-key", rb"a\"b")}" x'),
        ('"max_tokens": "5"', '"max_tokens": "5"'),
        ('"password": 5', '"password": 5'),
        (f'"secret":"{KEY}"', f'"secret":"{redacted("aws-key-id", KEY.encode())}"'),
    ],
)
def test_members_in_text(text: str, expected: str) -> None:
    """In text that is not JSON as a whole, members with a credential's name are found too, if asked for."""
    assert redact_text(text, members=True) == expected
    assert redact_text('{"client_secret":"s"}') == '{"client_secret":"s"}'
