"""vcrpy's cassettes, YAML and JSON (vcrpy's serialize.py and serializers/compat.py, cassette version 1)."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.messages import LiveAnswer
from addon.transfer.admit import Exchange, Refused
from addon.transfer.recorded_request import request_of
from cache_store.entry import Headers
from cache_store.errors import TransferError, UsageError

__all__ = ["read_cassette"]

_MOST = 512 * 2**20


def read_cassette(path: Path) -> Iterator[Exchange | Refused]:
    """The interactions of a cassette. Raises TransferError for what is none, UsageError without PyYAML."""
    try:
        if path.stat().st_size > _MOST:
            raise TransferError(f"{path} is larger than any cassette")
        text = path.read_text(encoding="utf-8")
        changed = path.stat().st_mtime
    except (OSError, UnicodeDecodeError) as error:
        raise TransferError(
            f"{path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}"
        ) from error
    whole = _json(path, text) if text.lstrip()[:1] == "{" else _yaml(path, text)
    interactions = whole.get("interactions") if isinstance(whole, dict) else None
    if not isinstance(interactions, list):
        raise TransferError(f"{path} is no cassette of vcrpy: it has no list of interactions")
    for number, interaction in enumerate(interactions, 1):
        try:
            yield _exchange(interaction, changed)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            yield Refused("unreadable", f"{path}: interaction {number} is incomplete")


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TransferError(f"{path} is no JSON") from error


def _yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UsageError("cassettes in YAML need PyYAML; pip install 'provider-proxy[import]'") from error
    # Safe: a tag that would make an object (`!!python/object…`) is an error, and runs nothing.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - either is a safe loader
    except yaml.constructor.ConstructorError as error:
        raise TransferError(f"{path} holds a YAML tag that makes objects; it was not loaded") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TransferError(f"{path} is no YAML") from error


def _exchange(interaction: Any, changed: float) -> Exchange:
    request, response = interaction["request"], interaction["response"]
    status = response["status"]
    return Exchange(
        request_of(
            str(request["method"]), str(request["uri"]), _headers(request["headers"]), _bytes(request.get("body"))
        ),
        LiveAnswer(
            int(status["code"]), str(status.get("message") or ""), _headers(response["headers"]),
            _bytes(response["body"]),
        ),
        _time(interaction.get("recorded_at"), changed),
    )  # fmt: skip


def _headers(found: Any) -> Headers:
    return tuple(
        (str(name).encode("latin-1"), _bytes(value))
        for name, values in found.items()
        for value in (values if isinstance(values, list) else [values])
    )


def _bytes(value: Any) -> bytes:
    """A body or header value in the ways in which serializers of several versions write it."""
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
    raise TypeError("a body of no known kind")


def _time(value: Any, changed: float) -> float:
    """`recorded_at` where a cassette has one (Ruby's have), else when the file was changed."""
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return changed
