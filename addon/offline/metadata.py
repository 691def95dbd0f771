"""The instance metadata of AWS, Google Cloud and Azure, as far as it hands out credentials.

Shapes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html,
https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

from addon.messages import WireRequest
from addon.offline.dummies import (
    DUMMY,
    LIFETIME,
    OfflineAnswer,
    aws_credentials,
    form,
    iso,
    json_answer,
    text_answer,
)
from addon.offline.google import identity_token
from addon.offline.microsoft import token
from cache_store.entry import header_value

__all__ = ["HOSTS", "answer", "is_asked_by"]

HOSTS = (
    "169.254.169.254",
    "169.254.170.2",  # containers of ECS
    "169.254.170.23",  # pods of EKS
    "metadata.google.internal",
    "metadata.goog",
    "metadata",
)

_ROLES = ("/latest/meta-data/iam/security-credentials", "/latest/meta-data/iam/security-credentials-extended")
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EMAIL = f"{DUMMY}@{DUMMY}.iam.gserviceaccount.com"


def is_asked_by(request: WireRequest) -> bool:
    """Whether a request to the proxy's own address is one for metadata, by its path or Google's header."""
    starts = ("/latest/api/token", "/latest/meta-data/", "/computeMetadata/", "/metadata/identity/")
    return request.target.startswith(starts) or (
        request.target == "/" and header_value(request.headers, b"metadata-flavor") == "Google"
    )


def answer(request: WireRequest, path: str, now: float) -> OfflineAnswer | None:
    """The answer to a request for metadata. What a cloud has and this lacks is answered with 404."""
    if path.startswith("/latest/"):
        return _aws(request.method, path.rstrip("/"), now)
    if path.startswith("/metadata/"):
        return _azure(request, path, now)
    if path == "/" or path.startswith("/computeMetadata/"):
        found = _google(path.rstrip("/"), form(request.target.partition("?")[2]), now)
        found.headers["metadata-flavor"] = "Google"
        return found
    if path.startswith(("/v1/credentials", "/v2/credentials")):
        return json_answer({"RoleArn": DUMMY, **_aws_token(now)})
    return None


def _aws_token(now: float) -> dict[str, str]:
    credentials = aws_credentials(now)
    return {"Token": credentials.pop("SessionToken"), **credentials}


def _aws(method: str, path: str, now: float) -> OfflineAnswer:
    if method == "PUT" and path == "/latest/api/token":
        return text_answer(DUMMY, x_aws_ec2_metadata_token_ttl_seconds=str(LIFETIME))
    if path in _ROLES:
        return text_answer(DUMMY)
    if path in [f"{role}/{DUMMY}" for role in _ROLES]:
        about = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": iso(now), "AccountId": "000000000000"}
        return json_answer(about | _aws_token(now))
    return text_answer("provider-proxy has no such metadata", 404)


def _azure(request: WireRequest, path: str, now: float) -> OfflineAnswer:
    if header_value(request.headers, b"metadata").lower() != "true":
        text = "Required metadata header not specified"
        return json_answer({"error": "invalid_request", "error_description": text}, 400)
    if path == "/metadata/identity/oauth2/token":
        asked = form(request.target.partition("?")[2])
        return json_answer(token(asked.get("resource", ""), now))
    return json_answer({"error": "provider-proxy has no such metadata"}, 404)


def _google(path: str, asked: dict[str, str], now: float) -> OfflineAnswer:
    account, _, what = path.removeprefix(f"{_ACCOUNT}/").partition("/")
    if path.startswith(f"{_ACCOUNT}/") and account:
        about = {"aliases": ["default"], "email": _EMAIL, "scopes": [_SCOPE]}
        values = {
            "": json_answer(about),
            "email": text_answer(_EMAIL),
            "scopes": text_answer(_SCOPE),
            "identity": text_answer(identity_token(asked.get("audience", DUMMY), now)),
            "token": json_answer({"access_token": DUMMY, "expires_in": LIFETIME, "token_type": "Bearer"}),
        }
    else:
        what = path
        values = {
            "": text_answer("computeMetadata/\n"),
            "/computeMetadata/v1": text_answer("instance/\nproject/\n"),
            "/computeMetadata/v1/instance": text_answer("service-accounts/\n"),
            _ACCOUNT: json_answer({"default": {"email": _EMAIL, "scopes": [_SCOPE], "aliases": ["default"]}}),
            "/computeMetadata/v1/project/project-id": text_answer(DUMMY),
            "/computeMetadata/v1/universe/universe-domain": text_answer("googleapis.com"),
            "/computeMetadata/v1/universe/universe_domain": text_answer("googleapis.com"),
        }
    return values.get(what) or text_answer("provider-proxy has no such metadata", 404)
