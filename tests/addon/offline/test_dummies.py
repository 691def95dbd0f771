"""The dummy credentials and the parts of an offline answer."""

from __future__ import annotations

import base64
import json

import pytest

from addon.offline.dummies import DUMMY, aws_credentials, form, iso, jwt
from addon.redaction.scanning import scan_bytes


def test_nothing_looks_like_a_real_credential() -> None:
    """A secret scanner of a repository or of ours has nothing to report."""
    text = json.dumps([DUMMY, aws_credentials(0), jwt(0, aud="x")])
    assert "AKIA" not in text
    assert "ya29." not in text
    assert scan_bytes(json.dumps([DUMMY, aws_credentials(0)]).encode()) == []


def test_times() -> None:
    """Clients parse the expiry, which lies ahead."""
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert aws_credentials(0)["Expiration"] == "1970-01-01T01:00:00Z"


def test_a_jwt_has_three_parts() -> None:
    """Header, claims and something in the place of a signature, without padding."""
    parts = jwt(100, aud="mine").split(".")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    assert (len(parts), claims["aud"], claims["exp"]) == (3, "mine", 3700)
    assert "=" not in "".join(parts)


@pytest.mark.parametrize("text", [b"\xff\xfe", "&" * 200, "a=1&" * 200, "", "%%%", b"=" * 100000])
def test_no_form_is_too_odd(text: bytes | str) -> None:
    """What cannot be read is read as nothing."""
    assert set(form(text)) <= {"a", "%%%", ""}
