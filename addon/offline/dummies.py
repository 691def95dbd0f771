"""The answer of an offline endpoint, and the dummy credentials in it.

Every value says that it is a dummy. None is in the shape of a real credential that a scanner would report.
"""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any, NamedTuple
from urllib.parse import parse_qs

__all__ = ["DUMMY", "OfflineAnswer", "aws_credentials", "form", "iso", "json_answer", "jwt", "text_answer"]

DUMMY = "provider-proxy-dummy"
"""The value of every dummy token and the name of every dummy account."""
LIFETIME = 3600  # seconds; clients ask again before that


class OfflineAnswer(NamedTuple):
    """Status, body, and headers by name."""

    status: int
    body: bytes
    headers: dict[str, str]


def json_answer(value: object, status: int = 200, **headers: str) -> OfflineAnswer:
    """A JSON answer; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return OfflineAnswer(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def text_answer(text: str, status: int = 200, **headers: str) -> OfflineAnswer:
    """A plain text answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return OfflineAnswer(status, text.encode(), {"content-type": "text/plain", **named})


def jwt(now: float, **claims: Any) -> str:
    """A JSON Web Token (RFC 7519) with these claims; its signature is not one."""
    times = {"iat": int(now), "nbf": int(now), "exp": int(now) + LIFETIME}
    parts = (
        _json64({"alg": "RS256", "typ": "JWT", "kid": DUMMY}),
        _json64(times | claims),
        _b64(DUMMY.encode()),
    )
    return ".".join(parts)


def aws_credentials(now: float) -> dict[str, str]:
    """Temporary AWS credentials, with the names that STS uses."""
    return {
        "AccessKeyId": "DUMMYPROVIDERPROXY",
        "SecretAccessKey": DUMMY,
        "SessionToken": DUMMY,
        "Expiration": iso(now + LIFETIME),
    }


def iso(seconds: float) -> str:
    """Unix seconds as `2026-01-31T12:00:00Z`."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def form(text: bytes | str) -> dict[str, str]:
    """The first value of each name of a query or a form; {} if it is too long or malformed."""
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    try:
        return {name: values[0] for name, values in parse_qs(decoded[:65536], max_num_fields=100).items()}
    except ValueError:
        return {}


def _json64(value: object) -> str:
    return _b64(json.dumps(value).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
