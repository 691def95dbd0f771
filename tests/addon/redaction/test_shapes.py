"""Secrets by their shape."""

from __future__ import annotations

import base64
import json
import random

import pytest

from addon.redaction import shapes
from addon.redaction.redact import redact_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v\n" * 3 + "-----END PRIVATE KEY-----"
SECRETS = {
    "anthropic": ("sk-key", "sk-ant-api03-" + "aB3_" * 23 + "AA"),
    "anthropic oauth": ("sk-key", "sk-ant-oat01-" + "aB3-" * 20),
    "openai": ("sk-key", "sk-" + "aB3dE6gH" * 6),
    "openai letters": ("sk-key", "sk-" + "abcdefgh" * 6),
    "openai project": ("sk-key", "sk-proj-" + "aB3_" * 30 + "T3BlbkFJ" + "x9-Y" * 10),
    "openrouter": ("sk-key", "sk-or-v1-" + "0123456789abcdef" * 4),
    "deepseek": ("sk-key", "sk-" + "0123456789abcdef" * 2),
    "google": ("google-key", "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"[:35]),
    "groq": ("groq-key", "gsk_" + "aB3dE6gH" * 6 + "abcd"),
    "aws": ("aws-key-id", "AKIAIOSFODNN7EXAMPLE"),
    "aws session": ("aws-key-id", "ASIAIOSFODNN7EXAMPLE"),
    "google token": ("google-token", "ya29.a0AfH6SMBx" + "aB3_" * 30),
    "jwt": ("jwt", JWT),
    **{f"gh{kind}": ("github-token", f"gh{kind}_" + "aB3dE6" * 6) for kind in "pousr"},
    "slack bot": ("slack-token", "xoxb-123456789012-1234567890123-abcdefABCDEF"),
    "slack user": ("slack-token", "xoxp-123456789012-1234567890123-abcdefABCDEF"),
    "pem": ("private-key", PEM),
    "pem rsa": ("private-key", PEM.replace(" PRIVATE", " RSA PRIVATE")),
    "pem escaped": ("private-key", json.dumps(PEM)[1:-1]),
}


AROUND = [
    ("", ""), (" ", " "), ('"', '"'), ("key=", "&"), ("\n", "\n"), ("\\n", "\\n"), ("\\u0009", "\\u0009"), ("%20", "%20"),
    ("é", "é"), ("Bearer ", ","), ("(", ")"), (":", ";"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "secret"), SECRETS.values(), ids=SECRETS)
def test_found_exactly(kind: str, secret: str) -> None:
    """Each kind is found at its full length wherever a word may begin, in plain and in escaped text."""
    for before, after in AROUND:
        data = (before + secret + after).encode()
        start = len(before.encode())
        assert shapes.find(data) == [shapes.Finding(kind, start, start + len(secret.encode()))]


@pytest.mark.parametrize("kind_and_secret", SECRETS.values(), ids=SECRETS)
def test_not_found_cut_short_or_within_a_word(kind_and_secret: tuple[str, str]) -> None:
    """The start of a secret is not a secret, nor is one in the middle of a word."""
    kind, secret = kind_and_secret
    assert shapes.find(secret[: 14 if kind != "private-key" else 60].encode()) == []
    if kind != "private-key":
        assert shapes.find(f"x{secret}".encode()) == []
        assert shapes.find(f"_{secret}".encode()) == []


@pytest.mark.parametrize("kind", ["sk-key", "google-key", "groq-key", "aws-key-id", "github-token"])
def test_full_length_is_no_prefix(kind: str) -> None:
    """A run that is longer than a secret is not a secret."""
    secret = next(secret for found, secret in SECRETS.values() if found == kind)
    longer = secret + "a" * (300 - len(secret))
    assert shapes.find(longer.encode()) == []


