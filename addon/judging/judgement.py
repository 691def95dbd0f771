"""Judges one answer: by its HTTP status, its endpoint's class, then the body by its media type and shape.

SDKs do not notice a stream that was cut between two events: they return the short answer as if it were whole. One
bad entry would be replayed a thousand times, so every answer is checked here before it is stored.

The caller has already decoded the content-encoding and compared the declared length.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from addon.judging.amounts import has_all
from addon.judging.bedrock import judge_frames
from addon.judging.endings import Rules
from addon.judging.endpoints import Endpoint, Result, asks_a_model, endpoint_class, result_of
from addon.judging.expected_errors import IN_BAND, is_provider_error, is_temporary_error, may_be_stored
from addon.judging.finished import closes_itself
from addon.judging.in_band import is_error, may_be_error
from addon.judging.lines import is_cut_in_line, judge_lines
from addon.judging.mcp import is_refused_handshake
from addon.judging.objects import judge_action, judge_value
from addon.judging.reasons import NotStored
from addon.judging.stream_events import parse_json
from addon.judging.streams import error_at_end, judge_events
from cache_store.answers.abridged import abridged_json
from cache_store.answers.media import Kind, essence_of, kind_of
from cache_store.entry import Headers, header_value

__all__ = ["Answer", "Judgement", "judge"]

# Methods whose whole answer may have an empty body (RFC 9110, 9.3).
_MAY_BE_EMPTY = frozenset({"HEAD", "PUT", "PATCH", "DELETE"})
_MAY_BE_204 = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OBJECT_START = re.compile(rb"\s*\{")
_STREAMS = frozenset({Kind.EVENTS, Kind.FRAMES, Kind.LINES})
_IN_BAND_REASONS = frozenset({NotStored.ERROR, NotStored.FAILED, NotStored.ERROR_IN_STREAM})
_TRANSPORT = "transport"
_NO_GRAMMAR = frozenset({"json", "jsonl", _TRANSPORT})

type _Verdict = tuple[NotStored | None, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `path` has no query; `body` is decoded, and so is `request`, the body of the request.

    `host`: of the request. `of_provider`: that host is the API of a known provider. `ended`: the transport ended
    well; else the client left or the run ended, and `body` holds what had come by then.
    """

    method: str
    path: str
    status: int
    headers: Headers
    body: bytes
    request: bytes = b""
    host: str = ""
    of_provider: bool = False
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why an answer is not stored, and the grammar that decided.

    `reason` is None for an answer that is whole and successful. `judged` is `transport` if no grammar knows the
    body: then only the transport was checked.
    """

    reason: NotStored | None
    judged: str


@dataclass(frozen=True, slots=True)
class _Case:
    """An answer with what its request says about it."""

    answer: Answer
    kind: Kind
    endpoint: Endpoint | None
    result: Result | None
    rules: Rules
    store_media: bool

    @property
    def is_file(self) -> bool:
        """Whether the content of a file was asked for: it may hold anything."""
        return self.answer.method.upper() == "GET" and self.endpoint is Endpoint.READ

    @property
    def may_be_media(self) -> bool:
        """Whether pictures and pages that were fetched are stored."""
        return self.store_media or self.answer.of_provider


def judge(
    answer: Answer,
    *,
    store_incomplete: bool = True,
    store_errors: AbstractSet[int | str] = frozenset(),
    store_pending: bool = False,
    store_media: bool = False,
) -> Judgement:
    """Judge an answer. Never raises, whatever the body.

    `store_incomplete`: keep answers that ended at a token or content limit. `store_errors`: error statuses to keep
    if the body is a provider's error object, and `in-band` for errors inside a 2xx (see `parse_store_errors`).
    `store_pending`: keep the states of jobs that are not final. `store_media`: keep pictures, PDFs and pages that
    were fetched from any host, not only from a provider's.
    """
    method = answer.method.upper()
    if answer.status in store_errors and may_be_stored(answer.status):
        return Judgement(_expected_error_problem(answer), "expected-error")
    if answer.ended and is_refused_handshake(answer.status, answer.request, answer.body):
        return Judgement(None, "mcp")
    if (problem := _status_problem(answer, method, store_pending)) is not None:
        return Judgement(problem, "status")
    endpoint = endpoint_class(method, answer.path, host=answer.host, body=answer.request)
    if endpoint is None and answer.status == 202:
        endpoint = Endpoint.ACTION
    if not answer.body:
        return Judgement(_empty_problem(answer, method, endpoint), "empty")
    is_poll = endpoint in (Endpoint.POLL, Endpoint.READ)
    case = _Case(
        answer,
        kind_of(essence_of(answer.headers), answer.body),
        endpoint,
        result_of(method, answer.path, host=answer.host) if endpoint is Endpoint.GENERATION else None,
        Rules(
            store_incomplete, store_pending and endpoint is not Endpoint.GENERATION, is_poll, store_pending
        ),
        store_media,
    )
    reason, judged = _judge_body(case)
    if reason is None and not _is_answer_to_request(case, judged):
        reason = NotStored.NO_RESULT
    if not answer.ended and (
        reason or case.is_file or not closes_itself(case.kind, answer.body, answer.request)
    ):
        return Judgement(NotStored.CUT_OFF, judged)
    if reason in _IN_BAND_REASONS and _is_expected(case, store_errors):
        return Judgement(None, "expected-error")
    return Judgement(reason, judged)


def _status_problem(answer: Answer, method: str, store_pending: bool) -> NotStored | None:
    status = answer.status
    if 300 <= status <= 399:
        return NotStored.REDIRECT
    if status == 206 or any(name.lower() == b"content-range" for name, _ in answer.headers):
        return NotStored.PARTIAL_CONTENT
    if not 200 <= status <= 299 or (status == 204 and method not in _MAY_BE_204):
        return NotStored.STATUS
    # RFC 9110, 6.4.1: these have no body; one would be taken for the next answer.
    if answer.body and (status in (204, 205) or method == "HEAD"):
        return NotStored.STATUS
    return NotStored.NOT_FINISHED if status == 202 and method == "GET" and not store_pending else None


def _empty_problem(answer: Answer, method: str, endpoint: Endpoint | None) -> NotStored | None:
    if not answer.ended:
        return NotStored.CUT_OFF
    if endpoint is Endpoint.GENERATION or _is_question(answer, endpoint):
        return NotStored.EMPTY
    is_file = endpoint is Endpoint.READ and method == "GET" and _declares_no_body(answer.headers)
    is_whole = answer.status == 204 or method in _MAY_BE_EMPTY or endpoint is Endpoint.ACTION or is_file
    return None if is_whole else NotStored.EMPTY


def _declares_no_body(headers: Headers) -> bool:
    """Whether the end of an empty body is told from a connection that broke (RFC 9112, 6.3)."""
    coding = header_value(headers, b"transfer-encoding").lower()
    return header_value(headers, b"content-length") == "0" or coding.endswith("chunked")


def _judge_body(case: _Case) -> _Verdict:
    body, kind = case.answer.body, case.kind
    if kind is Kind.HTML:
        return (None, _TRANSPORT) if _may_be_page(case) else (NotStored.HTML_PAGE, "html")
    if kind in _STREAMS:
        return _judge_file(case) if case.is_file else _judge_stream(case)
    if kind is Kind.JSON:
        return _judge_json(case)
    if kind is Kind.PICTURE and case.answer.method.upper() == "GET" and not case.may_be_media:
        return NotStored.MEDIA, "media"
    if kind in (Kind.PICTURE, Kind.SOUND) and _is_json_object(body):
        return NotStored.MEDIA_MISMATCH, "media"
    if body.isspace() and case.endpoint is not Endpoint.ACTION:
        return NotStored.EMPTY, _TRANSPORT
    if kind is not Kind.SOUND and not _may_be_text(case):
        return NotStored.NO_RESULT, _TRANSPORT
    return None, _TRANSPORT


def _may_be_page(case: _Case) -> bool:
    """Whether a page may be what was asked for, rather than a captive portal's."""
    if case.is_file:
        return case.may_be_media
    return case.store_media and case.answer.method.upper() == "GET"


