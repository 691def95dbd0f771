"""Altered answers, as the reader of answers that `show` uses understands them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.judging import Answer, judge
from addon.probing.altering import altered, changes_of
from addon.probing.edits import Change, Kind
from addon.probing.parts import parts_of
from cache_store.answers.media import essence_of
from cache_store.answers.sse import parse
from cache_store.answers.text import Spoken, spoken
from cache_store.answers.usage import tokens_of, usage_of
from cache_store.entry import Entry
from tests.addon.judging.test_samples import media_of
from tests.addon.probing.answers import ANSWERS, FIRST, JSON, SECOND, TEXT, entry

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "streams").iterdir())


def said(answer: Entry) -> Spoken:
    """The text and the calls of an answer."""
    found = spoken(answer.body, essence_of(answer.headers))
    assert found is not None
    return found


def arguments(answer: Entry) -> list[Any]:
    """The arguments of its calls. Cohere's are not read by `spoken`."""
    calls = [call.arguments for call in said(answer).calls]
    parts = parts_of(answer.headers, answer.body)
    if not calls and parts is not None:
        calls = [parts.said(call.arguments) for call in parts.calls.values()]
    return [json.loads(call) for call in calls]


def only(answer: Entry, kind: Kind, ending: str = "") -> Entry:
    """The answer with the one alteration of this kind whose pointer ends so."""
    changes = [
        change for change in changes_of(answer, 0) if change.kind is kind and change.pointer.endswith(ending)
    ]
    assert len(changes) == 1, changes
    made = altered(answer, changes[0], 0)
    assert made is not None
    return made.entry


@pytest.mark.parametrize("dialect", ANSWERS)
def test_another_text(dialect: str) -> None:
    """Every word is another one, in one piece or several; calls and lengths stay."""
    answer = ANSWERS[dialect]()
    made = only(answer, Kind.TEXT)
    text = said(made).text
    assert text == "".join(chr(ord(char) + 1) if char.isalpha() else char for char in "".join(TEXT))
    assert arguments(made) == [FIRST, SECOND]
    assert made.headers == answer.headers


@pytest.mark.parametrize("dialect", ANSWERS)
def test_another_argument(dialect: str) -> None:
    """One value of one call; the pointer ends in its name."""
    answer = ANSWERS[dialect]()
    assert arguments(only(answer, Kind.ARGUMENT, "/city")) == [FIRST | {"city": "Qbsjt"}, SECOND]
    assert arguments(only(answer, Kind.ARGUMENT, "/days")) == [FIRST | {"days": 4}, SECOND]
    assert arguments(only(answer, Kind.ARGUMENT, "/exact")) == [FIRST | {"exact": False}, SECOND]
    assert arguments(only(answer, Kind.ARGUMENT, "/at/0")) == [FIRST, SECOND | {"at": [2.5, "here"]}]
    note = only(answer, Kind.ARGUMENT, "/note")
    assert arguments(note) == [FIRST, SECOND | {"note": 'b "rvpufe" xp\nse'}]
    assert said(note).text == "".join(TEXT)


@pytest.mark.parametrize("dialect", ANSWERS)
def test_a_call_less(dialect: str) -> None:
    """The first call of two goes and the other one takes its place; the text stays."""
    answer = ANSWERS[dialect]()
    changes = [change for change in changes_of(answer, 0) if change.kind is Kind.CALL]
    assert len(changes) == 2
    for change, left in zip(changes, (SECOND, FIRST), strict=True):
        made = altered(answer, change, 0)
        assert made is not None
        assert arguments(made.entry) == [left]
        assert said(made.entry).text == "".join(TEXT)
        again = [each for each in changes_of(made.entry, 0) if each.kind is Kind.CALL]
        assert len(again) == 1
        none = altered(made.entry, again[0], 0)
        assert none is not None
        assert arguments(none.entry) == []
        assert not any(word in none.entry.body for word in (b'tool_calls"', b'tool_use"', b'TOOL_CALL"'))


@pytest.mark.parametrize("dialect", ["messages-stream", "responses-stream", "converse-stream"])
def test_blocks_and_events_are_counted_without_a_gap(dialect: str) -> None:
    """A client that keeps its blocks in a list finds each at its number."""
    answer = ANSWERS[dialect]()
    change = next(change for change in changes_of(answer, 0) if change.kind is Kind.CALL)
    made = altered(answer, change, 0)
    assert made is not None
    values = [json.loads(event.data) for event in parse(made.entry.body).events]
    if dialect == "responses-stream":
        assert [value["sequence_number"] for value in values] == list(range(len(values)))
        assert {value["output_index"] for value in values if "output_index" in value} == {0, 1}
    else:
        assert b'ndex":1' in made.entry.body.replace(b" ", b"")
        assert b'ndex":2' not in made.entry.body.replace(b" ", b"")


