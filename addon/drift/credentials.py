"""Which credential goes to which host when a recorded request is asked again.

A recording names its host, and it may come from somebody else: anyone can register a name under
`*.openai.azure.com`. So a key goes only to the hosts of its row, by exact name, over TLS and on port 443, or to
the endpoint that the user's own variable names. Where such a variable is set, the key belongs to that endpoint
alone, as it does for the SDK that reads both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import urlsplit

from addon.drift.sigv4 import AwsKeys, sign
from addon.identity.url_form import normal_host
from addon.messages import WireRequest

__all__ = ["KEYS", "KeyRow", "with_credential"]

_PORTS = {"http": 80, "https": 443}
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_VALUE = re.compile(r"[\x21-\x7e]+")
_AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_GOOGLE_REGIONS = ("GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION", "VERTEXAI_LOCATION")


class KeyRow(NamedTuple):
    """One credential: the first of `variables` that has a value, sent in `header` behind `prefix`.

    It goes to `hosts`, in which `{region}` is the value of the first of `regions`, or, if one of `endpoints` is
    set, only to what that names. With `signs` it is the access key of AWS, and signs the request.
    """

    variables: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    header: str = "authorization"
    prefix: str = "Bearer "
    regions: tuple[str, ...] = ()
    signs: bool = False


# The variables are those of the providers' SDKs; the endpoint variables are in `addon/environment/base_urls.py`.
KEYS = (
    KeyRow(
        ("OPENAI_API_KEY",),
        ("api.openai.com", "eu.api.openai.com", "us.api.openai.com"),
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    ),
    KeyRow(("AZURE_OPENAI_API_KEY",), (), ("AZURE_OPENAI_ENDPOINT",), "api-key", ""),
    KeyRow(("AZURE_OPENAI_AD_TOKEN",), (), ("AZURE_OPENAI_ENDPOINT",)),
    KeyRow(
        ("AZURE_INFERENCE_CREDENTIAL", "AZURE_AI_API_KEY"),
        (),
        ("AZURE_INFERENCE_ENDPOINT", "AZURE_AI_ENDPOINT"),
        "api-key",
        "",
    ),
    KeyRow(
        ("ANTHROPIC_API_KEY",),
        ("api.anthropic.com",),
        ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL", "ANTHROPIC_API_BASE"),
        "x-api-key",
        "",
    ),
    KeyRow(
        ("ANTHROPIC_AUTH_TOKEN",),
        ("api.anthropic.com",),
        ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL", "ANTHROPIC_API_BASE"),
    ),
    KeyRow(
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("generativelanguage.googleapis.com",),
        ("GOOGLE_GEMINI_BASE_URL",),
        "x-goog-api-key",
        "",
    ),
    # Access tokens of Google Cloud as gcloud, Terraform and google-github-actions/auth name them.
    KeyRow(
        ("CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"),
        ("aiplatform.googleapis.com", "{region}-aiplatform.googleapis.com"),
        ("GOOGLE_VERTEX_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"),
        regions=_GOOGLE_REGIONS,
    ),
    KeyRow(
        ("AWS_BEARER_TOKEN_BEDROCK",),
        ("bedrock-runtime.{region}.amazonaws.com",),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "ANTHROPIC_BEDROCK_BASE_URL"),
        regions=_AWS_REGIONS,
    ),
    KeyRow(
        ("AWS_ACCESS_KEY_ID",),
        ("bedrock-runtime.{region}.amazonaws.com",),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "ANTHROPIC_BEDROCK_BASE_URL"),
        regions=_AWS_REGIONS,
        signs=True,
    ),
    KeyRow(("MISTRAL_API_KEY",), ("api.mistral.ai",)),
    KeyRow(("CODESTRAL_API_KEY",), ("codestral.mistral.ai",)),
    KeyRow(("CO_API_KEY", "COHERE_API_KEY"), ("api.cohere.com", "api.cohere.ai"), ("CO_API_URL",)),
    KeyRow(("GROQ_API_KEY",), ("api.groq.com",), ("GROQ_BASE_URL",)),
    KeyRow(
        ("TOGETHER_API_KEY",),
        ("api.together.xyz", "api.together.ai", "api-inference.together.ai"),
        ("TOGETHER_BASE_URL",),
    ),
    KeyRow(("FIREWORKS_API_KEY",), ("api.fireworks.ai",), ("FIREWORKS_BASE_URL",)),
    KeyRow(("DEEPSEEK_API_KEY",), ("api.deepseek.com",)),
    KeyRow(("XAI_API_KEY",), ("api.x.ai",)),
    KeyRow(("OPENROUTER_API_KEY",), ("openrouter.ai",)),
    KeyRow(("PERPLEXITY_API_KEY", "PPLX_API_KEY"), ("api.perplexity.ai",)),
    KeyRow(("CEREBRAS_API_KEY",), ("api.cerebras.ai",), ("CEREBRAS_BASE_URL",)),
    KeyRow(("DEEPINFRA_API_KEY", "DEEPINFRA_API_TOKEN", "DEEPINFRA_TOKEN"), ("api.deepinfra.com",)),
    KeyRow(("HF_TOKEN", "HUGGINGFACE_API_KEY"), ("router.huggingface.co", "api-inference.huggingface.co")),
    KeyRow(("VOYAGE_API_KEY",), ("api.voyageai.com",)),
)
"""The first row that fits a host and has a credential counts."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a credential may go: requests below `path` of an origin."""

    scheme: str
    host: str
    port: int
    path: str = ""

    def holds(self, request: WireRequest) -> bool:
        path = request.target.partition("?")[0]
        return (request.scheme, request.host, request.port) == (self.scheme, self.host, self.port) and (
            not self.path or path == self.path or path.startswith(f"{self.path}/")
        )


