"""AWS STS, as botocore reads it."""

from __future__ import annotations

import time
from typing import Any

import botocore.awsrequest
import botocore.session
import pytest

from addon.messages import WireRequest
from addon.offline.answering import answer_offline
from addon.offline.dummies import DUMMY


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """botocore's client of STS, whose requests we answer."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    session = botocore.session.get_session()
    made = session.create_client(
        "sts", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s"
    )

    def send(request: Any, **_: Any) -> Any:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        wire = WireRequest(request.method, "https", "sts.eu-west-1.amazonaws.com", 443, "/", (), body)
        found = answer_offline(wire, time.time())
        assert found is not None
        raw = type("Raw", (), {"stream": lambda self, **_: [found[1].body]})()
        return botocore.awsrequest.AWSResponse(request.url, found[1].status, found[1].headers, raw)

    made.meta.events.register("before-send.sts", send)
    return made


ROLE = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "session"}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("assume_role", ROLE),
        ("assume_role_with_web_identity", ROLE | {"WebIdentityToken": "abcd"}),
        (
            "assume_role_with_saml",
            {"RoleArn": ROLE["RoleArn"], "PrincipalArn": ROLE["RoleArn"], "SAMLAssertion": "abcd"},
        ),
        ("get_session_token", {}),
        ("get_federation_token", {"Name": "ab"}),
    ],
)
def test_actions_that_hand_out_credentials(client: Any, operation: str, arguments: dict[str, str]) -> None:
    """Each gives complete dummy credentials that are valid for a while."""
    found = getattr(client, operation)(**arguments)["Credentials"]
    assert (found["SecretAccessKey"], found["SessionToken"]) == (DUMMY, DUMMY)
    assert found["Expiration"].timestamp() > time.time() + 1800


def test_the_caller(client: Any) -> None:
    """GetCallerIdentity names a dummy account."""
    found = client.get_caller_identity()
    assert (found["Account"], DUMMY in found["Arn"]) == ("000000000000", True)


@pytest.mark.parametrize("body", [b"", b"Action=DecodeAuthorizationMessage", b"Action=%00", b"\xff"])
def test_other_actions_are_not_answered(body: bytes) -> None:
    """An action that is not known is refused later, not guessed."""
    assert answer_offline(WireRequest("POST", "https", "sts.amazonaws.com", 443, "/", (), body), 0) is None
