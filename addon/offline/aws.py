"""AWS STS: the actions that hand out credentials, and GetCallerIdentity.

Shapes: https://docs.aws.amazon.com/STS/latest/APIReference/, botocore `data/sts/2011-06-15/service-2.json`.
"""

from __future__ import annotations

from collections.abc import Mapping

from addon.messages import WireRequest
from addon.offline.dummies import DUMMY, OfflineAnswer, aws_credentials, form

__all__ = ["HOSTS", "answer"]

HOSTS = ("sts.amazonaws.com", "sts.*.amazonaws.com", "sts-fips.*.amazonaws.com", "sts.*.amazonaws.com.cn")

_ACCOUNT = "000000000000"
_ROLE = {"AssumedRoleId": f"DUMMY:{DUMMY}", "Arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/dummy/{DUMMY}"}
_USER = {"FederatedUserId": f"{_ACCOUNT}:dummy", "Arn": f"arn:aws:sts::{_ACCOUNT}:federated-user/dummy"}
_ISSUED_BY = {"Audience": DUMMY, "Subject": DUMMY}
# What each action answers besides the credentials.
_WITH_CREDENTIALS: dict[str, dict[str, object]] = {
    "AssumeRole": {"AssumedRoleUser": _ROLE},
    "AssumeRoleWithWebIdentity": {
        "AssumedRoleUser": _ROLE, "SubjectFromWebIdentityToken": DUMMY, "Audience": DUMMY, "Provider": DUMMY,
    },
    "AssumeRoleWithSAML": {"AssumedRoleUser": _ROLE, "SubjectType": "persistent", "Issuer": DUMMY, **_ISSUED_BY},
    "AssumeRoot": {},
    "GetSessionToken": {},
    "GetFederationToken": {"FederatedUser": _USER},
}  # fmt: skip
_IDENTITY = {"Arn": _ROLE["Arn"], "UserId": _ROLE["AssumedRoleId"], "Account": _ACCOUNT}
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def answer(request: WireRequest, path: str, now: float) -> OfflineAnswer | None:
    """The answer to an action that is known; None for any other."""
    if path != "/":
        return None
    action = form(request.body or request.target.partition("?")[2]).get("Action", "")
    if action == "GetCallerIdentity":
        return _xml(action, _IDENTITY)
    if action in _WITH_CREDENTIALS:
        return _xml(action, {"Credentials": aws_credentials(now), **_WITH_CREDENTIALS[action]})
    return None


def _xml(action: str, result: Mapping[str, object]) -> OfflineAnswer:
    body = (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{_elements(result)}</{action}Result>'
        f"<ResponseMetadata><RequestId>{DUMMY}</RequestId></ResponseMetadata></{action}Response>"
    )
    return OfflineAnswer(200, body.encode(), {"content-type": "text/xml"})


def _elements(values: Mapping[str, object]) -> str:
    # Every value is one of ours, so nothing needs escaping.
    inner = (_elements(value) if isinstance(value, Mapping) else str(value) for value in values.values())
    return "".join(f"<{name}>{text}</{name}>" for name, text in zip(values, inner, strict=True))
