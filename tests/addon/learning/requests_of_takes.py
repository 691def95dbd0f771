"""Requests as the takes of a command send them."""

from __future__ import annotations

import json
from typing import Any

from addon.identity import IdentityRules, identify
from addon.learning.asked import Asked
from addon.learning.comparing import Change, Compared, compare
from addon.messages import WireRequest
from addon.volatile.rules import Place

HOST, PATH = "api.openai.com", "/v1/chat/completions"
UUIDS = ("123e4567-e89b-12d3-a456-426614174000", "99999999-aaaa-4bbb-8ccc-dddddddddddd")
RULES = IdentityRules.parse()


def wire(body: Any, path: str = PATH, **headers: str) -> WireRequest:
    """A JSON request."""
    pairs = {"content-type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
    return WireRequest(
        "POST", "https", HOST, 443, path, tuple((n.encode(), v.encode()) for n, v in pairs.items()),
        json.dumps(body).encode(),
    )  # fmt: skip


def chat(text: str, **more: Any) -> dict[str, Any]:
    """The body of a chat request that says `text`."""
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]} | more


def asked(body: Any, test: str = "", path: str = PATH, key: str = "", **headers: str) -> Asked:
    """A request of a take."""
    request = wire(chat(body) if isinstance(body, str) else body, path, **headers)
    return Asked(test, 1, identify(request, RULES).request_json, request=request, key=key)


def compared(old: Any, new: Any, **more: Any) -> Compared:
    """How two requests differ."""
    return compare(asked(old, **more), asked(new, **more))


def changes(old: str, new: str) -> list[Change]:
    """The values in which two chat requests differ."""
    return compared(old, new).changes


CONTENT = Place("pointer", pointer=("messages", "0", "content"))
