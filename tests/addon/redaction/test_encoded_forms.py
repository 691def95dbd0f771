"""A secret is found in every encoding, whatever stands around it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.redaction.encoded_forms import encoded_forms

SECRETS = st.binary(min_size=12, max_size=40) | st.text(
    st.characters(codec="utf-8"), min_size=12, max_size=40
).map(str.encode)


def found(secret: bytes, blob: bytes) -> bool:
    """Whether one of the secret's forms is in the blob."""
    return any(form in blob for form in encoded_forms(secret))


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_bytes(secret: bytes, before: bytes, after: bytes) -> None:
    """Plain, hex and both alphabets of base64, at any alignment."""
    whole = before + secret + after
    for blob in (
        whole,
        whole.hex().encode(),
        whole.hex().upper().encode(),
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole),
    ):
        assert found(secret, blob)


@given(
    st.text(st.characters(codec="utf-8"), min_size=12, max_size=40), st.text(max_size=5), st.text(max_size=5)
)
def test_text(secret: str, before: str, after: str) -> None:
    """JSON in either spelling, and URL-encoding in any."""
    raw = secret.encode()
    for ascii_only in (True, False):
        text = json.dumps(before + secret + after, ensure_ascii=ascii_only)
        assert found(raw, text.encode("utf-8", "surrogatepass"))
        assert found(raw, text.replace("/", "\\/").encode("utf-8", "surrogatepass"))
    assert found(raw, quote(secret).encode())
    assert found(raw, quote_plus(secret).encode())
    assert found(raw, quote(secret, safe="").encode())


@pytest.mark.parametrize(
    "blob", [b"", b"sk-another-key-altogether", base64.b64encode(b"sk-another-key-altogether")]
)
def test_not_found(blob: bytes) -> None:
    """Another secret is not it."""
    assert not found(b"sk-made-up-key-0123456789", blob)


def test_url_encoding_in_lower_case() -> None:
    """`%2f` is `%2F`."""
    assert found(b"abc/def+ghi=jkl", b"abc%2fdef%2bghi%3djkl")
