"""What a run that sends nothing answers itself, as requests on the wire."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import pytest

from addon.messages import WireRequest
from addon.offline.answering import KINDS, TELEMETRY, TOKENS, answer_offline, metadata_answer
from addon.offline.dummies import DUMMY

NOW = 1_800_000_000.0


def request(url: str, method: str = "POST", body: bytes = b"", **headers: str) -> WireRequest:
    """A request to `url`."""
    parts = urlsplit(url)
    target = url.partition(parts.netloc)[2] or "/"
    sent = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return WireRequest(method, parts.scheme, parts.netloc, 443, target, sent, body)


@pytest.mark.parametrize(
    "url",
    [
        "https://oauth2.googleapis.com/tokeninfo",
        "https://login.microsoftonline.com/t/oauth2/v2.0/authorize",
        "https://sts.amazonaws.com/?Action=DecodeAuthorizationMessage",
        "https://api.openai.com/v1/chat/completions",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://gateway.example/token",
        "https://api.smith.langchain.com/prompts",
    ],
)
def test_not_answered(url: str) -> None:
    """An endpoint that is not known is not answered, whatever its host."""
    assert answer_offline(request(url), NOW) is None


def test_reading_telemetry_is_not_answered() -> None:
    """A GET may ask for a prompt or a data set, for which a receipt would be a wrong answer."""
    assert answer_offline(request("https://cloud.langfuse.com/api/public/ingestion", "GET"), NOW) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/traces/ingest",
        "https://API.openai.com.//v1/traces/ingest?x=1",
        "https://api.smith.langchain.com/runs/multipart",
        "https://eu.api.smith.langchain.com/runs/batch",
        "https://us.cloud.langfuse.com/api/public/ingestion",
        "https://cloud.langfuse.com/api/public/otel/v1/traces",
    ],
)
@pytest.mark.parametrize("tokens", [True, False])
def test_telemetry(url: str, *, tokens: bool) -> None:
    """What a tracing client sends in gets a receipt, also where token endpoints are passed."""
    found = answer_offline(request(url), NOW, tokens=tokens)
    assert found is not None
    assert (found[0], found[1].status, found[1].body) == (TELEMETRY, 202, b"{}")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name == TOKENS])
def test_tokens_can_be_passed(kind: object) -> None:
    """With `token_endpoints=pass` no credential is made up."""
    host = kind.hosts[0].replace("*", "eu-west-1")  # type: ignore[attr-defined]
    for target in ("/token", "/t/oauth2/v2.0/token", "/?Action=GetCallerIdentity", "/latest/api/token"):
        assert answer_offline(request(f"https://{host}{target}"), NOW, tokens=False) is None


def test_every_credential_says_that_it_is_a_dummy() -> None:
    """Each token endpoint of the issue answers with a value that no scanner takes for a real one."""
    asked = [
        request("https://oauth2.googleapis.com/token", body=b"grant_type=jwt&assertion=a.b.c"),
        request("https://sts.googleapis.com/v1/token", body=b"grant_type=x"),
        request("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a:generateAccessToken"),
        request(
            "https://login.microsoftonline.com/t/oauth2/v2.0/token", body=b"grant_type=client_credentials"
        ),
        request("https://login.microsoftonline.com/t/oauth2/token", body=b"resource=https%3A%2F%2Fr"),
        request("https://sts.eu-west-1.amazonaws.com/", body=b"Action=AssumeRole&RoleArn=arn"),
        request("https://sts.amazonaws.com/?Action=GetSessionToken", "GET"),
        request("http://169.254.170.2/v2/credentials/x", "GET"),
        request(
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
            "GET",
        ),
        request("http://169.254.169.254/metadata/identity/oauth2/token?resource=r", "GET", Metadata="true"),
        request(f"http://169.254.169.254/latest/meta-data/iam/security-credentials/{DUMMY}", "GET"),
    ]
    for one in asked:
        found = answer_offline(one, NOW)
        assert found is not None, one
        assert (found[0], found[1].status) == (TOKENS, 200)
        assert DUMMY.encode() in found[1].body, one


def test_an_id_token_names_its_audience() -> None:
    """A service account that asks for an ID token gets one for the audience in its assertion."""
    claims = base64.urlsafe_b64encode(b'{"target_audience": "https://mine.example"}').rstrip(b"=")
    body = b"grant_type=jwt-bearer&assertion=h." + claims + b".s"
    found = answer_offline(request("https://oauth2.googleapis.com/token", body=body), NOW)
    assert found is not None
    payload = json.loads(found[1].body)["id_token"].split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (decoded["aud"], decoded["exp"] > NOW) == ("https://mine.example", True)


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "a.%ff.c", "a." + "W10" + ".c", "a.ew.c"])
def test_a_malformed_assertion_gets_an_access_token(assertion: str) -> None:
    """Nothing in a request makes the answer fail."""
    body = f"assertion={assertion}".encode()
    found = answer_offline(request("https://oauth2.googleapis.com/token", body=body), NOW)
    assert found is not None
    assert json.loads(found[1].body)["access_token"] == DUMMY


def test_metadata_at_the_proxys_own_address() -> None:
    """Cloud SDKs that are directed to the proxy get metadata there; its other pages stay what they are."""
    host = "http://127.0.0.1:8080"
    role = metadata_answer(request(f"{host}/latest/meta-data/iam/security-credentials/", "GET"), NOW)
    ping = metadata_answer(request(f"{host}/", "GET", Metadata_Flavor="Google"), NOW)
    assert role is not None
    assert role[1].body == DUMMY.encode()
    assert ping is not None
    assert ping[1].headers["metadata-flavor"] == "Google"
    for path in ("/", "/-/stats", "/https/api.openai.com/v1/models", "/latest", "/v1/credentials"):
        assert metadata_answer(request(host + path, "GET"), NOW) is None


def test_a_user_gets_an_id_token_from_microsoft() -> None:
    """MSAL needs `id_token` and `client_info` where it asked for `openid`; the tenant's name is the caller's own."""
    body = b"grant_type=password&client_id=c&scope=openid+profile"
    found = answer_offline(
        request("https://login.microsoftonline.com/my-tenant/oauth2/v2.0/token", body=body), NOW
    )
    assert found is not None
    answer = json.loads(found[1].body)
    assert answer["client_info"]
    assert len(answer["id_token"].split(".")) == 3
