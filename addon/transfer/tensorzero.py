"""Reads cache files of TensorZero's provider-proxy (its crates/provider-proxy/src/lib.rs, April 2026).

Each file is called `<host>-<sha256>`. Its first line is the response as JSON, its second the request. The hash is
not read: an imported entry gets our key, computed from the request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.messages import LiveAnswer
from addon.transfer.admit import Exchange, Refused
from addon.transfer.formats import TENSORZERO_FILE
from addon.transfer.recorded_request import request_of
from cache_store.entry import Headers
from cache_store.errors import TransferError

__all__ = ["read_tensorzero"]

_MAX_FILE = 512 * 2**20  # bytes


def read_tensorzero(folder: Path) -> Iterator[Exchange | Refused]:
    """The exchanges in a cache directory. Raises TransferError if the directory cannot be read."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are matched, not paths
    except OSError as error:
        raise TransferError(f"{folder} cannot be read: {error.strerror}") from error
    for name in names:
        path = folder / name
        if TENSORZERO_FILE.fullmatch(name) and path.is_file() and not path.is_symlink():
            yield _read(path)


def _read(path: Path) -> Exchange | Refused:
    try:
        if path.stat().st_size > _MAX_FILE:
            return Refused("unreadable", f"{path.name}: the file is larger than any answer")
        modified = path.stat().st_mtime
        first, _, second = path.read_bytes().partition(b"\n")
        if not second.strip():
            return Refused("no-saved-request", f"{path.name}: it has no saved request; record it again")
        response, request = json.loads(first), json.loads(second)
        head = response["head"]
        sent = request["head"]
        return Exchange(
            request_of(sent["method"], sent["uri"], _headers(sent["headers"]), _bytes(request["body"])),
            LiveAnswer(int(head["status"]), "", _headers(head["headers"]), _bytes(response["body"])),
            modified,
        )
    except OSError as error:
        return Refused("unreadable", f"{path.name}: {error.strerror}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Refused("unreadable", f"{path.name}: not a cache file of TensorZero's provider-proxy")


def _headers(members: dict[str, Any]) -> Headers:
    """The pairs of http-serde's map: a value is text, bytes as numbers, or a list of either for a repeated name."""
    pairs = []
    for name, value in members.items():
        is_repeated = isinstance(value, list) and not all(isinstance(item, int) for item in value)
        pairs += [
            (name.encode("latin-1"), one.encode() if isinstance(one, str) else bytes(one))
            for one in (value if is_repeated else [value])
        ]
    return tuple(pairs)


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if not isinstance(body, list):
        raise TypeError("a body must be text or a list of bytes")
    return bytes(body)
