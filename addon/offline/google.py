"""Google's token endpoints: service accounts, refresh tokens, workload identity federation, impersonation.

Shapes: https://developers.google.com/identity/protocols/oauth2/service-account, google-auth `oauth2/_client.py`,
`google/oauth2/sts.py`, `google/auth/impersonated_credentials.py`.
"""

from __future__ import annotations

import base64
import binascii
import json

from addon.messages import WireRequest
from addon.offline.dummies import DUMMY, LIFETIME, OfflineAnswer, form, iso, json_answer, jwt

__all__ = ["HOSTS", "answer", "identity_token"]

HOSTS = ("oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com")

_TOKEN = {"access_token": DUMMY, "expires_in": LIFETIME, "token_type": "Bearer"}
_ISSUER = "https://accounts.google.com"


def answer(request: WireRequest, path: str, now: float) -> OfflineAnswer | None:
    """The answer to a token request; None for any other. `now` is Unix seconds."""
    if request.host == "oauth2.googleapis.com" and path == "/token" and request.method == "POST":
        return _token(form(request.body), now)
    if request.host == "sts.googleapis.com" and path == "/v1/token" and request.method == "POST":
        return json_answer(_TOKEN | {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
    if request.host == "iamcredentials.googleapis.com":
        if path.endswith(":generateAccessToken"):
            return json_answer({"accessToken": DUMMY, "expireTime": iso(now + LIFETIME)})
        if path.endswith(":generateIdToken"):
            return json_answer({"token": identity_token(DUMMY, now)})
        if path.endswith("/allowedLocations"):  # asked by google-auth after it has a token
            return json_answer({"locations": [], "encodedLocations": "0x0"})
    return None


def identity_token(audience: str, now: float) -> str:
    """An ID token for `audience`."""
    return jwt(now, iss=_ISSUER, aud=audience, sub=DUMMY, azp=DUMMY)


def _token(asked: dict[str, str], now: float) -> OfflineAnswer:
    audience = _claims(asked.get("assertion", "")).get("target_audience")
    if isinstance(audience, str):  # a service account asks for an ID token
        return json_answer({"id_token": identity_token(audience, now)})
    if "refresh_token" in asked or "code" in asked:
        identity = identity_token(asked.get("client_id", DUMMY), now)
        return json_answer(_TOKEN | {"id_token": identity, "scope": asked.get("scope", "openid")})
    return json_answer(_TOKEN)


def _claims(assertion: str) -> dict[str, object]:
    """The claims of a JWT; {} if it is none."""
    parts = assertion.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
