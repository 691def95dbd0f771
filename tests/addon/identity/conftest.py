"""Requests to identify: small ones made to measure, and real ones from tests/requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest

REQUESTS = Path(__file__).parents[2] / "requests"
DEFAULT_HEADERS = {"authorization": "Bearer sk-made-up", "content-type": "application/json"}


def _make(
    body: Any = None,
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    target: str = "/v1/chat/completions",
    **other: Any,
) -> WireRequest:
    """A request; a body that is not bytes is sent as JSON, `headers` are added to the usual ones or, as a list,
    replace them."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    pairs = headers if isinstance(headers, list) else list((DEFAULT_HEADERS | (headers or {})).items())
    parts: dict[str, Any] = {
        "method": "POST",
        "scheme": "https",
        "host": "api.openai.com",
        "port": 443,
    } | other
    wire = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
    return WireRequest(**parts, target=target, headers=wire, body=content)


@pytest.fixture(scope="session")
def make() -> Callable[..., WireRequest]:
    """Makes a request to an OpenAI endpoint."""
    return _make


@pytest.fixture(scope="session")
def key(make: Callable[..., WireRequest]) -> Callable[..., str]:
    """The key of a request made with the same arguments as `make`, and `rules`."""

    def of(*args: Any, rules: IdentityRules | None = None, **other: Any) -> str:
        return identify(make(*args, **other), rules or IdentityRules()).key

    return of


@pytest.fixture(scope="session")
def load_sample() -> Callable[[str], WireRequest]:
    """Reads one of tests/requests by its name."""

    def load(name: str) -> WireRequest:
        head, _, body = (REQUESTS / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, url, _ = first.decode().split(" ")
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        target = url[len(f"{parts.scheme}://{parts.netloc}") :]
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
        return WireRequest(method, parts.scheme, parts.hostname or "", port, target, headers, body)

    return load
