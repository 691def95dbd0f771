"""The instance metadata of three clouds."""

from __future__ import annotations

import json

import pytest

from addon.messages import WireRequest
from addon.offline.dummies import DUMMY
from addon.offline.metadata import answer

NOW = 1_800_000_000.0


def ask(target: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers."""
    sent = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    request = WireRequest(method, "http", "169.254.169.254", 80, target, sent, b"")
    found = answer(request, target.partition("?")[0], NOW)
    assert found is not None
    return found.status, found.body.decode(), found.headers


def test_aws() -> None:
    """A token, the role, and its credentials; regions and the like are unknown."""
    roles = "/latest/meta-data/iam/security-credentials"
    assert ask("/latest/api/token", "PUT")[2]["x-aws-ec2-metadata-token-ttl-seconds"] == "3600"
    assert ask(f"{roles}/")[:2] == (200, DUMMY)
    found = json.loads(ask(f"{roles}/{DUMMY}")[1])
    assert (found["Code"], found["Token"], found["Expiration"]) == ("Success", DUMMY, "2027-01-15T09:00:00Z")
    assert ask("/latest/meta-data/placement/region")[0] == 404
    assert json.loads(ask("/v2/credentials/abc")[1])["Token"] == DUMMY


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("/", "computeMetadata"),
        ("/computeMetadata/v1/project/project-id", DUMMY),
        ("/computeMetadata/v1/instance/service-accounts/default/token?scopes=x", '"access_token"'),
        ("/computeMetadata/v1/instance/service-accounts/default/?recursive=true", '"scopes"'),
        ("/computeMetadata/v1/instance/service-accounts/me@p.iam/email", "gserviceaccount"),
        ("/computeMetadata/v1/instance/service-accounts/default/identity?audience=a", "."),
        ("/computeMetadata/v1/universe/universe-domain", "googleapis.com"),
    ],
)
def test_google(target: str, part: str) -> None:
    """Every answer has the header by which Google's clients know the server."""
    status, body, headers = ask(target)
    assert (status, headers["metadata-flavor"]) == (200, "Google")
    assert part in body
    assert ask("/computeMetadata/v1/instance/zone")[0] == 404


def test_azure() -> None:
    """A managed identity's token; without its header a request is refused, which is how clients probe."""
    target = "/metadata/identity/oauth2/token?resource=https%3A%2F%2Fr&api-version=2018-02-01"
    assert json.loads(ask(target, Metadata="true")[1])["resource"] == "https://r"
    assert ask(target)[0] == 400
    assert ask("/metadata/instance", Metadata="true")[0] == 404
