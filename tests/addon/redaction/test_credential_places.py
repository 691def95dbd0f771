"""Where credentials stand, by name."""

from __future__ import annotations

import pytest

from addon.redaction.credential_places import (
    CREDENTIAL_HEADERS,
    header_kind,
    looks_like_credential,
)


def test_tables_give_reasons() -> None:
    """Each row of a table has a source and is in lower case."""
    for place in CREDENTIAL_HEADERS:
        assert place.reason
        assert place.pattern == place.pattern.lower()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x-vendor-token", True), ("my_secret", True), ("x-auth-user", True), ("pageToken", True), ("password", True), ("x-key-2", True),
     ("user-agent", False), ("x-max-tokens", False), ("author", False), ("monkey", False), ("x-route", False), ("tokenizer", False)],
)  # fmt: skip
def test_looks(name: str, expected: bool) -> None:
    """Whole words in a name decide what it looks like."""
    assert looks_like_credential(name) is expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [(b"Authorization", "authorization"), (b"COOKIE", "cookie"), (b"x-odd-token", "x-odd-token"), (b"x-odd", "unknown"),
     (b"Idempotency-Key", None), (b"x" * 500, "unknown")],
)  # fmt: skip
def test_header_kinds(name: bytes, kind: str | None) -> None:
    """The kind of a header follows from its name."""
    assert header_kind(name) == kind
