"""The verdict about a recorded answer, for a provider of each dialect with a switchable version, streamed and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from addon.drift.reading import Reading
from addon.drift.verdict import Comparison, Recorded, Verdict, compare
from tests.addon.drift.dialects import DIALECTS, SCHEMA, Dialect, Version, edited, question

EACH = [
    pytest.param(dialect, stream, id=f"{dialect.name}{'-stream' if stream else ''}")
    for dialect in DIALECTS
    for stream in (False, True)
]
OLD = Version()
TOOL = Version(tool="weather", finish="tool")
UNNAMED_MODEL = ("bedrock", "cohere")


def verdict(
    dialect: Dialect,
    new: Version,
    *,
    stream: bool,
    old: Version = OLD,
    asks: dict[str, Any] | None = None,
    **headers: str,
) -> Comparison:
    """The comparison of two versions of a dialect's provider."""
    recorded = Recorded(dialect.reading(old, stream=stream))
    return compare(
        question(dialect, stream=stream, asks=asks), recorded, dialect.reading(new, stream=stream, **headers)
    )


def said(comparison: Comparison) -> set[str]:
    """What the reasons are."""
    return {reason.what for reason in comparison.reasons}


@pytest.mark.parametrize(("dialect", "stream"), EACH)
@pytest.mark.parametrize("version", [OLD, TOOL], ids=["text", "tool"])
def test_another_id_and_time_is_the_same(dialect: Dialect, stream: bool, version: Version) -> None:
    """Ids, times and usage differ from answer to answer."""
    assert verdict(dialect, replace(version, id="other"), stream=stream, old=version) == Comparison(
        Verdict.SAME
    )


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_other_words_are_benign(dialect: Dialect, stream: bool) -> None:
    """The same shape with another text, however a stream is cut."""
    found = verdict(dialect, Version(text="It is Paris."), stream=stream)
    assert found.verdict is Verdict.BENIGN
    assert "other words" in said(found)


def _add(value: dict[str, Any]) -> None:
    value["brand_new"] = 1


def _other_type(field: str) -> Callable[[dict[str, Any]], None]:
    return lambda value: value.update({field: ["of another type"]})


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_fields_and_types(dialect: Dialect, stream: bool) -> None:
    """A field that is new or gone, or has another type, is a change, and its pointer is named."""
    for what, change in (
        ("field added", _add),
        ("field gone", lambda value: value.pop(dialect.field)),
        ("other type", _other_type(dialect.field)),
    ):
        found = verdict(dialect, replace(OLD, edit=edited(dialect.field, change)), stream=stream)
        assert found.verdict is Verdict.CHANGED
        assert what in said(found), found
        name = "brand_new" if what == "field added" else dialect.field
        assert any(reason.place.endswith(f"/{name}") for reason in found.reasons)


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_another_finish_reason(dialect: Dialect, stream: bool) -> None:
    """An answer that ends for another reason is another answer to a program."""
    found = verdict(dialect, replace(OLD, finish="length"), stream=stream)
    assert found.verdict is Verdict.CHANGED
    reason = next(reason for reason in found.reasons if reason.what == "other finish reason")
    assert "/" in reason.place
    assert reason.old == dialect.finishes["stop"]
    benign = {one.place for one in found.reasons if one.is_benign}
    assert not benign & {one.place for one in found.reasons if not one.is_benign}


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_tool_calls(dialect: Dialect, stream: bool) -> None:
    """Another tool, another form of its arguments, or a text in its place; other arguments of the form are benign."""
    other = verdict(dialect, replace(TOOL, tool="forecast"), stream=stream, old=TOOL)
    assert {"other tool call", "tool call gone"} <= said(other)
    assert "tool call gone" in said(verdict(dialect, OLD, stream=stream, old=TOOL))
    renamed = replace(TOOL, arguments='{"place": "Paris"}')
    assert "other arguments of weather" in said(verdict(dialect, renamed, stream=stream, old=TOOL))
    values = verdict(dialect, replace(TOOL, arguments='{"city": "Rome"}'), stream=stream, old=TOOL)
    assert values.verdict is Verdict.BENIGN


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_arguments_are_held_to_the_declared_schema(dialect: Dialect, stream: bool) -> None:
    """With a schema an optional argument may come or go; one that does not fit is a change."""
    assert dialect.with_tool is not None
    asks = dialect.with_tool("weather", SCHEMA)
    more = replace(TOOL, arguments='{"city": "Paris", "unit": "C"}')
    assert verdict(dialect, more, stream=stream, old=TOOL, asks=asks).verdict is Verdict.BENIGN
    broken = verdict(dialect, replace(TOOL, arguments='{"city": 7}'), stream=stream, old=TOOL, asks=asks)
    reason = next(reason for reason in broken.reasons if reason.what == "other arguments of weather")
    assert reason.new == "/city: not string"


