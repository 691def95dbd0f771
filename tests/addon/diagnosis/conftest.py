"""Real requests, identified as they are on the wire, and a store that holds one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from addon.diagnosis import Diagnosis, diagnose
from addon.identity import Identity, IdentityRules, identify
from addon.messages import WireRequest
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore

CHAT = "/v1/chat/completions"


def identity(
    body: Any, target: str = CHAT, host: str = "api.openai.com", method: str = "POST", **headers: str
) -> Identity:
    """The identity of a request with a JSON body, or with bytes."""
    fields = [(b"content-type", b"application/json")]
    fields += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return identify(WireRequest(method, "https", host, 443, target, tuple(fields), data), IdentityRules())


def entry(found: Identity, **more: Any) -> Entry:
    """An answer to it."""
    return Entry(
        **{"key": found.key, "status": 200, "reason": "OK", "headers": (), "body": b"{}", "recorded_at": time.time(),
           "elapsed": 1.0, "run": "r", "label": found.label, "request_json": found.request_json} | more
    )  # fmt: skip


@pytest.fixture
def explain() -> Callable[..., Diagnosis]:
    """Why the last of these requests misses where the others are recorded."""

    def work(*requests: Identity) -> Diagnosis:
        store = MemoryStore()
        for request in requests[:-1]:
            store.put(entry(request))
        wanted = requests[-1]
        return diagnose(wanted.key, wanted.request_json, wanted.label, store)

    return work
