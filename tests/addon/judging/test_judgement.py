"""The judge: HTTP status, and which kind of body gets which rules."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.judging import Answer, judge

CHAT = {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop"}]}
LENGTH = {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "length"}]}
MEDIA = [
    "text/event-stream",
    "application/json",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "text/plain",
    "application/octet-stream",
    "audio/mpeg",
    "",
]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None),
        (201, None),
        (202, None),
        (206, "partial-content"),
        (301, "redirect"),
        (304, "redirect"),
        (307, "redirect"),
        (100, "status"),
        (103, "status"),
        (400, "status"),
        (404, "status"),
        (429, "status"),
        (500, "status"),
        (529, "status"),
    ],
)
def test_only_2xx_is_stored_and_no_part_of_an_answer(status, reason, ask):
    """Partial content, redirects and all other statuses outside 2xx are never stored, whatever the body."""
    assert reason == ask(CHAT, status=status).reason


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("POST", None),
        ("PUT", None),
        ("PATCH", None),
        ("delete", None),
        ("GET", "status"),
        ("OPTIONS", "status"),
    ],
)
def test_204_is_an_answer_to_a_change_only(method, reason, ask):
    """A 204 is a whole answer to a change, not to a read."""
    assert reason == ask(b"", "", method, 204).reason


@pytest.mark.parametrize(
    ("method", "reason"),
    [("HEAD", None), ("PUT", None), ("PATCH", None), ("DELETE", None), ("GET", "empty"), ("POST", "empty")],
)
def test_an_empty_200_to_a_question_is_not_stored(method, reason, ask):
    """An empty body is whole for methods that need none, but not for POST or GET."""
    assert reason == ask(b"", "application/json", method).reason


@pytest.mark.parametrize(
    "media", ["text/html; charset=utf-8", "application/json", "text/event-stream", "audio/mpeg", ""]
)
@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        b"\xef\xbb\xbf \n<html><head></head></html>",
        b"<!-- portal --><!doctype HTML>",
        b'<?xml version="1.0"?><html xmlns="x">',
    ],
)
def test_a_page_is_never_stored(media, body, ask):
    """The page of a captive portal or CDN is recognised by its first bytes, whatever its content-type."""
    assert ask(body, media, "GET").reason == "html-page"


def test_html_is_never_stored_even_without_its_usual_start(ask):
    """The type text/html alone is enough."""
    assert ask(b"<p>hello</p>", "Text/HTML").reason == "html-page"


@pytest.mark.parametrize("media", ["image/png", "application/pdf"])
def test_a_picture_is_kept_as_an_answer_but_not_as_a_download(media, ask):
    """An image fetched with GET is not stored; one that answers a POST is."""
    assert ask(b"\x89PNG....", media, "GET").reason == "media"
    assert ask(b"\x89PNG....", media, "POST").reason is None


@pytest.mark.parametrize("media", ["audio/mpeg", "image/png", "video/mp4"])
def test_json_under_a_media_type_is_not_stored(media, ask):
    """JSON under an audio or image type is an error, not media."""
    assert ask({"message": "busy"}, media).reason == "media-mismatch"


def test_binary_and_text_are_judged_by_the_transport(ask):
    """A body without a grammar must only be present."""
    assert [
        (found.reason, found.judged)
        for found in (
            ask(b"ID3\x04", "audio/mpeg"),
            ask(b"\0\1", "application/octet-stream"),
            ask(b"hello", "text/plain"),
        )
    ] == [(None, "transport")] * 3
    assert ask(b" \n", "text/plain").reason == "empty"


@pytest.mark.parametrize(
    "media", ["text/plain", "application/octet-stream", "", "application/vnd.acme.v1+json"]
)
def test_json_under_another_type_is_judged_as_json(media, ask):
    """A body that looks like a JSON object is judged as JSON."""
    assert ask({"error": {"message": "no"}}, media).reason == "error"
    assert ask(b'{"choices": [', media).reason == "bad-json"


@pytest.mark.parametrize("media", ["text/plain", "application/json", ""])
def test_a_stream_under_another_type_is_judged_as_a_stream(media, ask, sse):
    """Gateways mislabel streams, and SDKs still read them."""
    chunk = {"object": "chat.completion.chunk", **LENGTH}

    assert ask(b": hi\n\n" + sse(chunk, "[DONE]"), media).judged == "openai-chat"
    assert ask(sse(chunk), media).reason == "no-terminal-event"


def test_a_transcript_that_starts_with_a_bracket_is_text(ask):
    """`[Music]` under text/plain is text, not broken JSON."""
    assert ask(b"[Music] la la", "text/plain").reason is None


def test_answers_that_ended_at_a_limit_are_kept_unless_told_otherwise(ask):
    """`length` is a whole answer by default; STORE_INCOMPLETE=false leaves it out."""
    assert ask(LENGTH).reason is None
    assert ask(LENGTH, store_incomplete=False).reason == "incomplete"
    assert ask(CHAT, store_incomplete=False).reason is None


def test_an_expected_error_is_kept_where_it_is_a_providers(ask):
    """A listed status is stored with a provider's error object, but not with a page or a fragment."""
    body = {"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}}
    options = {"status": 401, "store_errors": frozenset({400, 401})}

    assert (ask(body, **options).reason, ask(body, **options).judged) == (None, "expected-error")
    assert ask(body, status=404, store_errors=frozenset({401})).reason == "status"
    assert ask(b"<html>", "text/html", **options).reason == "html-page"
    assert ask({"hello": 1}, **options).reason == "status"
    assert ask(b"Unauthorized", "text/plain", **options).reason == "status"
    assert ask(b'{"error": {"mess', **options).reason == "bad-json"
    assert ask(b"", **options).reason == "empty"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 302])
