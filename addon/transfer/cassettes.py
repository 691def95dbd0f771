"""Reads cassettes, in YAML and JSON, of five recorders.

vcrpy (serialize.py and serializers/compat.py, version 1, and its older httpx format), LangChain's gzipped variant
(langchain_tests/conftest.py), VCR for Ruby, go-vcr (versions 1 to 4), and pydantic-ai's for xAI's gRPC SDK. They
differ in small things, so one reader takes each field in every form that any of them writes.
"""

from __future__ import annotations

import base64
import datetime
import json
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from addon.messages import LiveAnswer
from addon.transfer.admit import Exchange, Refused, why_unreadable
from addon.transfer.bounded_yaml import UnsafeTag, load_yaml
from addon.transfer.recorded_request import request_of
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.entry import Headers
from cache_store.errors import TransferError

__all__ = ["read_cassette"]

_XAI = {"sample": "GetCompletion", "stream": "GetCompletionChunk"}
"""How pydantic-ai's recorder names the calls of xAI's SDK, and the methods of its service."""

_MAX_FILE = 512 * 2**20  # bytes
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, zlib.error)


def read_cassette(path: Path) -> Iterator[Exchange | Refused]:
    """The interactions of a cassette.

    Raises TransferError if it is not a cassette, and UsageError without PyYAML.
    """
    text, modified = _read(path)
    is_json = path.suffix == ".json" or text.lstrip()[:1] == "{"
    try:
        whole = json.loads(text) if is_json else load_yaml(text)
    except UnsafeTag as error:
        raise TransferError(f"{path} holds a YAML tag that makes objects; it was not loaded") from error
    except (ValueError, RecursionError) as error:
        if "aliases" in str(error):
            raise TransferError(f"{path} was not loaded: {error}") from error
        raise TransferError(f"{path} is not valid {'JSON' if is_json else 'YAML'}") from error
    for number, interaction in enumerate(_interactions(path, whole), 1):
        try:
            yield _exchange(interaction, modified)
        except _UNREADABLE as error:
            yield Refused(
                "unreadable", f"{path}: interaction {number} cannot be read: {why_unreadable(error)}"
            )


def _read(path: Path) -> tuple[str, float]:
    """The text of a cassette, and when the file was modified (Unix seconds). Raises TransferError."""
    try:
        if path.stat().st_size > _MAX_FILE:
            raise TransferError(f"{path} is larger than any cassette")
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = decode(data, "gzip", _MAX_FILE)
        return data.decode("utf-8"), path.stat().st_mtime
    except BadCoding as error:
        raise TransferError(f"{path} cannot be unpacked: {error}") from error
    except UnicodeDecodeError as error:
        raise TransferError(f"{path} cannot be read: it is not UTF-8") from error
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error


def _interactions(path: Path, whole: Any) -> list[Any]:
    members = whole if isinstance(whole, dict) else {}
    for name in ("interactions", "http_interactions"):
        if isinstance(members.get(name), list):
            interactions: list[Any] = members[name]
            return interactions
    requests, responses = members.get("requests"), members.get("responses")
    if isinstance(requests, list) and isinstance(responses, list) and len(requests) == len(responses):
        return [{"request": a, "response": b} for a, b in zip(requests, responses, strict=True)]
    raise TransferError(f"{path} is not a cassette: it has no list of interactions")


def _exchange(interaction: Any, modified: float) -> Exchange:
    for kind, method in _XAI.items():
        if f"request_{kind}" in interaction:
            return _xai_exchange(
                method, interaction[f"request_{kind}"], interaction[f"response_{kind}"], modified
            )
    request, response = interaction["request"], interaction["response"]
    status, reason = _status(response)
    return Exchange(
        request_of(
            _text(request["method"]),
            _text(request["uri"] if "uri" in request else request["url"]),
            _headers(request.get("headers")),
            _body(request),
        ),
        LiveAnswer(status, reason, _headers(response.get("headers")), _body(response)),
        _time(interaction.get("recorded_at"), modified),
    )


def _xai_exchange(method: str, request: Any, response: Any, modified: float) -> Exchange:
    """One call of xAI's SDK: messages in protobuf, which stay bytes, framed as gRPC sends them."""
    headers = ((b"content-type", b"application/grpc"),)
    url = f"https://api.x.ai/xai_api.Chat/{method}"
    chunks = response["chunks_raw"] if "chunks_raw" in response else [response["raw"]]
    return Exchange(
        request_of("POST", url, headers, _grpc_frame(request["raw"])),
        LiveAnswer(200, "", headers, b"".join(map(_grpc_frame, chunks))),
        modified,
    )


def _grpc_frame(message: Any) -> bytes:
    """A message behind its flag and its length: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md"""
    data = _bytes(message)
    return b"\0" + len(data).to_bytes(4) + data


def _status(response: Any) -> tuple[int, str]:
    """The status code and the reason: an object (vcrpy, Ruby), two members (go-vcr), or a number (httpx)."""
    status = response.get("status")
    if isinstance(status, dict):
        return _number(status["code"]), _text(status.get("message") or "")
    if "code" in response:
        return _number(response["code"]), _text(status or "").partition(" ")[2]
    return _number(response["status_code"]), ""


def _body(message: Any) -> bytes:
    """The body of a request or an answer.

    vcrpy writes `body` or `string`, its older httpx format `content`, and pydantic-ai the JSON in `parsed_body`.
    """
    if message.get("parsed_body") is not None:
        return json.dumps(message["parsed_body"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return _bytes(message["body"] if "body" in message else message.get("content"))


def _headers(members: Any) -> Headers:
    return tuple(
        (_text(name).encode("latin-1"), _bytes(value))
        for name, values in (members or {}).items()
        for value in (values if isinstance(values, list) else [values])
    )


def _bytes(value: Any) -> bytes:
    """A body or header value in any form that the recorders write."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        if "base64_string" in value:
            return base64.b64decode(value["base64_string"])
        return _bytes(value["string"])
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    raise TypeError("a body or header is neither text nor bytes")


def _text(value: Any) -> str:
    # Never `str(value)`: a list of nested aliases would be expanded.
    if not isinstance(value, str):
        raise TypeError("a method, URL, status or header name is not text")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("a status is not a number")
    return int(value)


def _time(value: Any, modified: float) -> float:
    """The recording time (Unix seconds) if the cassette has one, as Ruby's have; otherwise `modified`."""
    if isinstance(value, str):
        try:
            value = parsedate_to_datetime(value)
        except ValueError:
            return modified
    return value.timestamp() if isinstance(value, datetime.datetime) else modified
