"""Signs a request with AWS access keys: Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; the tests compare with
botocore.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote

from addon.messages import WireRequest

__all__ = ["AwsKeys", "sign"]

_ALGORITHM = "AWS4-HMAC-SHA256"


class AwsKeys(NamedTuple):
    """Access keys of AWS; `token` is '' for lasting ones."""

    access: str
    secret: str
    token: str = ""


def sign(request: WireRequest, keys: AwsKeys, region: str, service: str, now: float) -> WireRequest:
    """The request with the headers that sign it at the time `now` (Unix seconds), its content-type included."""
    time = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    added = {"x-amz-date": time} | ({"x-amz-security-token": keys.token} if keys.token else {})
    kind = {n.decode(): v.decode("latin-1") for n, v in request.headers if n == b"content-type"}
    headers = sorted((added | kind | {"host": _host(request)}).items())
    names = ";".join(name for name, _ in headers)
    path, _, query = request.target.partition("?")
    pairs = sorted(part.partition("=") for part in query.split("&") if part)
    canonical = "\n".join(
        (
            request.method,
            quote(path, safe="/~"),
            "&".join(f"{name}={value}" for name, _, value in pairs),
            *(f"{name}:{' '.join(value.split())}" for name, value in headers),
            "",
            names,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    signed = "\n".join((_ALGORITHM, time, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, signed.encode(), "sha256").hex()
    added["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    more = tuple((name.encode(), value.encode()) for name, value in added.items())
    return replace(request, headers=(*request.headers, *more))


def _host(request: WireRequest) -> str:
    usual = {"https": 443, "http": 80}[request.scheme]
    return request.host if request.port == usual else f"{request.host}:{request.port}"
