"""Computes a request's identity: everything that may shape the answer, redacted, in normal form, and hashed."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from addon.identity.body_form import Body, decoded_body, normal_body, raw_body
from addon.identity.cache_markers import merged_markers, take_markers
from addon.identity.canonical_json import MAX_DEPTH, Document, NotCanonical, parse
from addon.identity.denylist import QUERY_BESIDE_SIG, Verdict, query_verdict
from addon.identity.field_redaction import redact_members, redact_other, redact_tree
from addon.identity.header_form import KeptHeaders, keep_headers, normal_headers, value_of
from addon.identity.ignoring import ignore_fields, ignore_headers, ignore_query
from addon.identity.memo import Memo, digests
from addon.identity.rules import CacheControl, IdentityRules
from addon.identity.saved_form import dump_content, dump_head, dump_saved, key_of, read_head
from addon.identity.url_form import normal_host, printable, split_target
from addon.messages import WireRequest
from addon.redaction.credential_places import BODY_FIELDS
from addon.redaction.redact import hashed, may_hold_secrets
from cache_store.errors import CorruptEntry

__all__ = ["Identity", "identify", "key_of_saved"]

_MODEL_IN_PATH = re.compile(r"/(?:models?|deployments)/([^/:]+(?::\d+)?)")
_LABEL = 200
_CREDENTIAL_MEMBERS = frozenset({"headers", *BODY_FIELDS})
# The saved object and its `body` enclose the request's own body.
_SAVED_DEPTH = MAX_DEPTH + 2


class Identity(NamedTuple):
    """A request's identity.

    `key` is `pp1-<64 hex>`. `request_json` is the redacted request as it may be saved: a JSON object in UTF-8, from
    which the key can be computed again. `label` has `method`, `host`, `path`, and `model` if one was found.
    """

    key: str
    request_json: bytes
    label: dict[str, str]


class _Head(NamedTuple):
    """The redacted part of an identity that does not depend on the body, with the label and a model in the path."""

    saved: bytes
    label: dict[str, str]
    model: str | None


_MEMO: Memo[Identity] = Memo()
# A client repeats its heads while its bodies change. Keyed by a digest, like the memo above.
_HEADS: Memo[_Head] = Memo(max_entries=256, max_bytes=1024 * 1024)


def identify(request: WireRequest, rules: IdentityRules) -> Identity:
    """The identity of `request`. Never raises; the result is the same on every machine and Python version."""
    kept, credential = keep_headers(request.headers)
    url = (request.scheme, request.host, request.port, request.target)
    head_digest, digest = digests((request.method, url, credential, kept, _rules_digest(rules)), request.body)
    identity = _MEMO.get(digest)
    if identity is None:
        identity = _identify(request, kept, credential, head_digest, rules)
        _MEMO.put(digest, identity, len(identity.request_json))
    return identity


@lru_cache(maxsize=16)
def _rules_digest(rules: IdentityRules) -> str:
    return hashlib.sha256(repr(rules).encode()).hexdigest()


def key_of_saved(request_json: bytes, rules: IdentityRules) -> str:
    """The key of a saved request after applying `rules` to it as well. Raises CorruptEntry if it is invalid."""
    return key_of(resave(request_json, rules))


def resave(request_json: bytes, rules: IdentityRules) -> bytes:
    """A saved request as it would have been saved under `rules`. Raises CorruptEntry if it is invalid."""
    try:
        document = parse(request_json, _SAVED_DEPTH)
    except NotCanonical as error:
        raise CorruptEntry("a saved request is not valid JSON") from error
    head, markers, body = read_head(document.value, rules)
    if body is None or body["kind"] != "json":
        return dump_saved(head, markers, body)
    value = document.inner(body["value"])
    markers = merged_markers(markers, _markers(value, rules))
    ignore_fields(value.value, rules)
    return dump_saved(head, markers, value)


def _identify(
    request: WireRequest, kept: KeptHeaders, credential: bool, head_digest: bytes, rules: IdentityRules
) -> Identity:
    plain = decoded_body(request.body, value_of(kept, b"content-encoding"))
    content = request.body if plain is None else plain
    body = normal_body(content, kept, is_decoded=plain is not None)
    head_key = (head_digest, plain is not None, body is None, _is_multipart(body))
    head = _HEADS.get(head_key)
    if head is None:
        head = _redacted_head(
            _head_members(request, kept, credential, body, is_decoded=plain is not None), rules
        )
        _HEADS.put(head_key, head, len(head.saved))
    model, content_form = _redacted_content(body, content, rules)
    saved = head.saved + content_form
    model = model or head.model
    label = head.label | {"model": model[:_LABEL]} if model else dict(head.label)
    return Identity(key_of(saved), saved, label)


def _redacted_content(body: Body, content: bytes, rules: IdentityRules) -> tuple[str | None, bytes]:
    """The model named in the body, and the saved form of markers and body after redaction and ignore rules."""
    markers = _markers(body, rules)
    saved = dump_content(markers, body)
    if body is None:
        return None, saved
    is_clean = isinstance(body, Document) and not may_hold_secrets(saved)
    if not is_clean:
        try:
            markers, body = merged_markers(redact_tree(markers), []), _redacted(body)
        except NotCanonical:
            # Two names became one: then the body is its bytes, in which both stand.
            markers, body = [], redact_other(raw_body(content))
    if _take_out(body, rules) or not is_clean:
        saved = dump_content(markers, body)
    return _model(body), saved


def _redacted(body: Document | dict[str, Any]) -> Document | dict[str, Any]:
    return body.inner(redact_tree(body.value)) if isinstance(body, Document) else redact_other(body)


def _take_out(body: Body, rules: IdentityRules) -> bool:
    """Remove, in place, credentials known by name and what the user ignores. Returns whether anything changed."""
    if not isinstance(body, Document):
        return False
    changed = not body.notable.isdisjoint(_CREDENTIAL_MEMBERS) and redact_members(body.value)
    return ignore_fields(body.value, rules) or changed


def _is_multipart(body: Body) -> bool:
    return isinstance(body, dict) and body["kind"] == "multipart"


def _redacted_head(members: dict[str, Any], rules: IdentityRules) -> _Head:
    members = redact_tree(members)
    members["headers"] = ignore_headers(members["headers"], rules)
    members["query"] = ignore_query(members["query"], rules)
    label = {name: members[name][:_LABEL] for name in ("method", "host", "path")}
    model = _MODEL_IN_PATH.search(members["path"])
    return _Head(dump_head(members), label, model[1][:_LABEL] if model else None)


def _head_members(
    request: WireRequest, kept: KeptHeaders, credential: bool, body: Body, *, is_decoded: bool
) -> dict[str, Any]:
    host = normal_host(request.host)
    target = split_target(request.target, host)
    query, in_query = _query(target.query)
    return {
        "method": printable(request.method.upper()),
        "scheme": printable(request.scheme.lower()),
        "host": host,
        "port": request.port,
        "path": target.path,
        "query": query,
        "headers": normal_headers(
            kept,
            has_body=body is not None,
            is_multipart=_is_multipart(body),
            is_decoded=is_decoded,
        ),
        "credential": credential or in_query or target.userinfo or "@" in request.host,
    }


def _query(pairs: list[tuple[str, str | None]]) -> tuple[list[list[str | None]], bool]:
    """The pairs without credentials, and whether there were any credentials."""
    kept: list[list[str | None]] = []
    credential = False
    is_signed = any(name.lower() == "sig" and value for name, value in pairs)
    for name, value in pairs:
        verdict = query_verdict(name)
        if verdict is Verdict.CREDENTIAL:
            credential = credential or bool(value)
        elif not (is_signed and name in QUERY_BESIDE_SIG):
            kept.append([name, hashed(value.encode()) if value and verdict is Verdict.HASHED else value])
    return kept, credential


def _markers(body: Body, rules: IdentityRules) -> list[dict[str, str]]:
    if isinstance(body, Document) and "cache_control" in body.notable:
        return take_markers(body.value) if rules.cache_control is CacheControl.NORMALISE else []
    return []


def _model(body: Body) -> str | None:
    model = None
    if isinstance(body, Document):
        model = body.value.get("model") if isinstance(body.value, dict) else None
    elif body is not None and _is_multipart(body):
        model = next((part.get("text") for part in body["parts"] if part["name"] == "model"), None)
    return model if isinstance(model, str) else None