def test_no_setting_makes_a_passing_error_an_answer(status, ask):
    """The judge itself refuses statuses that the setting's parser would never let through."""
    body = {"error": {"message": "slow down"}}

    assert ask(body, status=status, store_errors=frozenset({status})).reason is not None


@settings(max_examples=150)
@given(st.sampled_from(MEDIA), st.sampled_from(["GET", "POST"]), st.binary(max_size=200))
def test_no_bytes_make_it_raise(media, method, body):
    """Any body of any type gets a judgement."""
    judge(Answer(method, "/", 200, ((b"content-type", media.encode()),), body))


def _words(text):
    return st.sampled_from(text.split())


WORDS = _words(
    "choices index finish_reason error type status object response candidates finishReason data message_start done "
    "message_delta delta content_block_start event_type promptFeedback blockReason file request_counts name"
)
KINDS = _words(
    "message_start message_stop message_delta response.completed message-end chat.completion response completion "
    "stream-start stream-end speech.audio.done interaction.completed ping queued error"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_no_json_makes_it_raise(values, store_incomplete):
    """Members of every grammar with values of the wrong type get a judgement, in every media type."""
    texts = [json.dumps(value) for value in values]
    bodies = {
        "application/json": texts[0],
        "application/x-ndjson": "\n".join(texts) + "\n",
        "text/event-stream": "".join(
            f"event: thread.run\ndata: {text}\n\ndata: {text}\n\n" for text in texts
        ),
    }
    for media, body in bodies.items():
        headers = ((b"content-type", media.encode()),)
        judge(Answer("POST", "/", 200, headers, body.encode()), store_incomplete=store_incomplete)
        judge(Answer("POST", "/", 400, headers, body.encode()), store_errors=frozenset({400}))


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize(
    "part", [b"[", b'{"a":', b"\n", b": \n", b"<!--", b"1\n", b"data:\n\n", b"data: [DONE]\n\n"]
)
def test_hostile_repetition_is_judged_in_linear_time(media, part, ask):
    """A megabyte of each parser's worst case: quadratic work would run into the test's own timeout."""
    ask(part * (1024 * 1024 // len(part)), media)


def test_the_judge_needs_neither_mitmproxy_nor_the_store():
    """Judging is pure: importing it loads no proxy and no database."""
    code = (
        "import sys, addon.judging; sys.exit(any(name in sys.modules for name in ('mitmproxy', 'diskcache')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
