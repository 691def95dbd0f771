"""Judges one answer: HTTP status first, then the body by its media type and shape.

SDKs do not notice a stream that was cut between two events: they return the short answer as if it were whole. One
bad entry would be replayed a thousand times, so every answer is checked here before it is stored.

The caller has already checked the transport: the message ended well, has its declared length, and its
content-encoding decoded to the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from addon.judging.bedrock import judge_frames
from addon.judging.expected_errors import is_provider_error, may_be_stored
from addon.judging.lines import judge_lines
from addon.judging.objects import judge_value
from addon.judging.reasons import NotStored
from addon.judging.stream_events import parse_json
from addon.judging.streams import judge_events
from cache_store.answers.abridged import abridged_json
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Headers

__all__ = ["Answer", "Judgement", "judge"]

# Methods whose whole answer may have an empty body (RFC 9110, 9.3).
_MAY_BE_EMPTY = frozenset({"HEAD", "PUT", "PATCH", "DELETE"})
_MAY_BE_204 = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OBJECT_START = re.compile(rb"\s*\{")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose transport was whole. `path` has no query; `body` is decoded."""

    method: str
    path: str
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why an answer is not stored, and the grammar that decided.

    `reason` is None for an answer that is whole and successful. `judged` is `transport` if no grammar knows the
    body: then only the transport was checked.
    """

    reason: NotStored | None
    judged: str


def judge(
    answer: Answer, *, store_incomplete: bool = True, store_errors: frozenset[int] = frozenset()
) -> Judgement:
    """Judge a live answer. Never raises, whatever the body.

    `store_incomplete`: keep answers that ended at a token or content limit. `store_errors`: error statuses to keep
    if the body is a provider's error object (see `parse_store_errors`).
    """
    method = answer.method.upper()
    if answer.status in store_errors and may_be_stored(answer.status):
        return _expected_error(answer)
    if (problem := _status_problem(answer.status, method)) is not None:
        return Judgement(problem, "status")
    if not answer.body:
        return Judgement(_empty_problem(answer.status, method), "empty")
    return Judgement(*_judge_body(answer, method, store_incomplete))


def _status_problem(status: int, method: str) -> NotStored | None:
    if 300 <= status <= 399:
        return NotStored.REDIRECT
    if status == 206:
        return NotStored.PARTIAL_CONTENT
    if not 200 <= status <= 299 or (status == 204 and method not in _MAY_BE_204):
        return NotStored.STATUS
    return None


def _empty_problem(status: int, method: str) -> NotStored | None:
    return None if status == 204 or method in _MAY_BE_EMPTY else NotStored.EMPTY


def _judge_body(answer: Answer, method: str, store_incomplete: bool) -> tuple[NotStored | None, str]:
    body = answer.body
    kind = kind_of(essence_of(answer.headers), body)
    if kind is Kind.HTML:
        return NotStored.HTML_PAGE, "html"
    if kind is Kind.EVENTS:
        return judge_events(body, store_incomplete)
    if kind is Kind.FRAMES:
        return judge_frames(body, store_incomplete)
    if kind is Kind.LINES:
        return judge_lines(body, store_incomplete)
    if kind is Kind.JSON:
        return _judge_json(body, method, store_incomplete)
    if kind is Kind.PICTURE and method == "GET":
        return NotStored.MEDIA, "media"
    if kind in (Kind.PICTURE, Kind.SOUND) and _is_json_object(body):
        return NotStored.MEDIA_MISMATCH, "media"
    if body.isspace():
        return NotStored.EMPTY, "transport"
    return None, "transport"


def _judge_json(body: bytes, method: str, store_incomplete: bool) -> tuple[NotStored | None, str]:
    if body.isspace():
        return NotStored.EMPTY, "json"
    try:
        value = parse_json(abridged_json(body).decode("utf-8-sig"))
    except ValueError:
        # Some servers send JSON lines as application/json. A truncated JSON text never parses as whole lines.
        return judge_lines(body, store_incomplete) if b"\n" in body else (NotStored.BAD_JSON, "json")
    return judge_value(value, method, store_incomplete)


def _is_json_object(body: bytes) -> bool:
    if not _OBJECT_START.match(body):
        return False
    try:
        parse_json(abridged_json(body).decode("utf-8"))
    except ValueError:
        return False
    return True


def _expected_error(answer: Answer) -> Judgement:
    if not answer.body:
        return Judgement(NotStored.EMPTY, "expected-error")
    kind = kind_of(essence_of(answer.headers), answer.body)
    if kind is Kind.HTML:
        return Judgement(NotStored.HTML_PAGE, "expected-error")
    if kind is not Kind.JSON:
        return Judgement(NotStored.STATUS, "expected-error")
    try:
        value = parse_json(answer.body.decode("utf-8-sig"))
    except ValueError:
        return Judgement(NotStored.BAD_JSON, "expected-error")
    return Judgement(None if is_provider_error(value) else NotStored.STATUS, "expected-error")
