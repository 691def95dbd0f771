"""The verdict about one recorded answer, by what the provider answers to the same request today."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from addon.diagnosis.shortening import shortened
from addon.drift.question import Question
from addon.drift.reading import Reading, pointer_of_name
from addon.drift.reason import Reason
from addon.drift.requested import output_of, tool_schemas
from addon.drift.schema_check import schema_fault
from addon.drift.shape import known_shape, shape_changes, shape_of
from addon.drift.values import value_changes
from addon.judging.expected_errors import is_temporary_error
from addon.judging.judgement import Answer, judge
from addon.judging.reasons import NotStored
from cache_store.answers import bounded_json
from cache_store.answers.text import ToolCall
from cache_store.entry import header_value

__all__ = ["Comparison", "Recorded", "Verdict", "compare"]

_IN_BAND = frozenset({NotStored.ERROR, NotStored.ERROR_IN_STREAM, NotStored.FAILED})
# They say something about the credential, the rate or the moment, and nothing about the answer.
_NOT_ANSWERED = frozenset({401, 402, 403, 407, 408, 409, 425, 429})
_GONE = frozenset({400, 404, 410})
# RFC 9745 and RFC 8594; others have a name of their own.
_DEPRECATION = ("deprecat", "sunset")
_MOST_REASONS = 20


class Verdict(enum.StrEnum):
    """What became of a recorded answer."""

    SAME = "same"  # equal but for ids, times, usage and sampling
    BENIGN = "benign"  # other words, the same shape
    CHANGED = "changed"
    UNANSWERED = "not answered"  # the provider gave no answer that says anything


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict and its reasons, those that changed something first, at most 20."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded answer, other answers to the same request, and answers to requests of the same form."""

    answer: Reading
    of_request: Sequence[Reading] = ()
    of_form: Sequence[Reading] = ()


def compare(question: Question, recorded: Recorded, new: Reading) -> Comparison:
    """Compare today's answer with the recorded one. Never raises, whatever the bodies hold."""
    if why := _why_unanswered(question, recorded.answer, new):
        status = Reason(why, "status", str(recorded.answer.status), str(new.status))
        return Comparison(Verdict.UNANSWERED, (status,))
    reasons = [*_errors(question, recorded.answer, new)] or [*_all(question, recorded, new)]
    changed = [reason for reason in reasons if not reason.is_benign]
    said = {reason.place for reason in changed}
    benign = (reason for reason in reasons if reason.is_benign and reason.place not in said)
    ordered = [*changed, *benign][:_MOST_REASONS]
    verdict = Verdict.CHANGED if changed else Verdict.BENIGN if ordered else Verdict.SAME
    return Comparison(verdict, tuple(ordered))


def _why_unanswered(question: Question, old: Reading, new: Reading) -> str:
    if new.status == old.status and old.status >= 400:
        return ""
    if (
        new.status in _NOT_ANSWERED
        or new.status >= 500
        or any(is_temporary_error(v) for _, v in new.documents)
    ):
        return f"no answer to compare: {_said(new)}"
    if (
        new.status in _GONE
        and old.status < 400
        and (question.names_objects or question.request.method == "GET")
    ):
        return f"it asks for what the provider may have deleted: {_said(new)}"
    return ""


def _errors(question: Question, old: Reading, new: Reading) -> Iterator[Reason]:
    was, now = _problem(question, old), _problem(question, new)
    if new.status >= 300 > old.status or (now in _IN_BAND and was is None):
        what = "an error where there was an answer" if new.status < 300 or new.status >= 400 else "a redirect"
        yield Reason(what, "status", str(old.status), _said(new))
    elif old.status >= 400 > new.status:
        yield Reason("an answer where there was an error", "status", str(old.status), str(new.status))
    elif old.status != new.status:
        yield Reason("other status", "status", str(old.status), str(new.status))
    elif was is None and now is not None:
        yield Reason(f"no longer a whole answer ({now})", "status", None, shortened(_text(new.body)))
    elif old.essence != new.essence:
        yield Reason("other media type", "header content-type", old.essence, new.essence)


def _problem(question: Question, reading: Reading) -> NotStored | None:
    request = question.request
    path = request.target.partition("?")[0]
    answer = Answer(
        request.method, path, reading.status, reading.headers, reading.body, request.body, request.host,
        of_provider=True,
    )  # fmt: skip
    return judge(answer).reason