@pytest.mark.parametrize(
    "text",
    [
        "chatcmpl-BvQ8Zk3mYw1xT5uR7sP9oN2lK4jH6", "msg_01XFDUDYJgAACzvnptvVoYEL", "call_abc123def456ghi789jkl012mno345",
        "toolu_01A09q90qw90lq917835lq9", "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b", "file-BK7bzQj3FfZFXr7DbL6xJwfo",
        "req_011CSHoEeqs5C35K2UUqR7Fy", "gAAAAABn" + "aB3_" * 200, "EqQBCgIYAhIM" + "aB3+/" * 100, "task-based-reasoning-for-all-kinds-of-work",
        "risk-management-2024-and-a-very-long-slug-indeed", "sk-folding-cube-animation-container-wrapper-element", "sk-" + "x" * 48,
        "sk-ant-api03-" + "x" * 80, "sk-ant-...", "sk-...", "AIza...", "sk-SK", "-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + "A" * 400 + "\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\n" + "A" * 400 + "\n-----END CERTIFICATE-----", "eyJhbGciOiJIUzI1NiJ9", "eyJ.eyJ.x", "ya29", "xoxb-",
        "550e8400-e29b-41d4-a716-446655440000", "arn:aws:iam::111111111111:role/r", "the quick brown fox " * 50,
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
def test_no_secret(text: str) -> None:
    """Ids, encrypted content, slugs, placeholders and public keys are not secrets."""
    assert shapes.find(text.encode()) == []


def test_random_base64_has_no_shape() -> None:
    """Images and embeddings in base64 are not taken for secrets."""
    chance = random.Random(1)
    assert shapes.find(base64.b64encode(chance.randbytes(2_000_000))) == []


@pytest.mark.parametrize(
    "secret",
    ["sk-" + "a1" * 16, "sk-ant-" + "a1" * 12, "AIza" + "a" * 35, "gsk_" + "a" * 40, "AKIA" + "A" * 16, "ya29." + "a" * 24,
     "eyJ" + "a" * 8 + ".eyJ" + "a" * 8 + "." + "a" * 16, "ghp_" + "a" * 36, "xoxb-" + "a" * 20],
)  # fmt: skip
def test_the_shortest_is_found(secret: str) -> None:
    """The shortest secret of each shape is found and redacted. One byte less is not a secret."""
    for before, after in AROUND:
        assert len(shapes.find((before + secret + after).encode())) == 1
        assert shapes.find((before + secret[:-1] + after).encode()) == []
    assert redact_text(secret).startswith("<redacted:")


@pytest.mark.parametrize("secret", [secret for kind, secret in SECRETS.values() if kind != "private-key"])
def test_found_at_any_distance(secret: str) -> None:
    """A secret is found however far it is from other long words, which are looked at a span at a time."""
    for distance in range(1, 1_400, 7):
        for data in (
            f"{'a' * 25}{' a' * (distance // 2)} {secret} ",
            f"{'a+/' * distance}+{secret}/{'a' * 99}",
        ):
            assert [data[found.start : found.end] for found in shapes.find(data.encode())] == [secret]


def test_several_are_told_in_order() -> None:
    """All secrets of a text are found in order, and one within another is found once."""
    text = (
        f"{SECRETS['aws'][1]} {JWT} {PEM.replace('MC4C', 'AKIAIOSFODNN7EXAMPLE ')} {SECRETS['gh' + 'p'][1]}"
    )
    assert [found.kind for found in shapes.find(text.encode())] == [
        "aws-key-id",
        "jwt",
        "private-key",
        "github-token",
    ]


def test_a_key_without_its_end_is_one() -> None:
    """A private key that is cut off, or followed by another, is found up to there."""
    cut = PEM[:90].encode()
    assert shapes.find(cut) == [shapes.Finding("private-key", 0, len(cut))]
    two = cut + b"\n" + PEM.encode()
    assert [found.start for found in shapes.find(two)] == [0, len(cut) + 1]


@pytest.mark.parametrize(
    "piece",
    ["eyJ", ".eyJabcdefghijkl", " sk-", " sk-ant-", "AKIA", "-----BEGIN PRIVATE KEY-----", "-----BEGIN", " ya29.", "\\n", "%20", " gsk_",
     "-----END RSA PRIVATE KEY-----", "aJ", "A_-"],
)  # fmt: skip
def test_linear_time(piece: str) -> None:
    """Two megabytes of a shape's beginnings are searched in one pass; quadratic work would exceed the test's time limit."""
    data = (piece * (2_000_000 // len(piece))).encode()
    shapes.find(data)
