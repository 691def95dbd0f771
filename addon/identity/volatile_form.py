"""Binds the volatile values of a request in its saved form.

The saved form is redacted and has only what counts, so no secret and nothing ignored is ever bound, and `rekey`
gives recordings the form that live requests have. Headers come first, because the saved form hashes most of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from addon.identity.canonical_json import Document
from addon.identity.header_form import KeptHeaders
from addon.identity.rules import IdentityRules
from addon.identity.saved_form import VOLATILE, dump_saved, parse_saved, read_head
from addon.volatile.binding import Binding, Replace, bind, texts_of, with_texts
from addon.volatile.rules import Covering, Place

__all__ = ["bind_headers", "bind_saved", "texts_of_saved", "unbind_saved"]

_WHOLE = Place("pointer")
_PART_TEXTS = {"filename": "filename", "text": "part"}
_AS_SAVED = IdentityRules()
_STAND_IN = re.compile(r"⟦(?:literal⟧|([a-z][a-z0-9-]{0,39})#([0-9]{1,3})⟧)")


def bind_headers(rules: Covering, headers: KeptHeaders) -> tuple[KeptHeaders, tuple[Binding, ...]]:
    """The headers with their volatile values replaced, and these values."""
    texts = [
        (Place("header", name.decode("latin-1")), raw.decode("latin-1")) for name, raw in sorted(headers)
    ]
    bindings, replace = bind(rules.rules, iter(texts))
    if not bindings:
        return headers, ()
    return [
        (name, replace(Place("header", name.decode("latin-1")), raw.decode("latin-1")).encode())
        for name, raw in headers
    ], bindings


def bind_saved(
    request_json: bytes, rules: Covering, before: tuple[Binding, ...] = ()
) -> tuple[bytes, tuple[Binding, ...]]:
    """A saved request with its volatile values replaced, and these values; `before` are those of its headers.

    One whose values are replaced already stays as it is. Raises CorruptEntry if it is invalid.
    """
    document = parse_saved(request_json)
    head, markers, body = read_head(document.value, _AS_SAVED)
    if VOLATILE in head:
        return request_json, ()
    content = document.inner(body["value"]) if body is not None and body["kind"] == "json" else body
    texts = chain(_query_texts(head), _body_texts(content))
    bindings, replace = bind(rules.rules, texts, request_json.decode(), before)
    if not bindings:
        return request_json, ()
    query = [[name, value and replace(Place("query", name), value)] for name, value in head["query"]]
    head |= {VOLATILE: True, "query": query}
    return dump_saved(head, markers, _bound_body(content, replace)), bindings


def unbind_saved(request_json: bytes, bindings: Iterable[tuple[str, int, str]]) -> bytes | None:
    """A saved request with its values in the places of their stand-ins, as it was before `bind_saved`.

    None if that is not known, as for a value of a header. Raises CorruptEntry if it is invalid.
    """
    document = parse_saved(request_json)
    head, markers, body = read_head(document.value, _AS_SAVED)
    if VOLATILE not in head:
        return request_json
    values = {(rule, n): value for rule, n, value in bindings}
    found: set[tuple[str, int]] = set()

    def value_of(match: re.Match[str]) -> str:
        if match[1] is None:
            return "⟦"
        found.add((match[1], int(match[2])))
        return values.get((match[1], int(match[2])), match[0])

    def restored(_: Place, text: str) -> str:
        return _STAND_IN.sub(value_of, text) if "⟦" in text else text

    content = document.inner(body["value"]) if body is not None and body["kind"] == "json" else body
    content = _bound_body(content, restored)
    query = [[name, value and restored(_WHOLE, value)] for name, value in head["query"]]
    if found != values.keys():
        return None
    plain = {name: value for name, value in head.items() if name != VOLATILE} | {"query": query}
    return dump_saved(plain, markers, content)


def texts_of_saved(request_json: bytes) -> tuple[str, str, Iterator[tuple[Place, str]]]:
    """The host and path of a saved request, and its texts with their places. Raises CorruptEntry."""
    document = parse_saved(request_json)
    head, _, body = read_head(document.value, _AS_SAVED)
    content = document.inner(body["value"]) if body is not None and body["kind"] == "json" else body
    return head["host"], head["path"], chain(_query_texts(head), _body_texts(content))


def _query_texts(head: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    yield from ((Place("query", name), value) for name, value in head["query"] if value)


def _body_texts(body: Document | dict[str, Any] | None) -> Iterator[tuple[Place, str]]:
    if isinstance(body, Document):
        yield from texts_of(body.value)
    elif body is None:
        return
    elif body["kind"] == "text":
        yield _WHOLE, body["value"]
    elif body["kind"] == "form":
        yield from ((Place("part", name), value) for name, value in body["pairs"] if value)
    elif body["kind"] == "multipart":
        for part in body["parts"]:
            yield from (
                (Place(where, part["name"] or ""), part[name])
                for name, where in _PART_TEXTS.items()
                if part.get(name)
            )


def _bound_body(body: Document | dict[str, Any] | None, replace: Replace) -> Document | dict[str, Any] | None:
    if isinstance(body, Document):
        return body.inner(with_texts(body.value, replace))
    if body is None:
        return None
    if body["kind"] == "text":
        return body | {"value": replace(_WHOLE, body["value"])}
    if body["kind"] == "form":
        pairs = [[name, value and replace(Place("part", name), value)] for name, value in body["pairs"]]
        return body | {"pairs": pairs}
    if body["kind"] == "multipart":
        return body | {"parts": [_bound_part(part, replace) for part in body["parts"]]}
    return body


def _bound_part(part: dict[str, Any], replace: Replace) -> dict[str, Any]:
    name = part["name"] or ""
    return part | {
        member: replace(Place(where, name), part[member])
        for member, where in _PART_TEXTS.items()
        if part.get(member)
    }
