"""Bytes as a person reads them, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.errors import CorruptEntry
from cache_store.transfer.readable import from_readable, to_readable

VALUE = {"a": [1, 2.5, None, True], "é": "世界 \n\t\x7f", "": {}}


@pytest.mark.parametrize("newline", ["", "\n"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    "layout", [{"separators": (",", ":")}, {"separators": (", ", ": ")}, {"indent": 2}, {"indent": 4}]
)
def test_json_is_shown_as_json(layout: dict[str, object], ascii_only: bool, newline: str) -> None:
    """In every layout in which providers write it; the bytes come back."""
    data = (json.dumps(VALUE, ensure_ascii=ascii_only, **layout) + newline).encode()  # type: ignore[arg-type]
    form = to_readable(data)
    assert form["json"] == VALUE
    assert from_readable(json.loads(json.dumps(form))) == data


def test_a_stream_is_shown_as_events() -> None:
    """Data that is JSON is JSON, named events keep their names, and what is neither is text."""
    data = b'event: start\ndata: {"n": 1}\n\ndata: {"n": 2}\n\n: ping\n\ndata: [DONE]\n\n'
    form = to_readable(data)
    assert form["events"] == [
        {"event": "start", "data": {"n": 1}},
        {"data": {"n": 2}},
        ": ping",
        "data: [DONE]",
        "",
    ]
    assert from_readable(form) == data


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "text"),
        (b"hello", "text"),
        (b"a\nb\r\n", "lines"),
        (b"\xff\x00", "base64"),
        (b'{"a": 1, "a": 2}', "text"),
        (b'{"a": 1.0e5}', "text"),
        (b'{"a": NaN}', "text"),
        (b'{"a":  1}', "text"),
        (b"[" * 20_000 + b"]" * 20_000, "text"),
        (b"[%s]" % (b"9" * 5000), "text"),
        (b'data: {"n": 1}\r\n\r\n', "lines"),
        (b'{"a": "\\ud800"}', "json"),
    ],
)
def test_what_would_not_come_back_is_shown_as_it_is(data: bytes, kind: str) -> None:
    """Spelling that no layout gives back is kept as text."""
    form = to_readable(data)
    assert kind in form
    assert from_readable(json.loads(json.dumps(form))) == data


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=100).map(lambda t: t.encode("utf-8", "surrogatepass"))
    )
)
def test_any_bytes_come_back(data: bytes) -> None:
    """Whatever they are."""
    assert from_readable(json.loads(json.dumps(to_readable(data)))) == data


@given(st.lists(st.sampled_from(["data: ", "event: x", "\n", "\n\n", '{"a": 1}', "é", "\r"]), max_size=20))
def test_any_stream_comes_back(parts: list[str]) -> None:
    """However its lines stand."""
    data = ("data: " + "".join(parts)).encode()
    assert from_readable(json.loads(json.dumps(to_readable(data)))) == data


@pytest.mark.parametrize(
    "form",
    [None, [], {}, {"base64": "?"}, {"base64": 1}, {"json": 1}, {"json": 1, "style": "none"}, {"lines": [1]},
     {"lines": 1}, {"events": 1, "style": "compact"}, {"events": [1], "style": "compact"}, {"text": "\ud800"},
     {"events": [{"event": "x"}], "style": "compact"}, {"json": 1, "style": ["x"]}],
)  # fmt: skip
def test_what_is_no_form_is_refused(form: object) -> None:
    """A file may hold anything."""
    with pytest.raises(CorruptEntry):
        from_readable(form)