@pytest.mark.parametrize("dialect", ANSWERS)
def test_at_the_limit_and_with_other_usage(dialect: str) -> None:
    """The dialect's own word for the limit; twice the tokens of every kind."""
    answer = ANSWERS[dialect]()
    cut = only(answer, Kind.LENGTH).body
    assert any(
        word in cut for word in (b'"length"', b'"max_tokens"', b'"MAX_TOKENS"', b'"max_output_tokens"')
    )
    media = essence_of(answer.headers)
    before, after = usage_of(answer.body, media), usage_of(only(answer, Kind.USAGE).body, media)
    assert before is not None
    assert after is not None
    assert (tokens_of(before), tokens_of(after)) == ((9, 2), (18, 4))


def test_an_incomplete_response_ends_with_the_event_of_one() -> None:
    """Its name is in the event's line, too."""
    body = only(ANSWERS["responses-stream"](), Kind.LENGTH).body
    last = parse(body).events[-1]
    assert last.name == "response.incomplete"
    assert json.loads(last.data)["type"] == "response.incomplete"
    assert json.loads(last.data)["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize("dialect", ANSWERS)
def test_an_empty_answer(dialect: str) -> None:
    """No text; the calls stay."""
    made = only(ANSWERS[dialect](), Kind.EMPTY)
    assert said(made).text == ""
    assert arguments(made) == [FIRST, SECOND]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_an_altered_stream_is_still_whole(sample: Path) -> None:
    """By the grammar that judges answers before they are stored, for every alteration of every sample."""
    headers = ((b"content-type", media_of(sample.name).encode()),)
    answer = entry(headers, sample.read_bytes())

    def judged(body: bytes) -> tuple[object, str]:
        found = judge(Answer("POST", "/v1/x", 200, headers, body))
        return found.reason, found.judged

    before = judged(answer.body)
    for change in changes_of(answer, 3):
        made = altered(answer, change, 3)
        assert made is not None
        assert made.entry.body != answer.body
        assert judged(made.entry.body) == before, change


def test_all_else_stays_as_it_was_written() -> None:
    """Blanks, escapes and the order of members: a careless parser sees the same."""
    body = '{ "choices" : [ {"message":{"content":"Caf\\u00e9 7"} , "finish_reason":"stop"} ],\n "x": 1.50 }'
    answer = entry(JSON, body)
    assert only(answer, Kind.LENGTH).body == body.replace('"stop"', '"length"').encode()
    # An event of several lines keeps them.
    stream = (
        'data: {"choices": [{"index": 0,\ndata:  "delta": {"content": "one"}, "finish_reason": "stop"}]}\n\n'
    )
    made = only(entry(((b"content-type", b"text/event-stream"),), stream), Kind.TEXT)
    assert made.body.decode() == stream.replace('"one"', '"pof"')


def test_a_text_that_is_json_is_altered_value_by_value() -> None:
    """Structured output: the pointer goes on into it, and names stay."""
    text = json.dumps({"city": "Paris", "tags": ["a", None], "no": {"deep": 1}})
    answer = entry(JSON, {"choices": [{"message": {"content": text}}]})
    fields = [change for change in changes_of(answer, 0) if change.kind is Kind.FIELD]
    assert [change.pointer.removeprefix("/choices/0/message/content") for change in fields] == [
        "/city",
        "/tags/0",
        "/no/deep",
    ]
    made = altered(answer, fields[0], 0)
    assert made is not None
    assert json.loads(said(made.entry).text) == {"city": "Qbsjt", "tags": ["a", None], "no": {"deep": 1}}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b'{"object":"list","data":[]}'),
        (JSON, b"not JSON"),
        (JSON, b'{"choices": [1, {"message": {"content": [1, {"text": 2}], "tool_calls": "x"}}]}'),
        (JSON, b'{"candidates": [{"content": {"parts": [{"functionCall": {"args": []}}]}}]}'),
        (
            ((b"content-type", b"text/event-stream"),),
            b'data: {"type":"response.output_text.delta","delta":1}\n\n',
        ),
        (((b"content-type", b"image/png"),), b"\x89PNG"),
        (JSON, b"[" * 200 + b"]" * 200),
        (JSON, b""),
    ],
)
def test_an_answer_without_parts_admits_no_alteration(headers: Any, body: bytes) -> None:
    """Whatever it is: a hostile entry ends no probe."""
    kinds = {change.kind for change in changes_of(entry(headers, body), 0)}
    assert kinds <= {Kind.CALL}


def test_an_alteration_of_another_answer_is_none() -> None:
    """The entry may have changed since the probe was planned."""
    assert altered(ANSWERS["chat"](), Change(Kind.TEXT, "/nowhere"), 0) is None


def test_a_text_that_is_said_in_two_ways_is_left_alone() -> None:
    """Where the end of a stream says another text than its pieces did, nobody knows which one counts."""
    answer = ANSWERS["responses-stream"]()
    odd = entry(answer.headers, answer.body.replace(b'"text":"The', b'"text":"Tha'))
    assert [change for change in changes_of(odd, 0) if change.kind in (Kind.TEXT, Kind.EMPTY)] == []
