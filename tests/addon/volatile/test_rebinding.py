"""Live values in recorded answers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.volatile.rebinding import RebindRefused, rebind
from cache_store.answers.eventstream import frames
from cache_store.entry import Entry, Headers
from tests.addon.volatile.streams import DIALECTS, FRAMES, SSE, event, frame

OLD, NEW = "123e4567-e89b-12d3-a456-426614174000", "99999999-aaaa-4bbb-8ccc-dddddddddddd"
JSON: Headers = ((b"content-type", b"application/json"),)


def _entry(body: bytes, headers: Headers = JSON, value: str = OLD) -> Entry:
    return Entry("pp2v-a", 200, "OK", headers, body, 1.0, 1.0, "run", bindings=(("id", 1, value),))


def _rebound(body: bytes, headers: Headers = JSON, old: str = OLD, new: str = NEW) -> tuple[bytes, int]:
    entry, by_rule = rebind(_entry(body, headers, old), [("id", 1, new)])
    return entry.body, sum(by_rule.values())


def test_a_json_answer_gets_the_live_value_and_is_else_as_it_was() -> None:
    """Blanks, the spelling of numbers and other texts stay byte for byte."""
    form = b'{ "a" : "id %s." ,"n":1.50, "e":"\\u00e9", "l": ["%s"] }'
    body, want = (form % ((value.encode(),) * 2) for value in (OLD, NEW))
    assert _rebound(body) == (want, 2)


def test_equal_values_change_nothing() -> None:
    """The very entry is served."""
    entry = _entry(OLD.encode())
    assert rebind(entry, [("id", 1, OLD)]) == (entry, {})
    with pytest.raises(RebindRefused, match="does not keep"):
        rebind(entry, [("id", 2, NEW)])
    other = _entry(b'{"a":"no value"}')
    assert rebind(other, [("id", 1, NEW)]).entry is other


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_value_is_found_wherever_a_stream_cuts_it(dialect: str) -> None:
    """At every character; the pieces keep their lengths."""
    headers, make = DIALECTS[dialect]
    text = f"a {OLD} b"
    for at in range(len(text) + 1):
        body = make([text[:at], text[at:]])
        new = f"a {NEW} b"
        assert _rebound(body, headers) == (make([new[:at], new[at:]]), 2 if dialect == "responses" else 1)
    assert _rebound(make(list(text)), headers)[0] == make(list(f"a {NEW} b"))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("new", ["/srv/x1", "/a/much/longer/folder/than/before"])
def test_a_value_of_another_length_is_put_in_whole(dialect: str, new: str) -> None:
    """A stream says the same text as if its parts had been joined first."""
    headers, make = DIALECTS[dialect]
    parts = ["in /tm", "p/abc", "def", "/f and ", "/tmp/abcdef"]
    body, _ = _rebound(make(parts), headers, "/tmp/abcdef", new)
    want, _ = _rebound(make(["".join(parts)]), headers, "/tmp/abcdef", new)
    assert _said(dialect, body) == _said(dialect, want) == f"in {new}/f and {new}"


def _said(dialect: str, body: bytes) -> str:
    """The text of a stream, read by other means than the code's."""
    if dialect in ("converse", "invoke"):
        payloads = [json.loads(each.payload) for each in frames(body)]
        if dialect == "invoke":
            payloads = [json.loads(base64.b64decode(payload["bytes"])) for payload in payloads]
        return "".join(payload["delta"]["text"] for payload in payloads)
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n")]
    values: list[Any] = [json.loads(line) for line in lines if line.strip().startswith("{")]
    texts = {
        "chat": lambda v: v["choices"][0]["delta"]["content"],
        "messages": lambda v: v.get("delta", {}).get("text", ""),
        "responses": lambda v: v.get("delta", ""),
        "gemini": lambda v: v["candidates"][0]["content"]["parts"][0]["text"],
        "cohere": lambda v: v["delta"]["message"]["content"]["text"],
        "ollama": lambda v: v["message"]["content"],
        "tool-call": lambda v: v["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
    }
    return "".join(texts[dialect](value) for value in values)


def test_a_value_within_json_within_a_text_keeps_its_escapes() -> None:
    """A tool's arguments are JSON in a text: a path of Windows has its backslashes doubled twice."""
    old, new = r"C:\Temp\tmpab12cd_x", r"C:\Temp\tmpZZ12cd_y"
    arguments = json.dumps({"path": old + r"\f.txt"})
    body = json.dumps({"arguments": arguments, "content": f"see {old}"}).encode()
    value = json.loads(_rebound(body, JSON, old, new)[0])
    assert json.loads(value["arguments"]) == {"path": new + r"\f.txt"}
    assert value["content"] == f"see {new}"


def test_quotes_in_a_live_value_cannot_leave_their_text() -> None:
    """JSON syntax in a value stays text, in arguments as well."""
    new = '"}],"x":[{"y":"'
    body = json.dumps({"arguments": json.dumps({"id": OLD}), "text": OLD}).encode()
    value = json.loads(_rebound(body, JSON, OLD, new)[0])
    assert value["text"] == new
    assert json.loads(value["arguments"]) == {"id": new}


def test_a_line_end_in_a_live_value_cannot_make_an_event() -> None:
    """In JSON it is escaped; a line of plain text refuses it."""
    new = "x\n\ndata: {}"
    body, _ = _rebound(event({"delta": OLD}).encode(), SSE, OLD, new)
    assert body.count(b"\n") == 2
    assert json.loads(body.decode().removeprefix("data: "))["delta"] == new
    with pytest.raises(RebindRefused):
        _rebound(f"data: {OLD}\n\n".encode(), SSE, OLD, new)


def test_headers_are_rebound_too() -> None:
    """Unless the live value is not one that a header can hold."""
    headers = (*JSON, (b"location", f"/runs/{OLD}".encode()))
    entry, by_rule = rebind(_entry(b"{}", headers), [("id", 1, NEW)])
    assert entry.headers[1] == (b"location", f"/runs/{NEW}".encode())
    assert by_rule == {"id": 1}
    for bad in ("a\r\nset-cookie: x", "naïve→value"):
        with pytest.raises(RebindRefused):
            rebind(_entry(b"{}", headers), [("id", 1, bad)])


@pytest.mark.parametrize(("body", "headers"), [
    (json.dumps({"content": [{"type": "thinking", "thinking": OLD, "signature": "c2ln"}]}), JSON),
    (json.dumps({"parts": [{"text": OLD, "thoughtSignature": "c2ln"}]}), JSON),
    (json.dumps({"choices": [{"message": {"content": OLD}, "logprobs": {"content": []}}]}), JSON),
    (json.dumps({"text": OLD, "annotations": [{"start_index": 0, "end_index": 9}]}), JSON),
    (json.dumps({"type": "reasoning", "summary": [{"text": OLD}], "encrypted_content": "gAAA"}), JSON),
    (
        event({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": OLD}})
        + event({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}),
        SSE,
    ),
])  # fmt: skip
def test_a_value_beside_a_signature_or_an_offset_is_refused(body: str, headers: Headers) -> None:
    """The provider rejects an altered thinking block, and an offset would point elsewhere."""
    with pytest.raises(RebindRefused, match="beside"):
        _rebound(body.encode(), headers)


@pytest.mark.parametrize("trace", [
    OLD.upper(), OLD.replace("-", ""), OLD.replace("-", "%2D"), f"x_{OLD}_y", f"{OLD}0", OLD[:8], OLD[-8:],
    *(base64.b64encode(f"{'say'[:n]}{OLD} now".encode()).decode() for n in range(4)),
])  # fmt: skip
@pytest.mark.parametrize("dialect", ["chat", "tool-call", "converse"])
def test_a_trace_of_the_recorded_value_is_refused(trace: str, dialect: str) -> None:
    """Another spelling, a part, base64, within a longer word, as a member's name; also cut by a stream."""
    headers, make = DIALECTS[dialect]
    with pytest.raises(RebindRefused):
        _rebound(make([f"It is {trace[:5]}", f"{trace[5:]}."]), headers)
    with pytest.raises(RebindRefused):
        _rebound(json.dumps({trace: 1}).encode())


def test_the_end_of_a_date_is_a_trace_of_it() -> None:
    """An answer that names the day of a recorded time."""
    with pytest.raises(RebindRefused):
        _rebound(b'{"text": "On 2026-11-28"}', JSON, "2026-11-28T10:00:00Z", "2027-01-03T11:30:00Z")
    assert _rebound(b'{"text": "in /tmp/pytest-of-root/pytest-12/a"}', JSON, "/tmp/pytest-of-root/pytest-12",
                    "/tmp/pytest-of-root/pytest-13")[1] == 1  # fmt: skip


@pytest.mark.parametrize("offsets", [
    {"groundingMetadata": {"groundingSupports": [{"segment": {"startIndex": 30, "endIndex": 40}}]}},
    {"citations": [{"start": 30, "end": 42, "text": "x"}]},
    {"output": [{"content": [{"annotations": [{"type": "file_citation", "index": 30}]}]}]},
    {"content_filter_offsets": {"check_offset": 30}},
])  # fmt: skip
def test_offsets_anywhere_are_refused_where_lengths_change(offsets: dict[str, Any]) -> None:
    """They would point elsewhere; a value of equal length moves nothing."""
    body = json.dumps({"said": {"text": f"See {OLD} there"}} | offsets).encode()
    with pytest.raises(RebindRefused, match="offsets"):
        _rebound(body, JSON, OLD, NEW[:-4] + "x")
    assert _rebound(body)[1] == 1


def test_a_signature_elsewhere_does_not_matter() -> None:
    """Another block of the same answer may be sealed."""
    body = json.dumps({
        "content": [{"thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": OLD, "logprobs": []}]
    })  # fmt: skip
    assert _rebound(body.encode())[1] == 1


def test_a_short_value_is_never_replaced() -> None:
    """An answer that repeats it is refused; one that does not is served."""
    for text, refused in (("port 8080", True), ("port 80801", False), ("none", False)):
        body = json.dumps({"text": text}).encode()
        if refused:
            with pytest.raises(RebindRefused, match="fewer than 8"):
                _rebound(body, JSON, "8080", "9090")
        else:
            assert _rebound(body, JSON, "8080", "9090") == (body, 0)


def test_a_file_that_repeats_a_value_is_refused() -> None:
    """Lengths and checksums of a file are not known."""
    sound: Headers = ((b"content-type", b"audio/mpeg"),)
    with pytest.raises(RebindRefused, match="file"):
        _rebound(b"\xff\xfb" + OLD.encode(), sound)
    assert _rebound(b"\xff\xfbxx", sound) == (b"\xff\xfbxx", 0)


def test_values_that_change_places_are_replaced_at_once() -> None:
    """A live value that equals another recorded one is not replaced again."""
    entry = Entry(
        "k",
        200,
        "OK",
        JSON,
        json.dumps([OLD, NEW]).encode(),
        1.0,
        1.0,
        "r",
        bindings=(("a", 1, OLD), ("b", 2, NEW)),
    )
    swapped, by_rule = rebind(entry, [("a", 1, NEW), ("b", 2, OLD)])
    assert json.loads(swapped.body) == [NEW, OLD]
    assert by_rule == {"a": 1, "b": 1}


def test_a_frame_that_is_broken_is_left_alone() -> None:
    """Its bytes cannot be put together again, so a value in it refuses the answer."""
    body = frame("x", json.dumps({"delta": {"text": OLD}}).encode())[:-1]
    with pytest.raises(RebindRefused):
        _rebound(body, FRAMES)


_JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.sampled_from([OLD, f"x {OLD}", NEW])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(_JSON_VALUES, st.booleans())
def test_rebinding_then_parsing_is_parsing_then_replacing(value: Any, is_ascii: bool) -> None:
    """Whatever the answer holds."""

    def replaced(each: Any) -> Any:
        if isinstance(each, str):
            return each.replace(OLD, NEW)
        if isinstance(each, list):
            return [replaced(item) for item in each]
        return {name: replaced(item) for name, item in each.items()} if isinstance(each, dict) else each

    try:
        body = json.dumps(value, ensure_ascii=is_ascii).encode()
        new, _ = _rebound(body)
    except (UnicodeEncodeError, RebindRefused):
        return
    assert json.loads(new) == replaced(value)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("new", [
    "⟦id#1⟧", "⟦literal⟧", '{"a": "b"}', "\\u0041\\", "data: x", "é→😀\x00", "x" * 200_000, f"{OLD}0",
], ids=["stand-in", "literal", "JSON", "escapes", "an event", "signs", "long", "the old one and more"])  # fmt: skip
def test_hostile_values_stay_text(dialect: str, new: str) -> None:
    """Whatever a live value is, a stream says exactly it, or the answer is refused."""
    headers, make = DIALECTS[dialect]
    try:
        body, _ = _rebound(make(["id ", OLD[:9], OLD[9:], " ok"]), headers, OLD, new)
    except RebindRefused:
        assert new == f"{OLD}0"
        return
    said = _said(dialect, body)
    assert (json.loads(f'"{said}"') if dialect == "tool-call" else said) == f"id {new} ok"
