"""The base URLs of SDKs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from addon.environment.base_urls import BASE_URLS, base_urls
from addon.exchange.direct import Target, parse_door
from addon.settings.hosts import parse_hosts
from cache_store.errors import UsageError

URL = "http://127.0.0.1:8080"


def made(environ: dict[str, str] | None = None, *, forwards: bool = True, hosts: str = "") -> dict[str, str]:
    """The variables for `environ`."""
    return base_urls(environ or {}, URL, parse_hosts(hosts), forwards=forwards)


@pytest.mark.parametrize("row", BASE_URLS, ids=lambda row: row.variable)
def test_every_row_leads_to_its_provider(row: tuple[str, str, str]) -> None:
    """Each base URL is one of the proxy's, for the host and path that the SDK would use itself."""
    variable, url, _ = row
    found = made()[variable]
    parts = urlsplit(url)
    assert parse_door(found.removeprefix(URL)) == Target("https", parts.netloc, 443, parts.path or "/")


def test_the_users_own_base_url_keeps_its_host() -> None:
    """A gateway that is intercepted is reached through the proxy, one that is not stays as it is."""
    own = {
        "OPENAI_BASE_URL": "https://openrouter.ai/api/v1/",
        "GROQ_BASE_URL": "https://gateway.example/groq",
    }
    assert made(own)["OPENAI_BASE_URL"] == f"{URL}/https/openrouter.ai/api/v1"
    assert "GROQ_BASE_URL" not in made(own)
    local = {"OPENAI_BASE_URL": "http://localhost:11434/v1"}
    assert made(local, hosts="+localhost:11434")["OPENAI_BASE_URL"] == f"{URL}/http/localhost:11434/v1"
    assert "OPENAI_BASE_URL" not in made(local)


@pytest.mark.parametrize(
    "value", ["https://user:pass@api.openai.com", "ftp://api.openai.com", "https://[", "x", "//h:99999"]
)
def test_odd_values_are_left_alone(value: str) -> None:
    """Nothing is guessed about a value that is not a plain URL."""
    assert "OPENAI_BASE_URL" not in made({"OPENAI_BASE_URL": value})


def test_azure_has_no_default() -> None:
    """The endpoint names the user's own resource."""
    assert "AZURE_OPENAI_ENDPOINT" not in made()
    found = made({"AZURE_OPENAI_ENDPOINT": "https://my.openai.azure.com/"})
    assert found["AZURE_OPENAI_ENDPOINT"] == f"{URL}/https/my.openai.azure.com"


def test_bedrock() -> None:
    """With SigV4 only a replay may go through it; with a bearer token every mode."""
    name, region = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", {"AWS_REGION": "eu-west-1"}
    assert name not in made(region)
    assert name not in made({"AWS_BEARER_TOKEN_BEDROCK": "t"})
    url = f"{URL}/https/bedrock-runtime.eu-west-1.amazonaws.com"
    assert made(region, forwards=False)[name] == url
    assert made(region | {"AWS_BEARER_TOKEN_BEDROCK": "t"})[name] == url


def test_a_proxy_with_a_password_has_no_base_urls() -> None:
    """One line says so: no SDK sends a proxy's password to a base URL."""
    with pytest.raises(UsageError, match="PROVIDER_PROXY_AUTH"):
        base_urls({}, "http://a:b@127.0.0.1:1", parse_hosts(""), forwards=True)


def test_the_version_that_one_sdk_has_twice() -> None:
    """together for Python adds `/v1` to the variable in which together-ai for JavaScript expects it."""
    base = made()["TOGETHER_BASE_URL"].removeprefix(URL)
    for path in ("/chat/completions", "/v1/chat/completions"):
        assert parse_door(base + path) == Target("https", "api.together.ai", 443, "/v1/chat/completions")


def test_the_version_that_one_sdk_leaves_out() -> None:
    """@ai-sdk/anthropic expects `/v1` in the variable that Anthropic's own SDKs read without it."""
    base = made()["ANTHROPIC_BASE_URL"].removeprefix(URL)
    for path in ("/messages", "/v1/messages"):
        assert parse_door(base + path) == Target("https", "api.anthropic.com", 443, "/v1/messages")
    assert parse_door(f"{base}/messages-not") == Target("https", "api.anthropic.com", 443, "/messages-not")