def _said(reading: Reading) -> str:
    """The status, and the message of an error."""
    for _, value in reading.documents:
        error = value.get("error", value) if isinstance(value, dict) else None
        message = (
            error if isinstance(error, str) else error.get("message") if isinstance(error, dict) else None
        )
        if isinstance(message, str) and message:
            return f"{reading.status} {shortened(message, 120)}"
    return f"{reading.status} {shortened(_text(reading.body))}".strip()


def _text(body: bytes) -> str:
    return body[:2000].decode("utf-8", "replace")


def _all(question: Question, recorded: Recorded, new: Reading) -> Iterator[Reason]:
    old = recorded.answer
    yield from _tool_changes(question, recorded, new)
    yield from _finish_changes(recorded, new)
    yield from _output_changes(question, old, new)
    if old.model and new.model and old.model != new.model:
        yield Reason("another model", new.model_place, shortened(old.model), shortened(new.model))
    readings = (old, *recorded.of_request, *recorded.of_form)
    yield from shape_changes(known_shape([reading.shape for reading in readings]), old.shape, new.shape)
    yield from _deprecations(old, new)
    yield from value_changes(old, new)


def _tool_changes(question: Question, recorded: Recorded, new: Reading) -> Iterator[Reason]:
    old = recorded.answer
    before = [call for reading in (old, *recorded.of_request) for call in reading.said.calls]
    names, now = (
        dict.fromkeys(call.name for call in before),
        dict.fromkeys(call.name for call in new.said.calls),
    )
    for name in now:
        if name not in names:
            yield Reason("other tool call", pointer_of_name(new, name), None, shortened(name))
    for name in dict.fromkeys(call.name for call in old.said.calls):
        if name not in now:
            yield Reason("tool call gone", pointer_of_name(old, name), shortened(name), None)
    schemas = tool_schemas(question.body)
    for name in now:
        if name in names:
            was, are = _arguments(before, name), _arguments(new.said.calls, name)
            yield from _argument_changes(name, was, are, schemas.get(name), pointer_of_name(new, name))


def _argument_changes(name: str, old: list[Any], new: list[Any], schema: Any, place: str) -> Iterator[Reason]:
    """Arguments that no longer fit the declared schema, or without a schema have another shape."""
    what = f"other arguments of {shortened(name)}"
    if schema is not None and not any(schema_fault(value, schema) for value in old):
        faults = (schema_fault(value, schema) for value in new)
        yield from (Reason(what, place, None, shortened(fault, 120)) for fault in faults if fault)
        return
    shapes = [shape_of(("", value) for value in values) for values in (old, new)]
    for reason in shape_changes(known_shape(shapes[:1]), *shapes):
        yield Reason(what, place, _at(reason, reason.old), _at(reason, reason.new))


def _at(reason: Reason, value: str | None) -> str | None:
    return None if value is None else f"{reason.place or '/'}: {value}"


def _finish_changes(recorded: Recorded, new: Reading) -> Iterator[Reason]:
    known = [
        finish for reading in (recorded.answer, *recorded.of_request) for finish in reading.finishes.values()
    ]
    reasons = {finish.reason for finish in known}
    for choice, finish in new.finishes.items():
        if reasons and finish.reason not in reasons:
            was = recorded.answer.finishes.get(choice, known[0]).reason
            yield Reason("other finish reason", finish.place, shortened(was), shortened(finish.reason))


def _output_changes(question: Question, old: Reading, new: Reading) -> Iterator[Reason]:
    output = output_of(question.body)
    if output is None or not old.said.text or _output_fault(old.said.text, output.schema):
        return
    if new.said.text and (fault := _output_fault(new.said.text, output.schema)):
        yield Reason("the output no longer fits its schema", "output", None, shortened(fault, 120))


def _output_fault(text: str, schema: Any) -> str:
    try:
        value = bounded_json.loads(text)
    except ValueError:
        return "/: not JSON"
    return schema_fault(value, schema)


def _arguments(calls: Iterable[ToolCall], name: str) -> list[Any]:
    return [_parsed(call.arguments) for call in calls if call.name == name]


def _parsed(arguments: str) -> Any:
    """The arguments of a call; text that is not JSON stays text. Some providers send none as ''."""
    try:
        return bounded_json.loads(arguments or "{}")
    except ValueError:
        return arguments


def _deprecations(old: Reading, new: Reading) -> Iterator[Reason]:
    there = {name.lower() for name, _ in old.headers}
    for name in dict.fromkeys(name.lower() for name, _ in new.headers):
        text = name.decode("latin-1")
        if name not in there and any(word in text for word in _DEPRECATION):
            value = shortened(header_value(new.headers, name))
            yield Reason("a deprecation header", f"header {shortened(text)}", None, value)
