"""Turns a live answer into an entry if it is whole, successful and free of secrets."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from addon.identity import Identity
from addon.judging import Answer, judge
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer
from addon.redaction import Taint, carries_credentials, keep_response_headers, shapes
from addon.redaction.put_together import put_together
from addon.settings.settings import Settings
from cache_store.answers.content_coding import BadCoding, TooLarge, decode
from cache_store.answers.media import essence_of
from cache_store.entry import Entry, Headers, header_value

__all__ = ["Origin", "entry_or_reason"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry comes from: its request, key and run, when it was recorded (Unix seconds), how long it took
    (s)."""

    method: str
    path: str
    identity: Identity
    key: str
    run: str
    recorded_at: float
    elapsed: float


def entry_or_reason(
    origin: Origin, answer: LiveAnswer, settings: Settings, taint: Taint
) -> Entry | NotStored:
    """The entry for `answer`, or why it is not stored."""
    try:
        body = decode(answer.body, header_value(answer.headers, b"content-encoding"), settings.max_body)
    except TooLarge:
        return NotStored.TOO_LARGE
    except BadCoding:
        return NotStored.CONTENT_CODING
    judgement = judge(
        Answer(origin.method, origin.path, answer.status, answer.headers, body),
        store_incomplete=settings.store_incomplete,
        store_errors=settings.store_errors,
    )
    if judgement.reason is not None:
        return judgement.reason
    entry = Entry(
        key=origin.key,
        status=answer.status,
        reason=answer.reason,
        headers=_stored_headers(origin.method, answer.headers),
        body=body,
        recorded_at=origin.recorded_at,
        elapsed=origin.elapsed,
        run=origin.run,
        label=origin.identity.label,
        judged=judgement.judged,
        request_json=origin.identity.request_json if settings.save_request else b"{}",
    )
    kind = _secret_in(entry, answer.headers, settings, taint)
    if kind is None:
        return entry
    # The path may contain the secret too, and a label has only a part of the path.
    is_clean = taint.found_in(origin.identity.request_json) is None
    place = "{method} {host}{path}".format_map(entry.label) if is_clean else entry.label["host"]
    logger.warning("not stored: %s: its request or answer holds a secret (%s)", place, kind)
    return NotStored.SECRET


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
    kept = keep_response_headers(headers)
    if method == "HEAD":  # its answer has no body to compute the length from
        kept += tuple((name, value) for name, value in headers if name.lower() == b"content-length")
    return kept