def with_credential(request: WireRequest, environ: Mapping[str, str], *, wanted: bool) -> WireRequest | str:
    """The request with its credential, or why it may not be sent.

    `wanted`: the recorded request had a credential. Without one, the request goes out as it is, but likewise only
    to a host of the table or of an endpoint variable: a recording must not choose what this machine talks to.
    """
    missing = other = ""
    for row in KEYS:
        named = [name for name in row.endpoints if environ.get(name)]
        if not any(place.holds(request) for place in _places(row, named, environ)):
            if named and request.host in row.hosts:
                other = (
                    f"{named[0]} is set and names another endpoint than {request.host}; unset it to ask there"
                )
            continue
        if not wanted:
            return request
        value = next((environ[name].strip() for name in row.variables if environ.get(name, "").strip()), "")
        if value and row.signs:
            return _signed(request, value, environ)
        if not value:
            missing = missing or f"{request.host} wants a credential; set {' or '.join(row.variables)}"
        elif not _VALUE.fullmatch(value):
            return f"the value of {' or '.join(row.variables)} cannot be sent in a header"
        else:
            header = (row.header.encode(), f"{row.prefix}{value}".encode())
            return replace(request, headers=(*request.headers, header))
    return missing or other or _nowhere(request)


def _signed(request: WireRequest, access: str, environ: Mapping[str, str]) -> WireRequest | str:
    secret, token = (
        environ.get(f"AWS_{name}", "").strip() for name in ("SECRET_ACCESS_KEY", "SESSION_TOKEN")
    )
    region = _region(_AWS_REGIONS, environ)
    if not secret or not region:
        return f"AWS_ACCESS_KEY_ID signs requests; set {_AWS_REGIONS[0] if secret else 'AWS_SECRET_ACCESS_KEY'} too"
    if not all(_VALUE.fullmatch(value) for value in (access, token) if value):
        return "the value of AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN cannot be sent in a header"
    return sign(request, AwsKeys(access, secret, token), region, "bedrock", time.time())


def _region(names: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """The region that the first of the variables names; '' if it cannot be part of a host's name."""
    region = next((environ[name].strip().lower() for name in names if environ.get(name)), "")
    return region if _REGION.fullmatch(region) else ""


def _places(row: KeyRow, named: list[str], environ: Mapping[str, str]) -> Iterator[_Place]:
    if named:
        for name in named:
            place = _endpoint(environ[name])
            if place is not None:
                yield place
        return
    region = _region(row.regions, environ)
    for host in row.hosts:
        if "{region}" not in host:
            yield _Place("https", host, 443)
        elif region:
            yield _Place("https", host.format(region=region), 443)


def _endpoint(url: str) -> _Place | None:
    """The origin and path of a base URL; None if it does not parse, or names a user: another credential."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.username is not None or parts.query or parts.fragment:
        return None
    return _Place(parts.scheme, normal_host(host), port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def _nowhere(request: WireRequest) -> str:
    regions = {"aiplatform.googleapis.com": _GOOGLE_REGIONS, "amazonaws.com": _AWS_REGIONS}
    hint = next((names[0] for end, names in regions.items() if request.host.endswith(end)), "")
    more = f" (for its region, set {hint})" if hint else ""
    return (
        f"{request.scheme}://{request.host}:{request.port} is neither a provider's own host nor named by a "
        f"variable such as OPENAI_BASE_URL, so nothing is sent there{more}"
    )