@pytest.mark.parametrize(("dialect", "stream"), [p for p in EACH if p.values[0].with_schema])  # type: ignore[attr-defined]
def test_structured_output(dialect: Dialect, stream: bool) -> None:
    """An output that fitted the schema of its request and no longer does."""
    assert dialect.with_schema is not None
    asks = dialect.with_schema(SCHEMA)
    old = Version(text='{"city": "Paris"}')
    assert (
        verdict(dialect, Version(text='{"city": "Rome"}'), stream=stream, old=old, asks=asks).verdict
        is Verdict.BENIGN
    )
    for text in ('{"city": 7}', "{}", "Paris, I think"):
        found = verdict(dialect, Version(text=text), stream=stream, old=old, asks=asks)
        assert found.verdict is Verdict.CHANGED
        assert "the output no longer fits its schema" in said(found)


@pytest.mark.parametrize(("dialect", "stream"), [p for p in EACH if p.values[0].name not in UNNAMED_MODEL])  # type: ignore[attr-defined]
def test_another_model_behind_an_alias(dialect: Dialect, stream: bool) -> None:
    """The request names an alias, and the answer the model behind it."""
    found = verdict(dialect, replace(OLD, model="model-2026-06-30"), stream=stream)
    assert found.verdict is Verdict.CHANGED
    reason = next(reason for reason in found.reasons if reason.what == "another model")
    assert (reason.old, reason.new) == (OLD.model, "model-2026-06-30")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_an_unknown_stream_event(dialect: Dialect) -> None:
    """An event that no recorded stream has; strict clients stop at it."""
    found = verdict(dialect, replace(OLD, more=(("brand.new", {"type": "brand.new"}),)), stream=True)
    assert found.verdict is Verdict.CHANGED
    assert ("unknown stream event", "event brand.new") in {(one.what, one.place) for one in found.reasons}


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_a_deprecation_header(dialect: Dialect, stream: bool) -> None:
    """RFC 9745 and RFC 8594; one that was there when it was recorded is no news."""
    for name in ("deprecation", "sunset", "x_model_deprecated"):
        found = verdict(dialect, OLD, stream=stream, **{name: "@1767225600"})
        assert found.verdict is Verdict.CHANGED
        assert [reason.place for reason in found.reasons] == [f"header {name.replace('_', '-')}"]
    old = dialect.reading(OLD, stream=stream, sunset="a")
    assert compare(question(dialect, stream=stream), Recorded(old), replace(old)).verdict is Verdict.SAME


def _error(status: int, message: str, **more: str) -> Reading:
    body = json.dumps({"error": {"message": message, **more}}).encode()
    return Reading(status, ((b"content-type", b"application/json"),), body)


@pytest.mark.parametrize(("dialect", "stream"), EACH)
def test_an_error_where_there_was_an_answer(dialect: Dialect, stream: bool) -> None:
    """A model that is gone is a change; a refused key, a limit or an outage says nothing about the answer."""
    old, asked = Recorded(dialect.reading(OLD, stream=stream)), question(dialect, stream=stream)
    found = compare(asked, old, _error(404, "The model does not exist"))
    assert found.verdict is Verdict.CHANGED
    assert found.reasons[0].new == "404 The model does not exist"
    for status in (401, 403, 429, 500, 503, 529):
        assert compare(asked, old, _error(status, "not now")).verdict is Verdict.UNANSWERED
    overloaded = Reading(
        200, ((b"content-type", b"application/json"),), b'{"error": {"type": "overloaded_error"}}'
    )
    assert compare(asked, old, overloaded).verdict is Verdict.UNANSWERED
    broken = Reading(
        200, ((b"content-type", b"application/json"),), b'{"error": {"message": "no such tool"}}'
    )
    assert compare(asked, old, broken).verdict is Verdict.CHANGED


