"""The variables from which SDKs read a base URL, for clients that ignore proxy variables: `run --base-urls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from addon.settings.hosts import HostRules
from cache_store.errors import UsageError

__all__ = ["BASE_URLS", "BaseUrl", "base_urls"]


class BaseUrl(NamedTuple):
    """A variable, the URL that its SDKs use without it, and which SDKs read it."""

    variable: str
    url: str
    read_by: str


BASE_URLS = (
    BaseUrl(
        "OPENAI_BASE_URL", "https://api.openai.com/v1", "OpenAI's SDKs, @ai-sdk/openai, frameworks above them"
    ),
    BaseUrl("OPENAI_API_BASE", "https://api.openai.com/v1", "litellm, langchain-openai, openai before 1.0"),
    BaseUrl(
        "ANTHROPIC_BASE_URL", "https://api.anthropic.com", "Anthropic's SDKs, @ai-sdk/anthropic, Claude Code"
    ),
    BaseUrl("ANTHROPIC_API_URL", "https://api.anthropic.com", "langchain-anthropic"),
    BaseUrl("ANTHROPIC_API_BASE", "https://api.anthropic.com", "litellm"),
    BaseUrl(
        "GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com", "google-genai, @google/genai"
    ),
    BaseUrl("CO_API_URL", "https://api.cohere.com", "cohere"),
    BaseUrl("GROQ_BASE_URL", "https://api.groq.com", "groq, groq-sdk"),
    BaseUrl("TOGETHER_BASE_URL", "https://api.together.ai/v1", "together, together-ai"),
    BaseUrl("FIREWORKS_BASE_URL", "https://api.fireworks.ai", "fireworks-ai"),
    BaseUrl("CEREBRAS_BASE_URL", "https://api.cerebras.ai", "cerebras-cloud-sdk"),
)
"""Every variable that is set; the path is the one that its SDKs append to."""

# These name a resource of the user: set only if they have a value, which then goes through the proxy.
_OWN_RESOURCE = (
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_AI_ENDPOINT",
    "AZURE_INFERENCE_ENDPOINT",
    "GOOGLE_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
)
_STS = "AWS_ENDPOINT_URL_STS"
_BEDROCK = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def base_urls(
    environ: Mapping[str, str], url: str, rules: HostRules, *, forwards: bool, tokens: HostRules | None = None
) -> dict[str, str]:
    """The variables to set, with base URLs of the proxy at `url`.

    A value that `environ` has keeps its host and path if `rules` match the host, and is left alone otherwise.
    Bedrock's needs a region, and in a mode that forwards also a bearer token: SigV4 signs host and path, so AWS
    would refuse what was signed for the proxy's. `tokens` are the hosts of token endpoints that the proxy answers;
    with them AWS STS is asked at the proxy, too. Raises UsageError if the proxy wants a password, which no SDK
    sends to a base URL.
    """
    if "@" in url:
        raise UsageError(
            "--base-urls cannot be used with PROVIDER_PROXY_AUTH; SDKs send no password to a base URL"
        )
    wanted = {row.variable: environ.get(row.variable) or row.url for row in BASE_URLS}
    wanted |= {name: environ[name] for name in _OWN_RESOURCE if environ.get(name)}
    region = next((environ[name] for name in _REGIONS if environ.get(name)), "")
    if region and (environ.get("AWS_BEARER_TOKEN_BEDROCK") or not forwards):
        wanted[_BEDROCK] = environ.get(_BEDROCK) or f"https://bedrock-runtime.{region}.amazonaws.com"
    found = {name: _through(url, target, rules) for name, target in wanted.items()}
    if region and tokens is not None:
        found[_STS] = _through(url, environ.get(_STS) or f"https://sts.{region}.amazonaws.com", tokens)
    return {name: door for name, door in found.items() if door is not None}


def _through(url: str, target: str, rules: HostRules) -> str | None:
    """`target` as a base URL of the proxy at `url`; None if it is not one of an intercepted host."""
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return None
    if not rules.match(host, port or (443 if parts.scheme == "https" else 80)):
        return None
    return f"{url}/{parts.scheme}/{parts.netloc}{parts.path}".rstrip("/")
