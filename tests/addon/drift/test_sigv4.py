"""Signatures of AWS, as botocore makes them."""

from __future__ import annotations

import datetime
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from addon.drift.sigv4 import AwsKeys, sign
from addon.messages import WireRequest

NOW = 1_795_256_102.0
HOST = "bedrock-runtime.us-east-1.amazonaws.com"


@pytest.mark.parametrize("token", ["", "session-token"])
@pytest.mark.parametrize(
    "target", ["/model/anthropic.claude/converse", "/model/arn%3Aaws%3Ax%2Fy~z/invoke?b=2&a=1"]
)
@pytest.mark.parametrize("port", [443, 8443])
def test_botocore_signs_the_same(token: str, target: str, port: int) -> None:
    """Host, path, query, date, token, content-type and body."""
    headers = ((b"content-type", b"application/json"), (b"accept", b"application/json"))
    request = WireRequest("POST", "https", HOST, port, target, headers, b'{"a": 1}')
    ours = dict(sign(request, AwsKeys("AKID", "secret", token), "us-east-1", "bedrock", NOW).headers)
    place = HOST if port == 443 else f"{HOST}:{port}"
    theirs = AWSRequest("POST", f"https://{place}{target}", {"content-type": "application/json"}, b'{"a": 1}')
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(Credentials("AKID", "secret", token or None), "bedrock", "us-east-1").add_auth(theirs)
    assert ours[b"authorization"].decode() == theirs.headers["Authorization"]
    assert ours[b"x-amz-date"].decode() == theirs.headers["X-Amz-Date"]
    assert b"secret" not in ours[b"authorization"]
