"""The cache files of TensorZero's provider-proxy: `<host>-<sha256>`, the response's JSON, then the request's.

An imported entry gets our key, from the saved request on the second line; their key is not read. An exported one
is named by their algorithm over what we keep of a request, which is without the headers that vary by client: it
comes back whole through `import`, and documents, but their proxy looks for a client's own headers.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from addon.identity import IdentityRules, identify
from addon.messages import LiveAnswer, WireRequest
from addon.transfer.admit import Exchange, Refused
from addon.transfer.saved_request import request_of_saved
from addon.transfer.urls import request_of
from cache_store.entry import Entry, Headers
from cache_store.errors import EntryError, TransferError
from cache_store.transfer.tensorzero_key import tensorzero_key

__all__ = ["FILE_NAME", "read_tensorzero", "write_tensorzero"]

FILE_NAME = re.compile(r"[A-Za-z0-9._\[\]:-]+-[0-9a-f]{64}")
_MOST = 512 * 2**20


def read_tensorzero(folder: Path) -> Iterator[Exchange | Refused]:
    """The exchanges of a cache directory. Raises TransferError where it cannot be read."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are matched, not paths
    except OSError as error:
        raise TransferError(f"{folder} cannot be read: {error.strerror}") from error
    for name in names:
        path = folder / name
        if FILE_NAME.fullmatch(name) and path.is_file() and not path.is_symlink():
            yield _read(path)


def write_tensorzero(entries: Iterable[Entry], folder: Path, skipped: Counter[str]) -> int:
    """Write a file per entry; how many were written. What cannot be said in this format is counted by reason.

    Raises TransferError.
    """
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            request = _wire(entry)
            if isinstance(request, str):
                skipped[request] += 1
                continue
            uri = f"{request.scheme}://{request.host}{_port(request)}{request.target}"
            headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers]
            name = f"{_file_host(request.host)}-{tensorzero_key(request.method, uri, headers, request.body)}"
            head = {"method": request.method, "uri": uri, "headers": _members(headers), "version": "HTTP/1.1"}
            lines = [
                _response_line(entry),
                json.dumps({"head": head, "body": _body(request.body)}, **_COMPACT),
            ]
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            os.utime(temporary, (entry.recorded_at, entry.recorded_at))
            temporary.replace(folder / name)
            count += 1
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}") from error
    return count


_COMPACT: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}


def _read(path: Path) -> Exchange | Refused:
    try:
        if path.stat().st_size > _MOST:
            return Refused("unreadable", f"{path.name}: it is larger than any answer")
        changed = path.stat().st_mtime
        first, _, second = path.read_bytes().partition(b"\n")
        if not second.strip():
            return Refused("no-saved-request", f"{path.name}: it has no saved request; record it anew")
        response, request = json.loads(first), json.loads(second)
        head = response["head"]
        sent = request["head"]
        return Exchange(
            request_of(sent["method"], sent["uri"], _headers(sent["headers"]), _bytes(request["body"])),
            LiveAnswer(int(head["status"]), "", _headers(head["headers"]), _bytes(response["body"])),
            changed,
        )
    except OSError as error:
        return Refused("unreadable", f"{path.name}: {error.strerror}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Refused("unreadable", f"{path.name}: it is no cache file of TensorZero's provider-proxy")


def _headers(found: dict[str, Any]) -> Headers:
    """http-serde's map: a value is text, bytes as numbers, or a list of either where a name repeats."""
    pairs = []
    for name, value in found.items():
        repeats = isinstance(value, list) and not all(isinstance(item, int) for item in value)
        pairs += [
            (name.encode("latin-1"), one.encode() if isinstance(one, str) else bytes(one))
            for one in (value if repeats else [value])
        ]
    return tuple(pairs)


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if not isinstance(body, list):
        raise TypeError("a body is text or a list of bytes")
    return bytes(body)


def _wire(entry: Entry) -> WireRequest | str:
    """The entry's request as their proxy would see it, or why it cannot be written."""
    if entry.request_json == b"{}":
        return "no-saved-request"
    try:
        request = request_of_saved(entry.request_json)
    except EntryError:
        return "request-not-reversible"
    same = identify(request, IdentityRules()).key == entry.key.partition(".")[0]
    return request if same else "request-not-reversible"


def _response_line(entry: Entry) -> str:
    headers = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in entry.headers]
    head = {"status": entry.status, "headers": _members(headers), "version": "HTTP/1.1"}
    return json.dumps({"head": head, "body": _body(entry.body)}, **_COMPACT)


def _members(headers: list[tuple[str, str]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in headers:
        there = members.get(name)
        members[name] = value if there is None else [*(there if isinstance(there, list) else [there]), value]
    return members


def _body(data: bytes) -> str | list[int]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return list(data)


def _port(request: WireRequest) -> str:
    return "" if (request.scheme, request.port) in (("https", 443), ("http", 80)) else f":{request.port}"


def _file_host(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", host)[:200] or "_"
