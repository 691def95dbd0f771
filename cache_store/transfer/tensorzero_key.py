"""The key under which TensorZero's provider-proxy stores (its crates/provider-proxy/src/lib.rs, April 2026).

SHA-256 over compact JSON in the order in which a request is made; it depends on every header and their order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

__all__ = ["tensorzero_key"]


def tensorzero_key(method: str, uri: str, headers: Sequence[tuple[str, str]], body: bytes) -> str:
    """The 64 hex digits of a request that is already sanitised; `headers` in wire order, names in lower case."""
    # A repeated name is one member whose value is a list (http-serde).
    members: dict[str, str | list[str]] = {}
    for name, value in headers:
        there = members.get(name)
        members[name] = value if there is None else [*([there] if isinstance(there, str) else there), value]
    head = {"method": method, "uri": uri, "headers": members, "version": "HTTP/1.1"}
    text = json.dumps({"head": head, "body": list(body)}, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
