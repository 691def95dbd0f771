"""A saved request as a request again: one whose identity is the saved one, without what was never saved."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus

from addon.messages import WireRequest
from cache_store.errors import CorruptEntry

__all__ = ["request_of_saved"]

_JSON_BODY = b'"body":{"kind":"json","value":'
_TOKEN = b"Bearer TENSORZERO_PROVIDER_PROXY_TOKEN"


def request_of_saved(request_json: bytes) -> WireRequest:
    """The request. Raises CorruptEntry where its body was too long to be saved or is multipart."""
    try:
        saved = json.loads(request_json)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in saved["headers"]]
        if saved["credential"]:
            headers.append((b"authorization", _TOKEN))
        query = "&".join(name if value is None else f"{name}={value}" for name, value in saved["query"])
        return WireRequest(
            method=saved["method"],
            scheme=saved["scheme"],
            host=saved["host"],
            port=saved["port"],
            target=saved["path"] + (f"?{query}" if query else ""),
            headers=tuple(headers),
            body=_body(saved["body"], request_json),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptEntry("a saved request cannot be made a request again") from error


def _body(body: Any, request_json: bytes) -> bytes:
    if body is None:
        return b""
    kind = body["kind"]
    if kind == "json":
        # As it is saved, so that numbers keep their digits; a text that looks like its place is not guessed at.
        if request_json.count(_JSON_BODY) != 1:
            raise ValueError("the body's place is not clear")
        start = request_json.index(_JSON_BODY) + len(_JSON_BODY)
        return request_json[start:-2]
    if kind == "text":
        return str(body["value"]).encode()
    if kind == "bytes":
        return base64.b64decode(body["base64"], validate=True)
    if kind == "form":
        return "&".join(
            quote_plus(n) if v is None else f"{quote_plus(n)}={quote_plus(v)}" for n, v in body["pairs"]
        ).encode()
    raise ValueError(f"a body of kind {kind} was not saved whole")
