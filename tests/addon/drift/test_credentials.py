"""Which credential goes where: to exact hosts and to endpoints of the user's own, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.drift.credentials import KEYS, with_credential
from addon.environment.base_urls import BASE_URLS
from addon.environment.dummy_keys import DUMMY_KEYS
from addon.messages import WireRequest
from addon.settings.hosts import parse_hosts

ALL_KEYS = {name: f"key-of-{name}" for row in KEYS for name in row.variables}
REGIONS = {"AWS_REGION": "eu-west-1", "GOOGLE_CLOUD_LOCATION": "europe-west4"}
OPENAI = WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", (), b"{}")


def sent(request: WireRequest, environ: dict[str, str], *, wanted: bool = True) -> dict[str, str] | str:
    """The headers that are sent, or why nothing is."""
    found = with_credential(request, environ, wanted=wanted)
    return found if isinstance(found, str) else {n.decode(): v.decode() for n, v in found.headers}


@pytest.mark.parametrize(
    ("host", "header", "value"),
    [
        ("api.openai.com", "authorization", "Bearer key-of-OPENAI_API_KEY"),
        ("api.anthropic.com", "x-api-key", "key-of-ANTHROPIC_API_KEY"),
        ("generativelanguage.googleapis.com", "x-goog-api-key", "key-of-GOOGLE_API_KEY"),
        (
            "bedrock-runtime.eu-west-1.amazonaws.com",
            "authorization",
            "Bearer key-of-AWS_BEARER_TOKEN_BEDROCK",
        ),
        (
            "europe-west4-aiplatform.googleapis.com",
            "authorization",
            "Bearer key-of-CLOUDSDK_AUTH_ACCESS_TOKEN",
        ),
        ("api.cohere.com", "authorization", "Bearer key-of-CO_API_KEY"),
        ("codestral.mistral.ai", "authorization", "Bearer key-of-CODESTRAL_API_KEY"),
    ],
)
def test_each_host_gets_its_own_key(host: str, header: str, value: str) -> None:
    """In the header that its SDK uses."""
    assert sent(replace(OPENAI, host=host), ALL_KEYS | REGIONS) == {header: value}


@pytest.mark.parametrize("row", KEYS, ids=lambda row: row.variables[0])
def test_the_table_knows_built_in_hosts_and_the_sdks_variables(row: object) -> None:
    """Its hosts are intercepted by default, and its variables are those that other tables name."""
    rules = parse_hosts("")
    known = {name for names in DUMMY_KEYS for name in names}
    more = {"CODESTRAL_API_KEY", "CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"}
    for host in row.hosts:  # type: ignore[attr-defined]
        assert rules.match(host.format(region="us-east-1"), 443)
    assert set(row.variables) <= known | more  # type: ignore[attr-defined]


def test_every_base_url_variable_is_in_the_table() -> None:
    """A key of an SDK whose base URL is set belongs to that endpoint."""
    named = {name for row in KEYS for name in row.endpoints}
    assert {row.variable for row in BASE_URLS} <= named


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"host": "api.openai.com.evil.example"},
        {"host": "evil.api.openai.com"},
        {"host": "mine.openai.azure.com"},
        {"host": "api.openai.com."},
        {"host": "user@api.openai.com"},
        {"host": "bedrock-runtime.evil.s3.amazonaws.com"},
        {"host": "bedrock-runtime.us-east-1.amazonaws.com"},  # another region than the user's
        {"host": "x-aiplatform.googleapis.com"},
        {"host": "169.254.169.254"},
        {"host": "localhost"},
        {"scheme": "http", "port": 80},
        {"scheme": "http"},
        {"port": 8443},
    ],
    ids=str,
)
@pytest.mark.parametrize("wanted", [True, False])
def test_a_recording_does_not_choose_who_gets_a_key(elsewhere: dict[str, str | int], wanted: bool) -> None:
    """A name that looks like a provider's, another port, or plain HTTP: nothing is sent, with a key or without."""
    found = sent(replace(OPENAI, **elsewhere), ALL_KEYS | REGIONS, wanted=wanted)  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert "key-of" not in found


def test_an_endpoint_variable_names_the_users_own_host() -> None:
    """Scheme, host, port and path of the variable count."""
    environ = {"AZURE_OPENAI_API_KEY": "k1", "AZURE_OPENAI_ENDPOINT": "https://Mine.openai.azure.com/"}
    assert sent(replace(OPENAI, host="mine.openai.azure.com"), environ) == {"api-key": "k1"}
    assert isinstance(sent(replace(OPENAI, host="yours.openai.azure.com"), environ), str)
    environ = {"OPENAI_API_KEY": "k2", "OPENAI_BASE_URL": "http://gateway:4000/team/v1"}
    there = replace(OPENAI, scheme="http", host="gateway", port=4000, target="/team/v1/chat/completions?a=b")
    assert sent(there, environ) == {"authorization": "Bearer k2"}
    for other in (
        {"port": 4001},
        {"scheme": "https"},
        {"target": "/other/v1/chat"},
        {"target": "/team/v10/chat"},
    ):
        assert isinstance(sent(replace(there, **other), environ), str)  # type: ignore[arg-type]


def test_a_key_belongs_to_the_endpoint_that_is_set() -> None:
    """A gateway's key must not go to the provider, which is what the SDK would do, too."""
    found = sent(OPENAI, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://gateway.example/v1"})
    assert isinstance(found, str)
    assert "OPENAI_BASE_URL" in found


@pytest.mark.parametrize(
    "url", ["", "gateway", "ftp://gateway", "https://u:p@gateway", "https://gateway:99999"]
)
def test_a_variable_that_is_no_url_names_no_host(url: str) -> None:
    """One with a user name neither: that is another credential."""
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url}
    assert isinstance(sent(replace(OPENAI, host="gateway"), environ), str)


def test_what_is_missing_is_named() -> None:
    """The variable to set, and a value that no header can carry without showing it."""
    assert sent(OPENAI, {}) == "api.openai.com wants a credential; set OPENAI_API_KEY"
    found = sent(OPENAI, {"OPENAI_API_KEY": "secret\r\nx: y"})
    assert isinstance(found, str)
    assert "secret" not in found


def test_a_request_without_a_credential_goes_without_one() -> None:
    """As it was recorded."""
    assert sent(OPENAI, ALL_KEYS, wanted=False) == {}


def test_access_keys_of_aws_sign() -> None:
    """In the user's region; the secret key itself is in no header."""
    request = replace(OPENAI, host="bedrock-runtime.eu-west-1.amazonaws.com", target="/model/m/converse")
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "key-of-aws", "AWS_SESSION_TOKEN": "t"}
    headers = sent(request, keys | REGIONS)
    assert isinstance(headers, dict)
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/bedrock/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "t"
    assert "key-of-aws" not in str(headers)
    assert "AWS_SECRET_ACCESS_KEY" in sent(request, {"AWS_ACCESS_KEY_ID": "AKID"} | REGIONS)
    assert "cannot be sent" in sent(request, keys | REGIONS | {"AWS_SESSION_TOKEN": "a\nb"})
    assert isinstance(
        sent(replace(request, host="bedrock-runtime.us-east-1.amazonaws.com"), keys | REGIONS), str
    )


def test_the_second_way_counts_where_the_first_has_no_value() -> None:
    """Anthropic takes a key or a token."""
    request = replace(OPENAI, host="api.anthropic.com", target="/v1/messages")
    assert sent(request, {"ANTHROPIC_AUTH_TOKEN": "t"}) == {"authorization": "Bearer t"}
