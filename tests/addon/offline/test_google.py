"""Google's token endpoints, as google-auth reads them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import impersonated_credentials
from google.oauth2 import credentials, service_account, sts

from addon.messages import WireRequest
from addon.offline.answering import answer_offline
from addon.offline.dummies import DUMMY


def transport(url: str, method: str = "GET", body: Any = b"", headers: Any = None, **_: Any) -> Any:
    """google-auth's transport, answered by us."""
    parts = urlsplit(url)
    data = body.encode() if isinstance(body, str) else (body or b"")
    target = url.partition(parts.netloc)[2]
    found = answer_offline(WireRequest(method, "https", parts.netloc, 443, target, (), data), time.time())
    assert found is not None, url
    return SimpleNamespace(status=found[1].status, data=found[1].body, headers=found[1].headers)


@pytest.fixture(scope="module")
def account() -> dict[str, str]:
    """The content of a service account's key file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "a@p.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_a_service_account(account: dict[str, str]) -> None:
    """It gets an access token, an ID token, and from these the token of another account."""
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    source = service_account.Credentials.from_service_account_info(account, scopes=scopes)
    source.refresh(transport)
    assert (source.token, source.valid) == (DUMMY, True)
    identity = service_account.IDTokenCredentials.from_service_account_info(account, target_audience="x")
    identity.refresh(transport)
    assert identity.valid
    other = impersonated_credentials.Credentials(source, "b@p.iam.gserviceaccount.com", scopes)
    other.refresh(transport)
    assert (other.token, other.valid) == (DUMMY, True)


def test_a_users_refresh_token() -> None:
    """The credentials of `gcloud auth application-default login` are refreshed."""
    uri = "https://oauth2.googleapis.com/token"
    user = credentials.Credentials(None, refresh_token="r", token_uri=uri, client_id="c", client_secret="s")
    user.refresh(transport)
    assert (user.token, user.valid) == (DUMMY, True)


def test_workload_identity_federation() -> None:
    """The exchange of another provider's token (RFC 8693)."""
    client = sts.Client("https://sts.googleapis.com/v1/token")
    kind = "urn:ietf:params:oauth:grant-type:token-exchange"
    answer = client.exchange_token(transport, kind, "subject", "urn:ietf:params:oauth:token-type:jwt")
    assert answer["access_token"] == DUMMY