def test_a_redirect_is_a_change() -> None:
    """It is not followed, since the next host must not get the key."""
    dialect = DIALECTS[0]
    moved = Reading(302, ((b"location", b"https://elsewhere.example/"),), b"")
    found = compare(question(dialect, stream=False), Recorded(dialect.reading(OLD, stream=False)), moved)
    assert found.reasons[0].what == "a redirect"


def test_an_object_that_the_provider_may_have_deleted() -> None:
    """A request that names an old response is not said to have changed if the provider no longer has it."""
    dialect = DIALECTS[1]
    asked = question(dialect, stream=False, asks={"previous_response_id": "resp_0"})
    found = compare(asked, Recorded(dialect.reading(OLD, stream=False)), _error(404, "no such response"))
    assert found.verdict is Verdict.UNANSWERED


def test_an_answer_that_is_cut_or_of_another_kind() -> None:
    """A stream without its end, a page, or a stream where there was an object."""
    dialect = DIALECTS[0]
    asked, old = question(dialect, stream=True), Recorded(dialect.reading(OLD, stream=True))
    whole = old.answer
    cut = replace(whole, body=whole.body.partition(b"data: [DONE]")[0].rpartition(b"data:")[0])
    assert compare(asked, old, cut).verdict is Verdict.CHANGED
    page = Reading(200, ((b"content-type", b"text/html"),), b"<html>captive portal</html>")
    assert compare(asked, old, page).verdict is Verdict.CHANGED
    assert "other media type" in said(compare(asked, old, dialect.reading(OLD, stream=False)))


def test_the_shape_is_learned_from_several_answers() -> None:
    """A field that only some answers to requests of the same form have may come and go."""
    dialect = DIALECTS[0]
    asked, old = question(dialect, stream=False), dialect.reading(OLD, stream=False)
    with_more = dialect.reading(replace(OLD, edit=edited("created", _add)), stream=False)
    assert compare(asked, Recorded(old), with_more).verdict is Verdict.CHANGED
    assert compare(asked, Recorded(old, of_form=[with_more]), with_more).verdict is Verdict.SAME
    assert compare(asked, Recorded(with_more, of_form=[old]), old).verdict is Verdict.SAME
    assert compare(asked, Recorded(with_more), old).verdict is Verdict.CHANGED


def test_other_answers_to_the_same_request_are_known() -> None:
    """Of repeated requests, each recorded finish reason and tool is one that the provider gives."""
    dialect = DIALECTS[2]
    asked, old = question(dialect, stream=False), dialect.reading(OLD, stream=False)
    long, call = (dialect.reading(version, stream=False) for version in (replace(OLD, finish="length"), TOOL))
    for new in (long, call):
        assert compare(asked, Recorded(old), new).verdict is Verdict.CHANGED
        assert compare(asked, Recorded(old, of_request=[new]), new).verdict is Verdict.BENIGN


def test_hostile_answers_are_compared() -> None:
    """Deep nesting, text that is not JSON and odd types raise nothing."""
    dialect = DIALECTS[0]
    asked, old = question(dialect, stream=False), Recorded(dialect.reading(OLD, stream=False))
    for body in (
        b"[" * 5000,
        b'{"choices": 7}',
        b'{"choices": [[]], "model": []}',
        b"\xff\xfe",
        b'"text"',
        b"null",
    ):
        reading = Reading(200, ((b"content-type", b"application/json"),), body)
        assert compare(asked, old, reading).verdict is Verdict.CHANGED
        compare(asked, Recorded(reading), old.answer)
