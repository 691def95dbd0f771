"""Turns an entry into lines and JSON for a person to read."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from addon.accounting.figures import plural
from addon.pacing.rhythm import read_rhythm
from addon.sockets.reading import conversation, first_words
from addon.sockets.transcript import CONTENT_TYPE, Transcript
from cache_store.answers.text import spoken
from cache_store.answers.usage import usage_of
from cache_store.entry import Entry, header_value
from cache_store.errors import EntryError
from cache_store.nearest.sketch import question_of

__all__ = [
    "age_text",
    "body_text",
    "header_pairs",
    "request_line",
    "said",
    "shown",
    "streamed",
    "summary",
    "time_text",
]

_TESTS = 10
_QUESTION = 200  # characters


def summary(entry: Entry) -> dict[str, Any]:
    """One entry of a JSON listing."""
    return {
        "key": entry.key,
        **entry.label,
        "status": entry.status,
        "bytes": entry.size,
        "recorded": time_text(entry.recorded_at),
        "recorded_at": entry.recorded_at,
        "elapsed": round(entry.elapsed, 3),
        "judged": entry.judged,
        **({"edited": True} if entry.edited else {}),
        "question": _question(entry),
    }


def shown(entry: Entry, *, headers: bool, tests: Sequence[str] = ()) -> Iterator[str]:
    """The lines of the request and of the answer: a stream's text joined, tool calls, usage.

    `tests` are those that used it in the last run.
    """
    edited = ", edited by hand" if entry.edited else ""
    yield request_line(entry.label)
    yield f"key       {entry.key}"
    yield f"recorded  {time_text(entry.recorded_at)}, {entry.elapsed:.2f} s, judged {entry.judged}{edited}"
    if stream := streamed(entry).get("stream"):
        pieces = plural(stream["pieces"], "piece")
        yield f"stream    {pieces}, the first after {stream['first']:.2f} s, the last after {stream['last']:.2f} s"
    yield f"status    {entry.status} {entry.reason}"
    if entry.ambiguous:
        yield "          two tests of its run got different answers here; this is the last one"
    for number, test in enumerate(tests[:_TESTS]):
        yield f"{'          ' if number else 'used by   '}{test}"
    if len(tests) > _TESTS:
        yield f"          and {len(tests) - _TESTS} more tests"
    if headers:
        yield from (f"          {name}: {value}" for name, value in header_pairs(entry))
    yield ""
    session = _session(entry)
    if session is not None:
        yield from (f"{who:<8}  {said}" for who, said in conversation(session))
        return
    yield from _request(entry)
    yield ""
    yield from _answer(entry)


def streamed(entry: Entry) -> dict[str, Any]:
    """In how many pieces an answer came, and the seconds from the request to the first and the last one, under
    `stream`, for JSON; empty if that is not known.
    """
    rhythm = read_rhythm(entry)
    if rhythm is None:
        return {}
    first, last = rhythm.head + rhythm.gaps[0], rhythm.head + sum(rhythm.gaps)
    return {"stream": {"pieces": len(rhythm.gaps), "first": round(first, 3), "last": round(last, 3)}}


def _session(entry: Entry) -> Transcript | None:
    """The WebSocket session that an entry holds; None for any other answer, and for one that cannot be read."""
    if _media_type(entry) != CONTENT_TYPE:
        return None
    try:
        return Transcript.decode(entry.body)
    except EntryError:
        return None


def request_line(label: Mapping[str, Any]) -> str:
    """Method, host and path of an entry's label."""
    return f"{label.get('method', '')} {label.get('host', '')}{label.get('path', '')}"


def header_pairs(entry: Entry) -> list[tuple[str, str]]:
    """The answer's headers as pairs of text."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in entry.headers]


def body_text(entry: Entry) -> str:
    """The answer's body as text, or a note if it is not text."""
    try:
        return entry.body.decode()
    except UnicodeDecodeError:
        return f"({entry.size} bytes that are not text; --raw prints them)"


def time_text(seconds: float) -> str:
    """Unix seconds as a UTC time, such as `2026-01-31 10:15:02Z`."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def age_text(age: float) -> str:
    """Seconds as an age in its largest unit: `45s`, `12m`, `5h`, `3d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if age >= length:
            return f"{age / length:.0f}{unit}"
    return f"{max(0, age):.0f}s"


def _question(entry: Entry) -> str:
    """The first words of what the request asks, in one line; empty if the request was not saved."""
    session = _session(entry)
    if session is not None:
        return " ".join(first_words(session)[: 4 * _QUESTION].split())[:_QUESTION]
    try:
        body = entry.request.get("body")
    except EntryError:
        return ""
    value = body.get("value") if isinstance(body, dict) else None
    return " ".join(question_of(value)[: 4 * _QUESTION].split())[:_QUESTION]


def _request(entry: Entry) -> Iterator[str]:
    try:
        body = entry.request.get("body")
    except EntryError as error:
        yield f"({error})"
        return
    if not entry.request:
        yield "(the request was not saved)"
    elif isinstance(body, dict):
        value = body.get("value", {name: item for name, item in body.items() if name != "kind"})
        yield from (
            value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        ).split("\n")


def said(entry: Entry) -> dict[str, Any]:
    """The text and the tool calls of an answer under `said`, for JSON; empty if its format is unknown."""
    found = spoken(entry.body, _media_type(entry))
    return {} if found is None else {"said": found.as_dict()}


def _media_type(entry: Entry) -> str:
    return header_value(entry.headers, b"content-type").lower()


def _answer(entry: Entry) -> Iterator[str]:
    media_type = _media_type(entry)
    found = spoken(entry.body, media_type)
    if found is None:
        yield from body_text(entry).split("\n")
        return
    if found.text:
        yield from found.text.split("\n")
    for call in found.calls:
        yield f"-> {call.name}({call.arguments})"
    usage = usage_of(entry.body, media_type)
    if usage:
        yield ""
        yield f"usage     {json.dumps(usage, ensure_ascii=False)}"
