"""Reads mitmproxy's flow files and HAR (of browsers, proxies and Polly.js) with mitmproxy's own readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.messages import LiveAnswer, WireRequest
from addon.transfer.admit import Exchange, Refused, why_unreadable
from cache_store.errors import TransferError

__all__ = ["read_flows", "read_har"]

_MAX_HAR = 2**31  # bytes; a HAR is read as a whole
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def read_flows(path: Path) -> Iterator[Exchange | Refused]:
    """The exchanges in a flow file (`mitmdump -w`). Raises TransferError if it is not one."""
    from mitmproxy import http
    from mitmproxy.io import FlowReader

    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                if isinstance(flow, http.HTTPFlow):
                    yield _exchange(flow, path)
                else:
                    yield Refused("not-http")
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # any, also MemoryError: a file may claim that a value takes 100 GB
        raise TransferError(f"{path} is not a flow file of mitmproxy, or is cut short") from error


def read_har(path: Path) -> Iterator[Exchange | Refused]:
    """The exchanges in a HAR (http://www.softwareishard.com/blog/har-12-spec).

    Raises TransferError if it is not one.
    """
    from mitmproxy import exceptions
    from mitmproxy.io.har import request_to_flow

    for number, entry in enumerate(_har_entries(path), 1):
        try:
            yield _exchange(request_to_flow(_with_bytes(entry)), path)
        except _UNREADABLE as error:
            yield Refused("unreadable", f"{path}: entry {number} cannot be read: {why_unreadable(error)}")
        except exceptions.OptionsError as error:
            yield Refused("unreadable", f"{path}: entry {number} cannot be read: {error}")


def _har_entries(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > _MAX_HAR:
            raise TransferError(f"{path} is too large; export fewer requests")
        entries = json.loads(path.read_bytes().decode("utf-8-sig"))["log"]["entries"]
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise TransferError(f"{path} is not a HAR") from error
    if not isinstance(entries, list):
        raise TransferError(f"{path} is not a HAR: it has no list of entries")
    return entries


def _with_bytes(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with the answer's content in base64, which mitmproxy's reader takes as it is.

    Browsers decode a text from UTF-8, but the reader encodes it in latin-1 without a charset. Polly.js writes a
    compressed answer as a JSON list of its chunks, each in base64 or hex.
    """
    content = entry["response"]["content"]
    text = content.get("text")
    if not isinstance(text, str):
        return entry
    encoding = content.get("encoding")
    if encoding in ("base64", "hex") and text[:1] == "[":
        decode = base64.b64decode if encoding == "base64" else bytes.fromhex
        data = b"".join(decode(chunk) for chunk in json.loads(text))
    elif encoding == "hex":
        data = bytes.fromhex(text)
    elif encoding:
        return entry
    else:
        data = text.encode("utf-8", "surrogatepass")
    as_bytes = {**content, "text": base64.b64encode(data).decode(), "encoding": "base64"}
    return {**entry, "response": {**entry["response"], "content": as_bytes}}


def _exchange(flow: Any, path: Path) -> Exchange | Refused:
    request, response = flow.request, flow.response
    if request.scheme not in ("http", "https"):  # a browser's own page or extension
        return Refused("not-http")
    if response is None or flow.error is not None:
        return Refused("cut-off")
    if flow.websocket is not None or response.status_code == 101:
        return Refused("websocket")
    if request.data.content is None or response.data.content is None or request.trailers or not request.host:
        return Refused("not-whole")
    started, ended = request.timestamp_start, response.timestamp_end
    return Exchange(
        WireRequest(
            method=request.method,
            scheme=request.scheme,
            host=request.host.lower(),
            port=request.port,
            target=request.path,
            headers=tuple((n, v) for n, v in request.headers.fields if not n.startswith(b":")),
            body=request.data.content,
        ),
        LiveAnswer(response.status_code, response.reason, response.headers.fields, response.data.content),
        ended or started or path.stat().st_mtime,
        max(0.0, ended - started) if ended and started else 0.0,
    )
