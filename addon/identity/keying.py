"""Computes a request's identity: everything that may shape the answer, redacted, in normal form, and hashed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

from addon.identity.body_form import Body, decoded_body, normal_body
from addon.identity.cache_markers import merged_markers, take_markers
from addon.identity.canonical_json import CREDENTIALS, MARKERS, Document
from addon.identity.denylist import Verdict, leave_out_members, query_verdict
from addon.identity.families import QUERY_BESIDE_SIG, UPLOAD_ID, Family, family_of, is_provider
from addon.identity.field_redaction import (
    has_name,
    redact_members,
    redact_other,
    redact_tree,
    with_redactions,
)
from addon.identity.header_form import KeptHeaders, keep_headers, normal_headers, value_of
from addon.identity.ignoring import (
    ignore_fields,
    ignore_headers,
    ignore_items,
    ignore_query,
    ignores_fields,
)
from addon.identity.memo import Memo, digests
from addon.identity.rules import CacheControl, IdentityRules
from addon.identity.saved_form import dump_content, dump_head, dump_saved, key_of, parse_saved, read_head
from addon.identity.url_form import normal_host, printable, split_target
from addon.identity.volatile_form import bind_headers, bind_saved, unbind_saved
from addon.messages import WireRequest
from addon.redaction.header_parameters import redact_parameters
from addon.redaction.nested_json import may_name_one_inside, redact_json_texts
from addon.redaction.redact import (
    hashed,
    minted,
    redact_path,
    redact_query_value,
    redact_text,
    redactions,
)
from addon.volatile.binding import Binding
from addon.volatile.rules import Covering
from cache_store.entry import Entry

__all__ = ["Identity", "identify", "key_of_saved"]

_MODEL_IN_PATH = re.compile(r"/(?:models?|deployments)/([^/:]+(?::\d+)?)")
_LABEL = 200
# The redactions in a text that was saved stay as they are.
_SAVED = partial(redact_text, is_saved=True)


class Identity(NamedTuple):
    """A request's identity.

    `key` is `pp2-<64 hex>`. `request_json` is the redacted request as it may be saved: a JSON object in UTF-8,
    from which the key can be computed again. `label` has `method`, `host`, `path`, and `model` if one was found.
    With `bindings`, the volatile values of the request, the key is `pp2v-<64 hex>`.
    """

    key: str
    request_json: bytes
    label: dict[str, str]
    bindings: tuple[Binding, ...] = ()


class _Head(NamedTuple):
    """The redacted part of an identity that does not depend on the body."""

    saved: bytes
    path: str
    label: dict[str, str]
    model: str | None


class _HeadSource(NamedTuple):
    """A request and what was found in its head; `digest` covers all of it but the body."""

    request: WireRequest
    family: Family | None
    kept: KeptHeaders
    credential: bool
    upload_of: str
    digest: bytes


_MEMO: Memo[Identity] = Memo()
# A client repeats its heads while its bodies change. Keyed by a digest, like the memo above.
_HEADS: Memo[_Head] = Memo(max_entries=256, max_bytes=1024 * 1024)


def identify(request: WireRequest, rules: IdentityRules, upload_of: str = "") -> Identity:
    """The identity of `request`. Never raises; the result is the same on every machine and Python version.

    `upload_of` is the key of the request whose answer minted the `upload_id` of this one; '' if that is not known.
    """
    family = family_of(request.host)
    kept, credential = keep_headers(request.headers, is_provider=is_provider(family))
    url = (request.scheme, request.host, request.port, request.target, upload_of)
    head_digest, digest = digests((request.method, url, credential, kept, _rules_digest(rules)), request.body)
    identity = _MEMO.get(digest)
    if identity is None:
        head = _HeadSource(request, family, kept, credential, upload_of, head_digest)
        identity = _identify(head, rules)
        _MEMO.put(digest, identity, len(identity.request_json))
    return identity


@lru_cache(maxsize=16)
def _rules_digest(rules: IdentityRules) -> str:
    return hashlib.sha256(repr(rules).encode()).hexdigest()


def key_of_saved(request_json: bytes, rules: IdentityRules) -> str:
    """The key of a saved request after applying `rules` to it as well. Raises CorruptEntry if it is invalid."""
    return key_of(_resaved(request_json, rules, redacts=False))


def resave(request_json: bytes, rules: IdentityRules) -> bytes:
    """A saved request as it would be saved today under `rules`. Raises CorruptEntry if it is invalid."""
    return _resaved(request_json, rules, redacts=True)


def rebind_saved(
    request_json: bytes, rules: IdentityRules, bindings: tuple[tuple[str, int, str], ...] = ()
) -> tuple[bytes, tuple[Binding, ...]]:
    """A saved request with its volatile values replaced under `rules`, and these values.

    `bindings` are those that were replaced when it was saved. Where they cannot be put back, it stays as it is.
    Raises CorruptEntry if it is invalid.
    """
    if bindings:
        plain = unbind_saved(request_json, bindings)
        if plain is None:
            return request_json, tuple(Binding(*each) for each in bindings)
        request_json = resave(plain, rules)
    head = parse_saved(request_json).value
    covering = rules.volatile.of(head["host"], head["path"])
    return (request_json, ()) if covering is None else bind_saved(request_json, covering)


def entry_under(entry: Entry, rules: IdentityRules) -> Entry:
    """An entry with the saved request and the values that it has under `rules`; its key stays.

    Raises CorruptEntry if its request is invalid.
    """
    request_json, bindings = rebind_saved(resave(entry.request_json, rules), rules, entry.bindings)
    return replace(entry, request_json=request_json, bindings=bindings)


def _resaved(request_json: bytes, rules: IdentityRules, *, redacts: bool) -> bytes:
    document = parse_saved(request_json)
    head, markers, body = read_head(document.value, rules)
    if redacts:
        head = _without_named_secrets(redact_tree(head, _SAVED))
    family = family_of(head["host"])
    if body is not None and body["kind"] == "json":
        value = document.inner(body["value"])
        markers = merged_markers(markers, _take_from_body(value, rules, family, head["path"]))
        if redacts:
            value = value.inner(redact_tree(value.value, _SAVED))
            redact_json_texts(value.value)
            redact_members(value.value)
        ignore_fields(value.value, rules)
        return dump_saved(head, markers, value)
    if body is not None:
        body = redact_other(body, is_saved=True) if redacts else body
        ignore_items(body, rules)
    return dump_saved(head, markers, body)


def _identify(source: _HeadSource, rules: IdentityRules) -> Identity:
    covering = _covering(source.request, rules) if rules.volatile else None
    if covering is None:
        return _plain_identity(source, rules)[0]
    kept, of_headers = bind_headers(covering, source.kept) if covering.names_headers else (source.kept, ())
    identity, body = _plain_identity(source._replace(kept=kept), rules)
    value = body.value if isinstance(body, Document) else None
    if not of_headers and not covering.may_bind(identity.request_json, value):
        return identity
    saved, bindings = bind_saved(identity.request_json, covering, of_headers)
    if not bindings:
        return _plain_identity(source, rules)[0]
    return identity._replace(key=key_of(saved), request_json=saved, bindings=bindings)


def _covering(request: WireRequest, rules: IdentityRules) -> Covering | None:
    """The volatile rules that hold for a request."""
    host = normal_host(request.host)
    return rules.volatile.of(host, split_target(request.target, host).path)


def _plain_identity(source: _HeadSource, rules: IdentityRules) -> tuple[Identity, Body]:
    request = source.request
    plain = decoded_body(request.body, value_of(source.kept, b"content-encoding"))
    content = request.body if plain is None else plain
    body = normal_body(content, source.kept, is_decoded=plain is not None)
    head_key = (source.digest, plain is not None, body is None, _is_multipart(body))
    head = _HEADS.get(head_key)
    if head is None:
        head = _redacted_head(source, body, rules, is_decoded=plain is not None)
        _HEADS.put(head_key, head, len(head.saved))
    markers = _take_from_body(body, rules, source.family, head.path)
    model, saved_content = _redacted_content(body, markers, rules)
    saved = head.saved + saved_content
    model = model or head.model
    label = head.label | {"model": model[:_LABEL]} if model else dict(head.label)
    return Identity(key_of(saved), saved, label), body


def _redacted_content(
    body: Body, markers: list[dict[str, str]], rules: IdentityRules
) -> tuple[str | None, bytes]:
    """The model named in the body, and the saved form of markers and body after redaction and ignore rules."""
    saved = dump_content(markers, body)
    if body is None:
        return None, saved
    if not isinstance(body, Document):
        body = redact_other(body)
        ignore_items(body, rules)
        return _model(body), dump_content(markers, body)
    found = redactions(saved)
    is_nested = may_name_one_inside(saved)
    takes_out = is_nested or CREDENTIALS in body.notable or ignores_fields(rules)
    if not found and not takes_out:
        return _model(body), saved
    texts = {redaction.text: redaction.safe for redaction in found}
    if not takes_out and len(markers) < 2 and not has_name(found, saved):
        model = _model(body)
        return model and texts.get(model, model), with_redactions(found, saved)
    # A name or a marker that changes may have to move, and pointers lead through redacted names.
    if found:
        markers = merged_markers(redact_tree(markers, partial(_looked_up, texts)), [])
        body = body.inner(redact_tree(body.value, partial(_looked_up, texts)))
    changed = is_nested and redact_json_texts(body.value)
    if _take_out(body, rules) or changed or found:
        saved = dump_content(markers, body)
    return _model(body), saved


def _looked_up(texts: dict[str, str], text: str) -> str:
    return texts.get(text, text)


def _take_out(body: Document, rules: IdentityRules) -> bool:
    """Remove, in place, credentials known by name and what the user ignores. Returns whether anything changed."""
    changed = CREDENTIALS in body.notable and redact_members(body.value)
    return ignore_fields(body.value, rules) or changed


def _is_multipart(body: Body) -> bool:
    return isinstance(body, dict) and body["kind"] == "multipart"


def _redacted_head(source: _HeadSource, body: Body, rules: IdentityRules, *, is_decoded: bool) -> _Head:
    request = source.request
    host = normal_host(request.host)
    target = split_target(request.target, host)
    query, in_query = _query(target.query, source.family)
    members: dict[str, Any] = {
        "method": printable(request.method.upper()),
        "scheme": printable(request.scheme.lower()),
        "host": host,
        "port": request.port,
        "path": target.path,
        "query": query,
        "headers": normal_headers(
            source.kept,
            has_body=body is not None,
            is_multipart=_is_multipart(body),
            is_decoded=is_decoded,
        ),
        "credential": source.credential or in_query or target.userinfo or "@" in request.host,
    }
    members = _without_named_secrets(redact_tree(members))
    if source.upload_of:
        stand_in = minted(source.upload_of)
        members["query"] = [[n, stand_in if n == UPLOAD_ID else value] for n, value in members["query"]]
    members["headers"] = ignore_headers(members["headers"], rules)
    members["query"] = ignore_query(members["query"], rules)
    label = {name: members[name][:_LABEL] for name in ("method", "host", "path")}
    model = _MODEL_IN_PATH.search(members["path"])
    return _Head(dump_head(members), members["path"], label, model[1][:_LABEL] if model else None)


def _without_named_secrets(head: dict[str, Any]) -> dict[str, Any]:
    query = [[name, value and redact_query_value(value)] for name, value in head["query"]]
    headers = [[name, redact_parameters(value)] for name, value in head["headers"]]
    return head | {"path": redact_path(head["path"]), "query": query, "headers": headers}


def _query(pairs: list[tuple[str, str | None]], family: Family | None) -> tuple[list[list[str | None]], bool]:
    """The pairs without credentials, and whether there were any credentials."""
    kept: list[list[str | None]] = []
    credential = False
    is_signed = any(
        name.lower() == "sig" and value and query_verdict(name, family) is Verdict.CREDENTIAL
        for name, value in pairs
    )
    for name, value in pairs:
        verdict = query_verdict(name, family)
        if verdict is Verdict.CREDENTIAL:
            credential = credential or bool(value)
        elif not (is_signed and name in QUERY_BESIDE_SIG):
            kept.append([name, hashed(value.encode()) if value and verdict is Verdict.HASHED else value])
    return kept, credential


def _take_from_body(
    body: Body, rules: IdentityRules, family: Family | None, path: str
) -> list[dict[str, str]]:
    """Remove, in place, what does not affect the answer of this provider. Returns the `cache_control` markers."""
    if not isinstance(body, Document) or not is_provider(family):
        return []
    leave_out_members(body.value, family, path)
    if MARKERS in body.notable and rules.cache_control is CacheControl.NORMALISE:
        return take_markers(body.value)
    return []


def _model(body: Body) -> str | None:
    model = None
    if isinstance(body, Document):
        model = body.value.get("model") if isinstance(body.value, dict) else None
    elif body is not None and _is_multipart(body):
        model = next((part.get("text") for part in body["parts"] if part["name"] == "model"), None)
    return model if isinstance(model, str) else None
