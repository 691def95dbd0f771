"""Searches of a body that is mostly base64, by the few letters in it that are not base64."""

from __future__ import annotations

import base64
import random

import pytest

from addon.redaction import shapes, url_secrets
from addon.redaction.rare_letters import rare_letter

IMAGE = base64.b64encode(random.Random(1).randbytes(60_000))
SECRETS = (
    b"sk-" + b"aB3dE6gH" * 6, b"AKIAIOSFODNN7EXAMPLE", b"ghp_" + b"a1B2" * 9, b"SG." + b"a1B2" * 5 + b"." + b"a1B2" * 10,
    b"eyJhbGciOiJI.eyJzdWIiOiIx.abcdefghijklmnop123", b"123456789:AAabcdefghijklmnopqrstuvwxyz0123456",
    b"-----BEGIN PRIVATE KEY-----\\n" + b"MIGHAgEAMBMGByqGSM49" * 4 + b"\\n-----END PRIVATE KEY-----",
    b"AccountKey=" + b"a1B2" * 15, b"https://user:pa55w0rd@host/x", b"AIza" + b"Sy9d_-aB" * 4 + b"abc",
)  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("at", [0, 17_000, 60_000, len(IMAGE)])
@pytest.mark.parametrize("around", [b'"', b"+", b" "])
def test_secrets_within_base64(secret: bytes, at: int, around: bytes) -> None:
    """A secret before, inside or after a long base64 text is found in the same place as beside a short one."""
    data = b'{"a":"' + IMAGE[:at] + around + secret + around + IMAGE[at:] + b'"}'
    start = data.index(around + secret) - 40
    short = data[max(start, 0) : max(start, 0) + len(secret) + 80]

    def found(text: bytes) -> list[tuple[str, bytes]]:
        findings = shapes.find(text) + url_secrets.find(text)
        return [(kind, text[begin:end][:40]) for kind, begin, end in findings]

    assert rare_letter(data, ord("-")) is not None
    assert found(data) == found(short) != []


def test_bodies_that_are_searched_otherwise() -> None:
    """Prose, short bodies and letters that are not rare are left to other searches."""
    assert rare_letter(IMAGE, ord("-")) == []
    assert rare_letter(b":" + IMAGE + b":", ord(":")) == [0, len(IMAGE) + 1]
    assert rare_letter(IMAGE, ord("A")) is None
    assert rare_letter(IMAGE[:1000], ord("-")) is None
    assert rare_letter(b"some prose " * 10_000, ord("-")) is None
