"""Microsoft's token endpoint and discovery. tests/e2e/test_tokens_offline.py drives azure-identity through them."""

from __future__ import annotations

import json

import pytest

from addon.messages import WireRequest
from addon.offline.dummies import DUMMY
from addon.offline.microsoft import answer, token

NOW = 1_800_000_000.0


def ask(target: str, method: str = "GET", body: bytes = b"") -> dict[str, object] | None:
    """The JSON of an answer."""
    host = "login.microsoftonline.com"
    found = answer(WireRequest(method, "https", host, 443, target, (), body), target.partition("?")[0], NOW)
    return None if found is None else json.loads(found.body)


@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_discovery_names_the_tenants_own_endpoints(version: str) -> None:
    """What MSAL learns leads it to an endpoint that is answered as well."""
    found = ask(f"/my-tenant{version}/.well-known/openid-configuration")
    assert found is not None
    assert found["token_endpoint"] == "https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token"
    assert found["issuer"] == "https://login.microsoftonline.com/my-tenant/v2.0"


def test_the_instance_is_the_one_that_was_asked_for() -> None:
    """A foreign or malformed endpoint is not repeated."""
    asked = "?api-version=1.1&authorization_endpoint="
    found = ask(f"/common/discovery/instance{asked}https://login.microsoftonline.us/t/oauth2/v2.0/authorize")
    assert found is not None
    assert (
        found["tenant_discovery_endpoint"]
        == "https://login.microsoftonline.us/t/v2.0/.well-known/openid-configuration"
    )
    found = ask(f"/common/discovery/instance{asked}%0d%0aevil")
    assert found is not None
    assert "evil" not in json.dumps(found)


def test_version_1_names_the_resource() -> None:
    """The older endpoint's numbers are text, and the resource is the caller's."""
    found = ask("/t/oauth2/token", "POST", b"grant_type=client_credentials&resource=https%3A%2F%2Fr")
    assert found is not None
    assert (found["resource"], found["expires_on"]) == ("https://r", str(int(NOW) + 3600))
    assert token("r", NOW)["access_token"] == DUMMY


@pytest.mark.parametrize(
    ("target", "method"), [("/t/oauth2/v2.0/token", "GET"), ("/t/oauth2/v2.0/authorize", "POST")]
)
def test_not_answered(target: str, method: str) -> None:
    """Whatever hands out no token."""
    assert ask(target, method) is None
