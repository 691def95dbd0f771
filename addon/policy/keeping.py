"""Turns an answer into an entry if it is whole, successful and free of secrets.

An answer comes from a provider, or in an entry that was made elsewhere; both are held to the same rules.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, replace

from addon.identity import Identity
from addon.judging import Answer, judge
from addon.judging.endpoints import Endpoint, endpoint_class
from addon.judging.expected_errors import IN_BAND, expected_at
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy.accounts import account_digest
from addon.redaction import Taint, carries_credentials, keep_response_headers, shapes
from addon.redaction.put_together import put_together
from addon.redaction.upload_urls import with_stand_ins
from addon.settings.hosts import parse_hosts
from addon.settings.settings import Settings
from cache_store.answers.content_coding import BadCoding, TooLarge, decode
from cache_store.answers.media import essence_of
from cache_store.entry import Entry, Headers, header_value

__all__ = ["Origin", "entry_or_reason", "imported_entry", "is_allowed"]

logger = logging.getLogger(__name__)

_PROVIDERS = parse_hosts("")
# RFC 9110, 5.6.2 and 5.5: clients, and HTTP/2, refuse other names and values.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry comes from. `recorded_at` is in Unix seconds; `elapsed`, in seconds, is how long the answer
    took."""

    request: WireRequest
    identity: Identity
    key: str
    run: str
    recorded_at: float
    elapsed: float


def entry_or_reason(
    origin: Origin, answer: LiveAnswer, settings: Settings, taint: Taint
) -> Entry | NotStored:
    """The entry for `answer`, or why it is not stored."""
    request = origin.request
    entry = Entry(
        key=origin.key,
        status=answer.status,
        reason=answer.reason,
        headers=with_stand_ins(answer.headers, origin.key),
        body=answer.body,
        recorded_at=origin.recorded_at,
        elapsed=origin.elapsed,
        run=origin.run,
        label=origin.identity.label,
        request_json=origin.identity.request_json if settings.save_request else b"{}",
        account=account_digest(request),
        bindings=origin.identity.bindings,
    )
    asked = _Asked(request.method, request.host, request.target, _decoded(request, settings.max_body))
    kept = _judged(entry, asked, settings, ended=answer.ended)
    if isinstance(kept, NotStored):
        return kept
    kind = _secret_in(kept, answer.headers, settings, taint)
    if kind is None:
        return kept
    # The path may contain the secret too, and a label has only a part of the path.
    is_clean = taint.found_in(origin.identity.request_json) is None
    place = "{method} {host}{path}".format_map(entry.label) if is_clean else entry.label["host"]
    logger.warning("not stored: %s: its request or answer holds a secret (%s)", place, kind)
    return NotStored.SECRET


def imported_entry(entry: Entry, settings: Settings, taint: Taint) -> Entry | NotStored:
    """An entry from elsewhere, as it would be stored had its answer come from the provider; or why it would not be.

    Checks the status, the headers, the body and secrets. `addon.transfer.key_check` checks the key. An entry
    without a saved request is judged by its label. Raises CorruptEntry if the saved request does not parse.
    """
    saved = entry.request or entry.label
    body = saved.get("body")
    value = body.get("value") if isinstance(body, dict) and body.get("kind") == "json" else None
    asked = _Asked(
        str(saved.get("method", "POST")),
        str(saved.get("host", "")),
        str(saved.get("path", "/")),
        json.dumps(value).encode() if isinstance(value, dict) else b"",
    )
    kept = _judged(entry, asked, settings)
    if isinstance(kept, Entry) and _secret_in(kept, entry.headers, settings, taint) is not None:
        return NotStored.SECRET
    return kept


def is_allowed(reason: NotStored, status: int, request: WireRequest, settings: Settings) -> bool:
    """Whether the setting that stores answers like this one is on, or would not help, as with half a generation."""
    expected = expected_at(settings.store_errors, request.host)
    match reason:
        case NotStored.STATUS:
            return status in expected
        case NotStored.ERROR | NotStored.ERROR_IN_STREAM | NotStored.FAILED:
            return IN_BAND in expected
        case NotStored.NOT_FINISHED:
            endpoint = endpoint_class(request.method, request.target, host=request.host, body=request.body)
            return settings.store_pending or endpoint is Endpoint.GENERATION
        case NotStored.HTML_PAGE | NotStored.MEDIA:
            return settings.store_media
    return False


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request as the judge needs it; `target` is a path, maybe with a query, and `body` is decoded."""

    method: str
    host: str
    target: str
    body: bytes


def _judged(entry: Entry, asked: _Asked, settings: Settings, *, ended: bool = True) -> Entry | NotStored:
    """The entry with its body decoded and with the headers that may be stored, or why it is not stored."""
    try:
        body = decode(entry.body, header_value(entry.headers, b"content-encoding"), settings.max_body)
    except TooLarge:
        return NotStored.TOO_LARGE
    except BadCoding:
        return NotStored.CONTENT_CODING
    judgement = judge(
        Answer(
            asked.method,
            asked.target.partition("?")[0],
            entry.status,
            entry.headers,
            body,
            request=asked.body,
            host=asked.host,
            of_provider=_PROVIDERS.match(asked.host),
            ended=ended,
        ),
        store_incomplete=settings.store_incomplete,
        store_errors=expected_at(settings.store_errors, asked.host),
        store_pending=settings.store_pending,
        store_media=settings.store_media,
    )
    if judgement.reason is not None:
        return judgement.reason
    return replace(
        entry,
        reason=entry.reason if _VALUE.fullmatch(entry.reason.encode("latin-1", "replace")) else "",
        headers=_stored_headers(asked.method, entry.headers),
        body=body,
        judged=judgement.judged,
    )


def _decoded(request: WireRequest, limit: int) -> bytes:
    try:
        return decode(request.body, header_value(request.headers, b"content-encoding"), limit)
    except BadCoding:
        return b""


def _secret_in(entry: Entry, headers: Headers, settings: Settings, taint: Taint) -> str | None:
    """The kind of a secret that would be written; None if there is none."""
    named = carries_credentials(entry.body, header_value(headers, b"content-type"))
    if named is not None:
        return named
    if not settings.allow_secrets_in_responses:
        values = b"\n".join((entry.reason.encode("utf-8", "replace"), *(value for _, value in entry.headers)))
        secrets = shapes.find_in_answer(entry.body) or shapes.find(values)
        if secrets:
            return secrets[0].kind
    for text in put_together(entry.body, essence_of(headers)):
        shaped = [] if settings.allow_secrets_in_responses else shapes.find_in_answer(text)
        kind = taint.found_in(text) or (shaped[0].kind if shaped else None)
        if kind is not None:
            return kind
    # Last, check the exact bytes that would be written. No setting turns this off.
    return taint.found_in(*entry.pieces())


def _stored_headers(method: str, headers: Headers) -> Headers:
    sendable = tuple(
        (name, value) for name, value in headers if _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    )
    kept = keep_response_headers(sendable)
    if method == "HEAD":  # its answer has no body to compute the length from
        kept += tuple((name, value) for name, value in headers if name.lower() == b"content-length")
    return kept