def _may_be_text(case: _Case) -> bool:
    """Whether the result may be something else than JSON or a stream."""
    if case.result is not None:
        return case.result.media
    return case.kind is not Kind.TEXT or not _is_question(case.answer, case.endpoint)


def _is_question(answer: Answer, endpoint: Endpoint | None) -> bool:
    """Whether an endpoint that no row knows was asked as a model is."""
    return endpoint is None and answer.method.upper() == "POST" and asks_a_model(answer.request)


def _judge_stream(case: _Case) -> _Verdict:
    body, store_incomplete = case.answer.body, case.rules.store_incomplete
    result = case.result
    if case.kind is Kind.EVENTS:
        return judge_events(body, store_incomplete, known_only=result is not None and not result.any_json)
    judge_body = judge_frames if case.kind is Kind.FRAMES else judge_lines
    reason, judged = judge_body(body, store_incomplete)
    if reason is None and result is not None and not result.any_json and judged in _NO_GRAMMAR:
        return NotStored.NO_RESULT, judged
    return reason, judged


def _judge_file(case: _Case) -> _Verdict:
    is_cut = case.kind in (Kind.LINES, Kind.JSON) and is_cut_in_line(
        case.answer.body, is_declared=case.kind is Kind.LINES
    )
    return (NotStored.CUT_OFF if is_cut else None), _TRANSPORT


