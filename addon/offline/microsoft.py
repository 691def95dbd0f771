"""Microsoft Entra's token endpoint, and the discovery that MSAL does before it asks for a token.

Shapes: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, msal `authority.py`.
"""

from __future__ import annotations

import base64
import json
import re

from addon.messages import WireRequest
from addon.offline.dummies import DUMMY, LIFETIME, OfflineAnswer, form, json_answer, jwt

__all__ = ["HOSTS", "answer", "token"]

HOSTS = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.windows.net",
    "sts.windows.net",
)

_TOKEN = re.compile(r"/([^/]+)/oauth2/(?:v2\.0/)?token/?")
_OPENID = re.compile(r"/([^/]+)(?:/v2\.0)?/\.well-known/openid-configuration")
_ALIASES = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]


def answer(request: WireRequest, path: str, now: float) -> OfflineAnswer | None:
    """The answer to a request for a token or for the endpoints of a tenant; None for any other."""
    if request.method == "POST" and (match := _TOKEN.fullmatch(path)):
        return _token(match[1], form(request.body), now)
    if request.method == "GET" and (match := _OPENID.fullmatch(path)):
        return _openid(request.host, match[1])
    if request.method == "GET" and path == "/common/discovery/instance":
        return _instances(request)
    return None


def token(resource: str, now: float) -> dict[str, str]:
    """The token that Azure's instance metadata hands out. Its numbers are text."""
    return {
        "access_token": DUMMY,
        "client_id": DUMMY,
        "expires_in": str(LIFETIME),
        "expires_on": str(int(now) + LIFETIME),
        "not_before": str(int(now)),
        "resource": resource,
        "token_type": "Bearer",
    }


def _token(tenant: str, asked: dict[str, str], now: float) -> OfflineAnswer:
    found: dict[str, object] = {
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": DUMMY,
    }
    if "resource" in asked:  # version 1 of the endpoint
        found |= token(asked["resource"], now)
    if "openid" in asked.get("scope", "").split():
        client, issuer = asked.get("client_id", DUMMY), f"https://login.microsoftonline.com/{tenant}/v2.0"
        user = {"sub": DUMMY, "oid": DUMMY, "tid": tenant, "preferred_username": DUMMY}
        found["id_token"] = jwt(now, iss=issuer, aud=client, **user)
        info = json.dumps({"uid": DUMMY, "utid": tenant}).encode()
        found |= {"client_info": base64.urlsafe_b64encode(info).decode().rstrip("="), "scope": asked["scope"]}
    return json_answer(found)


def _openid(host: str, tenant: str) -> OfflineAnswer:
    base = f"https://{host}/{tenant}"
    return json_answer(
        {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
        }
    )


def _instances(request: WireRequest) -> OfflineAnswer:
    authority = form(request.target.partition("?")[2]).get("authorization_endpoint", "")
    match = re.fullmatch(r"https://([a-z0-9.-]+)/([^/?#]+)/.*", authority)
    host, tenant = match.groups() if match else ("login.microsoftonline.com", "common")
    aliases = _ALIASES if host in _ALIASES else [host]
    cloud = {"preferred_network": aliases[0], "preferred_cache": aliases[-1], "aliases": aliases}
    return json_answer(
        {
            "tenant_discovery_endpoint": f"https://{host}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [cloud],
        }
    )
