"""Secrets that were encoded twice, or in a rarer way."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import pytest

from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.redaction.inner_texts import inner_texts

SECRET = b"made-up/SECRET+credential=42"

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(data)),
    "urlsafe twice": lambda data: base64.urlsafe_b64encode(base64.urlsafe_b64encode(data)).rstrip(b"="),
    "base64 of hex": lambda data: base64.b64encode(data.hex().encode()),
    "base32": base64.b32encode,
    "base32, lower": lambda data: base64.b32encode(data).lower().rstrip(b"="),
    "hex with colons": lambda data: data.hex(":").encode(),
    "HEX with colons": lambda data: data.hex(":").upper().encode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("before", range(6))
def test_an_encoded_echo_is_found(name: str, before: int) -> None:
    """Whatever stands before and after it within the encoding and in the text."""
    taint = Taint()
    taint.add([Credential("api-key", SECRET)])
    echo = ENCODINGS[name](b"x" * before + SECRET + b" and more")
    assert taint.found_in(b'{"echo": "' + echo + b'", "n": 1}') == "api-key"
    assert taint.found_in(b'{"echo": "' + ENCODINGS[name](b"something else, as long as it") + b'"}') is None


@pytest.mark.parametrize(
    "text", [b"", b"plain words only, nothing is encoded", b"a:b:c::", b":" * 1000, b"A" * 13, b"=" * 64]
)
def test_other_text_has_no_inner_text_that_matters(text: bytes) -> None:
    """It is decoded to nothing that looks like a secret, and never fails."""
    assert SECRET not in b"\n".join(inner_texts(text))


def test_hostile_text_is_decoded_without_an_error() -> None:
    """Any bytes, and runs of every length."""
    for length in range(80):
        for letter in (b"A", b"a", b"7", b"-", b"f:"):
            list(inner_texts(letter * length))
    list(inner_texts(os.urandom(300_000)))
