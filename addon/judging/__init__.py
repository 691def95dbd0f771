"""Whether an answer is whole and successful.

No SDK notices a stream that was cut between two events: they return the short answer as if it were whole. What is
stored once is replayed a thousand times, so it is judged here, by the response's own media type and shape, never by
what the request asked for. One module per family knows its grammar; none of them imports mitmproxy or diskcache.

What the transport says is judged before: a message that ended well, its declared length reached, its
content-encoding undone to the very end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from addon.judging.bedrock import judge_frames
from addon.judging.expected_errors import is_provider_error, may_be_stored
from addon.judging.items import parse_json
from addon.judging.lines import judge_lines
from addon.judging.objects import judge_value
from addon.judging.reasons import NotStored
from addon.judging.streams import judge_events
from cache_store.answers.abridged import abridged_json
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Headers

__all__ = ["Answer", "Judgement", "judge"]

# An empty body is a whole answer to these (RFC 9110, 9.3); a POST that gets one asked a model and heard nothing.
_MAY_BE_EMPTY = frozenset({"HEAD", "PUT", "PATCH", "DELETE"})
_NO_CONTENT = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OBJECT_START = re.compile(rb"\s*\{")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that arrived whole as far as the transport can tell; `body` is decoded."""

    method: str
    path: str
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why an answer is not stored (None: it is whole and successful), and the grammar that it was judged by.

    `judged` is `transport` where no grammar is known: then the message's proper end is all that was seen.
    """

    reason: NotStored | None
    judged: str


def judge(
    answer: Answer, *, store_incomplete: bool = True, store_errors: frozenset[int] = frozenset()
) -> Judgement:
    """Judges a live answer; raises nothing, whatever the body.

    `store_incomplete`: keep answers that ended at a token or content limit. `store_errors`: the error statuses that
    are kept where the body is a provider's error object (as `parse_store_errors` allows them).
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
    if not 200 <= status <= 299 or (status == 204 and method not in _NO_CONTENT):
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
        # Lines under a type that promises one value; a cut JSON text is never a list of whole lines.
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
