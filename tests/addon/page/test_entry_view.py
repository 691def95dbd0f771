"""What the page shows of an entry."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from addon.page.blocks import Part, Turn
from addon.page.entry_view import entry_view, media_of, saved_request, turn_views
from cache_store.entry import Entry

JSON = ((b"content-type", b"application/json"),)
SSE = ((b"content-type", b"text/event-stream"),)


def entry(body: Any, answer: bytes = b"{}", headers: Any = JSON) -> Entry:
    """An entry whose request had this JSON body."""
    saved = {"method": "POST", "path": "/v1", "headers": [["accept", "x"]], "query": [["a", "b"]],
             "body": {"kind": "json", "value": body}}  # fmt: skip
    return Entry(
        "pp2-1",
        200,
        "OK",
        headers,
        answer,
        1.0,
        2.0,
        "run",
        {"host": "h"},
        request_json=json.dumps(saved).encode(),
    )


def test_both_sides_are_shown() -> None:
    """The conversation, headers, parameters, usage, tests, and what the text is cut to."""
    answer = {"choices": [{"message": {"role": "assistant", "content": "a"}}], "usage": {"prompt_tokens": 3}}
    body = {
        "model": "m",
        "temperature": 0.5,
        "tools": [{"name": "f"}],
        "messages": [{"role": "user", "content": "x" * 50_000}],
    }
    view = entry_view(entry(body, json.dumps(answer).encode()), ["test_a"])
    (asked,) = view["asked"]
    assert (len(asked["parts"][0]["text"]), asked["parts"][0]["cut"]) == (20_000, 30_000)
    assert view["said"] == [{"role": "assistant", "parts": [{"kind": "text", "text": "a"}]}]
    assert view["parameters"] == [["temperature", "0.5"], ["model", "m"]]
    assert (view["tools"], view["tests"], view["usage"]["prompt_tokens"]) == (["f"], ["test_a"], 3)
    assert (view["request_headers"], view["query"]) == ([["accept", "x"]], [["a", "b"]])
    assert view["stream"] is None


def test_a_stream_has_its_events() -> None:
    """At most 2,000 are listed; all are counted."""
    view = entry_view(
        entry({}, b'event: e\ndata: {"type": "t"}\n\n' + b'data: {"type": "u"}\n\n' * 2500, SSE)
    )
    assert view["stream"]["count"] == 2501
    assert len(view["stream"]["events"]) == 2000
    assert [event["name"] for event in view["stream"]["events"][:2]] == ["e", "u"]


def test_many_turns_are_bounded() -> None:
    """By their number and by their text together; the last line says what is missing."""
    turns = [Turn("user", [Part("text", "x" * 10_000)]) for _ in range(500)]
    shown = turn_views(turns, budget := [1_000_000])
    assert len(shown) == 401
    assert shown[-1]["parts"][0]["text"].startswith("100 more turns")
    assert sum(len(part["text"]) for turn in shown[:-1] for part in turn["parts"]) == 1_000_000
    assert budget == [0]


def test_media_are_found_by_number() -> None:
    """Those of the request first."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    one = entry({"messages": [{"role": "user", "content": [picture]}]}, b'{"data": [{"b64_json": "BBBB"}]}')
    assert [media_of(one, number) for number in (0, 1)] == [("image/png", "AAAA"), ("image/png", "BBBB")]
    assert media_of(one, 2) is None


def test_a_request_that_was_not_saved_or_is_damaged() -> None:
    """Is said to be missing."""
    assert saved_request(b"[" * 100_000) == saved_request(b"\xff") == saved_request(b"[]") == {}
    view = entry_view(Entry("pp2-1", 200, "OK", JSON, b"{}", 1.0, 2.0, "run", request_json=b"{"))
    assert (view["saved"], view["asked"]) == (False, [])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["messages", "role", "content", "parts", "type", "text", "tool_calls", "function", "choices", "delta",
                         "message", "candidates", "output", "image_url", "source", "data", "input", "thought", "error",
                         "content_block", "index", "toolUse", "audio", "system", "tools", "request", "contents", "response"])
        | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(ANY, ANY)
def test_any_json_can_be_shown(body: Any, answer: Any) -> None:
    """Wrong types everywhere give a view that is JSON, for whole answers and for streams."""
    raw = json.dumps(answer).encode()
    for one in (entry(body, raw), entry(body, b"data: %s\n\n" % raw, SSE)):
        json.dumps(entry_view(one), allow_nan=False)