def _judge_json(case: _Case) -> _Verdict:
    body = case.answer.body
    if body.isspace():
        return (None if case.endpoint is Endpoint.ACTION else NotStored.EMPTY), "json"
    try:
        value = parse_json(abridged_json(body).decode("utf-8-sig"))
    except ValueError:
        if case.is_file:
            return _judge_file(case)
        # Some servers send JSON lines as application/json. A truncated JSON text never parses as whole lines.
        if b"\n" in body:
            return judge_lines(body, case.rules.store_incomplete)
        return NotStored.BAD_JSON, "json"
    return _judge_value(case, value)


def _judge_value(case: _Case, value: Any) -> _Verdict:
    if case.endpoint is Endpoint.ACTION:
        return judge_action(value), "action"
    if case.is_file:
        return (NotStored.ERROR if is_error(value) else None), _TRANSPORT
    reason, judged = judge_value(value, case.rules)
    if reason is not None:
        return reason, judged
    if case.result is not None and not _has_result(case.result, value, judged):
        return NotStored.NO_RESULT, judged
    if (
        judged == "json"
        and isinstance(value, dict)
        and _is_question(case.answer, case.endpoint)
        and may_be_error(value)
    ):
        return NotStored.NO_RESULT, judged
    return None, judged


def _is_answer_to_request(case: _Case, judged: str) -> bool:
    """Whether the endpoint's own grammar decided, and the answer holds as many results as were asked for."""
    if case.result is None:
        return True
    grammars = case.result.grammars
    if grammars and judged not in _NO_GRAMMAR and judged not in grammars:
        return False
    return has_all(case.answer.request, case.answer.body, case.kind)


def _has_result(result: Result, value: Any, judged: str) -> bool:
    if judged not in _NO_GRAMMAR:
        return True
    if isinstance(value, dict):
        return any(value.get(name) is not None for name in result.members) or (
            result.any_json and not may_be_error(value)
        )
    return result.any_json or bool(result.members)


def _is_expected(case: _Case, store_errors: AbstractSet[int | str]) -> bool:
    """Whether an error inside a 2xx is to be stored: the answer is whole, and the error is not temporary."""
    body = case.answer.body
    if case.kind is Kind.JSON and IN_BAND in store_errors:
        try:
            return not is_temporary_error(parse_json(body.decode("utf-8-sig")))
        except ValueError:
            return False
    if case.kind is not Kind.EVENTS or (error := error_at_end(body)) is None or is_temporary_error(error):
        return False
    # Groq's `tool_use_failed` comes inside the stream and names the status that it would have had.
    details = error.get("error")
    status = details.get("status_code") if isinstance(details, dict) else None
    return IN_BAND in store_errors or status in store_errors


def _is_json_object(body: bytes) -> bool:
    if not _OBJECT_START.match(body):
        return False
    try:
        parse_json(abridged_json(body).decode("utf-8"))
    except ValueError:
        return False
    return True


def _expected_error_problem(answer: Answer) -> NotStored | None:
    if not answer.ended:
        return NotStored.CUT_OFF
    if not answer.body:
        return NotStored.EMPTY
    kind = kind_of(essence_of(answer.headers), answer.body)
    if kind is not Kind.JSON:
        return NotStored.HTML_PAGE if kind is Kind.HTML else NotStored.STATUS
    try:
        value = parse_json(answer.body.decode("utf-8-sig"))
    except ValueError:
        return NotStored.BAD_JSON
    return None if is_provider_error(value) else NotStored.STATUS
