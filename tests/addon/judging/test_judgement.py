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


# -- endpoints -----------------------------------------------------------------


def at(path, value, method="POST", media="application/json", status=200, request=b"", **options):
    """Judges an answer of an endpoint; `host` and `of_provider` are the request's."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = ((b"content-type", media.encode()),) if media else ()
    known = {name: options.pop(name) for name in ("host", "of_provider", "ended") if name in options}
    return judge(Answer(method, path, status, headers, body, request=request, **known), **options)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/v1/batches", {"object": "batch", "status": "validating", "errors": None}),
        ("/v1/batches/b/cancel", {"object": "batch", "status": "cancelling"}),
        ("/v1/responses/r/cancel", {"object": "response", "status": "cancelled", "error": None}),
        ("/v1/threads/t/runs", {"object": "thread.run", "status": "queued", "last_error": None}),
        ("/v1/threads/t/runs/r/submit_tool_outputs", {"object": "thread.run", "status": "in_progress"}),
        ("/v1/vector_stores/v/files", {"object": "vector_store.file", "status": "in_progress"}),
        ("/v1/uploads", {"object": "upload", "status": "pending"}),
        ("/v1/videos", {"object": "video", "status": "queued", "progress": 0}),
        ("/v1/fine_tuning/jobs", {"object": "fine_tuning.job", "status": "validating_files", "error": {}}),
        ("/v1/evals/e/runs", {"object": "eval.run", "status": "queued"}),
        ("/v1/messages/batches", {"type": "message_batch", "processing_status": "in_progress"}),
        ("/v1/organization/invites", {"object": "organization.invite", "status": "pending"}),
        ("/v1beta/models/veo:predictLongRunning", {"name": "models/veo/operations/o"}),
        ("/v1beta/models/m:batchGenerateContent", {"metadata": {"state": "BATCH_STATE_PENDING"}}),
        ("/v1/chat/completions/c", {"object": "chat.completion", "choices": []}),
        ("/v1/realtime/calls/c/accept", b""),
        ("/v1/realtime/calls/c/accept", {}),
        ("/v1/batches/b/cancel", b"null"),
        ("/v1beta/batches/b:cancel", {}),
        ("/api/copy", b""),
        ("/v1/files", b" \n"),
    ],
)
def test_the_regular_answer_to_an_action_is_stored(path, value):
    """Pending, cancelled and empty are successes of what changes state."""
    assert at(path, value).reason is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"object": "batch", "status": "failed"}, "failed"),
        ({"object": "batch", "status": "expired"}, "failed"),
        ({"id": "x", "state": "JOB_STATE_FAILED"}, "failed"),
        ({"error": {"message": "no"}}, "error"),
        ({"error_code": 18, "error_msg": "limit", "id": "x"}, "error"),
        ({"fault": {"faultstring": "quota"}}, "error"),
        ({"success": False}, "error"),
        (b'{"id": "x"', "bad-json"),
        (b"<html>", "html-page"),
    ],
)
def test_a_failed_action_is_not_stored(value, reason):
    """`failed`, `expired`, an error inside the 2xx and a broken body are never a success."""
    assert at("/v1/batches", value).reason == reason


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "value", [{}, [], {"object": "response", "deleted": True}, {"status": "deleting"}, b""]
)
def test_deletions_and_changes_are_actions(method, value):
    """They need no path that is known."""
    assert at("/v1/anything/1", value, method).reason is None


@pytest.mark.parametrize(
    ("path", "status", "body", "reason"),
    [
        ("/v1/responses", 200, {"object": "response", "status": "queued", "error": None}, None),
        ("/v1/chat/completions", 200, {"request_id": "r"}, None),
        ("/v1/responses", 200, {"object": "response", "status": "failed", "error": {"code": "x"}}, "error"),
    ],
)
def test_a_background_generation_is_judged_as_an_action(path, status, body, reason):
    """The queued response to `background: true` is what the client asked for."""
    request = b'{"background": true, "deferred": true}'
    assert at(path, body, status=status, request=request).reason == reason
    assert at(path, body, status=status, request=b"{}").reason is not None


def test_202_means_accepted_for_a_post_and_pending_for_a_get():
    """An endpoint in no row may answer a POST with an empty 202; a GET that gets one must ask again."""
    assert at("/some/job", b"", status=202).reason is None
    assert at("/some/job", {"status": "running"}, status=202).reason is None
    assert at("/v1/chat/deferred-completion/r", b"", "GET", status=202).reason == "not-finished"
    assert at("/x", {"id": 1}, "GET", status=202).reason == "not-finished"
    assert at("/x", {"id": 1}, "GET", status=202, store_pending=True).reason is None


@pytest.mark.parametrize("status", [204, 205])
def test_a_body_where_http_has_none_is_refused(status):
    """A client would read it as the beginning of the next answer."""
    assert at("/v1/files/f", {"id": 1}, "DELETE", status=status).reason == "status"
    assert at("/v1/files/f", {"id": 1}, "HEAD").reason == "status"


# Upstream errors under a 200, as gateways and providers were seen to send them.
NO_RESULTS = [
    {"detail": "Internal Server Error"},
    {"message": "Endpoint request timed out"},
    {"code": 1305, "msg": "overloaded"},
    {"error_code": 18, "error_msg": "Open api qps request limit reached", "id": "x"},
    {"fault": {"faultstring": "Rate limit quota violation"}},
    {"title": "Bad Gateway", "detail": "no"},
    {"msg": "busy", "data": None},
]
GENERATIONS = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1beta/models/m:generateContent",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v2/chat",
    "/v2/rerank",
    "/v1/moderations",
    "/model/m/converse",
    "/model/m/invoke",
    "/v1/ocr",
]


@pytest.mark.parametrize("value", NO_RESULTS, ids=json.dumps)
@pytest.mark.parametrize("path", GENERATIONS)
def test_a_generation_without_a_result_is_not_stored(path, value, sse):
    """A 200 is a success only with the result that its endpoint returns, as one object and as a stream."""
    host = "api.cohere.com" if path == "/v2/chat" else ""
    assert at(path, value, host=host).reason in ("no-result", "error", "empty")
    assert at(path, b"upstream connect error", media="text/plain", host=host).reason == "no-result"
    if path != "/model/m/invoke":  # each family of models has a format of its own
        assert at(path, sse(value), media="text/event-stream", host=host).reason is not None


@pytest.mark.parametrize("value", NO_RESULTS, ids=json.dumps)
def test_a_question_on_a_custom_path_is_judged_by_its_request(value):
    """A request that looks like OpenAI's is not answered by an error's text, whatever the path."""
    request = b'{"model": "m", "messages": []}'
    assert at("/my/llm", value, request=request).reason in ("no-result", "error")
    assert at("/my/llm", b"upstream connect error", media="text/plain", request=request).reason == "no-result"
    assert at("/my/llm", {"reply": "hi"}, request=request).reason is None
    assert at("/my/llm", CHAT, request=request).reason is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/messages", {"type": "message", "content": [], "stop_reason": "end_turn"}),
        ("/v1/responses", {"object": "response", "status": "completed", "error": None}),
        ("/v1beta/models/m:generateContent", {"candidates": [{"finishReason": "STOP"}]}),
        ("/v1beta/models/m:generateContent", {"candidates": [{"finishReason": 1}]}),
        ("/v1beta/models/m:embedContent", {"embedding": {"values": [1]}}),
        ("/v1/embeddings", {"data": [{"embedding": [1]}]}),
        ("/v1/embeddings", [[0.5, 1]]),
        ("/v1/images/generations", {"created": 1, "data": [{"url": "u"}]}),
        ("/v1/images/edits", {"created": 1}),  # all that the API requires
        ("/v1/moderations", {"results": [{"flagged": False}]}),
        ("/v1/audio/transcriptions", {"text": "hello"}),
        ("/v2/chat", {"message": {}, "finish_reason": "COMPLETE"}),
        ("/v2/rerank", {"results": [{"index": 0}]}),
        ("/api/chat", {"message": {}, "done": True, "done_reason": "stop"}),
        ("/model/m/converse", {"output": {}, "stopReason": "end_turn"}),
        ("/model/m/invoke", {"embedding": [1], "inputTextTokenCount": 1}),
        ("/model/m/invoke", {"generation": "x", "stop_reason": "stop"}),
    ],
)
def test_a_generation_with_its_result_is_stored(path, value):
    """Each family's result is known by its shape."""
    assert at(path, value).reason is None


def test_media_are_results_where_they_were_asked_for():
    """Speech is sound, a transcript may be plain text; a chat completion is neither."""
    assert at("/v1/audio/speech", b"ID3\x04", media="audio/mpeg").reason is None
    assert at("/v1/audio/transcriptions", b"Hello there", media="text/plain").reason is None
    assert at("/v1/chat/completions", b"ID3", media="application/octet-stream").reason == "no-result"


def test_files_of_a_provider_are_stored_and_those_of_other_hosts_by_a_setting():
    """A file's content may be a picture, a page or broken JSON; elsewhere STORE_MEDIA decides."""
    content = "/v1/files/f/content"
    for body, media in ((b"\x89PNG", "image/png"), (b"<html>", "text/html"), (b"%PDF", "application/pdf")):
        assert at(content, body, "GET", media, of_provider=True).reason is None
        assert at(content, body, "GET", media).reason in ("media", "html-page")
        assert at("/pic", body, "GET", media).reason in ("media", "html-page")
        assert at("/pic", body, "GET", media, store_media=True).reason is None
        assert at("/v1/chat/completions", body, "POST", media, store_media=True).reason is not None
    assert at("/v1/models", b"<html>", "GET", "text/html", of_provider=True).reason == "html-page"
    assert at(content, b'{"cut": ', "GET").reason is None
    assert at(content, {"status": "in_progress"}, "GET").reason is None
    assert at(content, b"data: half", "GET", "text/event-stream").reason is None
    assert (
        at(content, b'{"event_type":"stream-end"}', "GET", "application/x-jsonl", ended=False).reason
        == "cut-off"
    )
    assert at(content, {"error": {"message": "no such file"}}, "GET").reason == "error"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/v1/responses", {"object": "response", "status": "failed", "error": {"code": "server_error"}}),
        ("/v1/batches", {"object": "batch", "status": "failed"}),
        ("/v1/chat/completions", {"error": {"message": "no such model", "code": "model_not_found"}}),
    ],
)
def test_in_band_errors_are_stored_where_the_user_expects_them(path, value):
    """STORE_ERRORS=in-band keeps whole answers that say inside a 2xx that they failed, and marks them."""
    judgement = at(path, value, store_errors=frozenset({"in-band"}))

    assert (judgement.reason, judgement.judged) == (None, "expected-error")
    assert at(path, value, store_errors=frozenset({404})).reason is not None


def test_a_temporary_or_cut_error_is_not_stored_by_in_band(sse):
    """An error that is nothing but overload is gone a moment later; an error in mid-stream is not the whole answer."""
    options = {"store_errors": frozenset({"in-band"})}
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    refused = {"error": {"message": "bad tool", "code": "tool_use_failed", "status_code": 400}}
    chunk = {"choices": [{"index": 0, "delta": {}}]}
    path, media = "/v1/chat/completions", "text/event-stream"

    assert at(path, overloaded, **options).reason == "error"
    assert at(path, sse(chunk, overloaded), media=media, **options).reason == "error-in-stream"
    assert at(path, sse(chunk, refused, chunk), media=media, **options).reason == "error-in-stream"
    assert at(path, sse(chunk, refused)[:-1], media=media, **options).reason is not None
    assert at(path, sse(chunk, refused), media=media, **options).judged == "expected-error"
    assert (
        at(path, sse(chunk, refused), media=media, store_errors=frozenset({400})).judged == "expected-error"
    )
    assert (
        at(path, sse(chunk, refused), media=media, store_errors=frozenset({404})).reason == "error-in-stream"
    )


def test_a_stream_without_a_finish_reason_is_whole_with_usage_and_done(sse):
    """OpenRouter and Nebius leave the reason out; usage and the sentinel show that the transport ended in order."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    usage = {"choices": [], "usage": {"total_tokens": 3}}
    path, media = "/v1/chat/completions", "text/event-stream"

    whole = at(path, sse(chunk, usage, "[DONE]"), media=media)
    assert (whole.reason, whole.judged) == (None, "transport")
    assert at(path, sse(chunk, "[DONE]"), media=media).reason == "not-finished"
    assert at(path, sse(chunk, usage), media=media).reason == "no-terminal-event"


def test_an_unknown_dialect_may_end_with_done(sse):
    """The sentinel alone does not make a stream one of chat completions."""
    body = sse({"text": "a"}, {"text": "b"}, "[DONE]")

    assert at("/my/stream", body, media="text/event-stream").judged == "transport"
    assert at("/my/stream", body, media="text/event-stream").reason is None


def test_a_cut_answer_is_never_an_expected_error():
    """An error whose transport did not end may be half of one."""
    error = {"error": {"message": "bad", "type": "invalid_request_error"}}

    assert at("/v1/x", error, status=400, store_errors=frozenset({400}), ended=False).reason == "cut-off"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/ask"])
def test_a_model_never_answers_with_no_content(path):
    """A 204 to a question for a model is not stored, whether the endpoint is known or not."""
    request = b'{"model": "m", "messages": []}'

    assert at(path, b"", media="", status=204, request=request).reason == "empty"


@pytest.mark.parametrize(
    ("declared", "path", "reason"),
    [
        ((b"Content-Length", b"0"), "/v1/containers/c/files/f/content", None),
        ((b"Transfer-Encoding", b"chunked"), "/v1/files/f/content", None),
        ((b"Connection", b"close"), "/v1/files/f/content", "empty"),
        ((b"Content-Length", b"0"), "/v1/files/f", "empty"),
    ],
)
def test_an_empty_file_is_stored_where_its_end_was_told(declared, path, reason):
    """A file may be empty; a broken connection and a state without a body look alike without the length."""
    assert judge(Answer("GET", path, 200, (declared,), b"")).reason == reason


@pytest.mark.parametrize("media", ["application/x-jsonl", "application/octet-stream", "text/plain", ""])
def test_a_file_of_lines_that_is_cut_in_a_line_is_not_stored(media):
    """A file of JSON lines is known by its type or by its first lines; its last line must be whole."""
    content, whole = "/v1/files/f/content", b'{"custom_id": "a"}\n{"custom_id": "b"}\n'

    assert at(content, whole, "GET", media).reason is None
    assert at(content, whole[:-1], "GET", media).reason is None
    assert at(content, whole[:-5], "GET", media).reason == "cut-off"
    assert at(content, whole[:-3] + b"\n", "GET", media).reason == "cut-off"
    assert at(content, b'[1]\n{"not": lines', "GET", "application/octet-stream").reason is None


def test_only_a_declared_file_of_lines_is_judged_by_a_single_line():
    """Batch results with one request may be cut in their only line; another file may hold anything."""
    content = "/v1/messages/batches/b/results"

    assert at(content, b'{"custom', "GET", "application/x-jsonl").reason == "cut-off"
    assert at(content, b'{"custom', "GET", "application/octet-stream").reason is None


def test_a_200_with_a_content_range_is_a_part():
    """RFC 9110, 14.4: Content-Range says which part of the whole the body is, whatever the status."""
    headers = ((b"content-type", b"application/json"), (b"Content-Range", b"bytes 0-10/400"))

    answer = Answer("POST", "/v1/chat/completions", 200, headers, json.dumps(CHAT).encode())
    assert judge(answer).reason == "partial-content"


FOREIGN = {
    "openai-chat": CHAT,
    "openai-responses": {"object": "response", "status": "completed", "output": []},
    "anthropic": {"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"},
    "gemini": {"candidates": [{"index": 0, "finishReason": "STOP"}]},
    "bedrock-converse": {"output": {"message": {}}, "stopReason": "end_turn"},
}


@pytest.mark.parametrize("family", FOREIGN)
@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/openai/deployments/d/completions", "openai-chat"),
        ("/v1/responses", "openai-responses"),
        ("/v1/messages", "anthropic"),
        ("/v1beta/models/m:generateContent", "gemini"),
        ("/model/m/converse", "bedrock-converse"),
        ("/v1/proxy", None),
        ("/model/m/invoke", None),
    ],
)
def test_an_endpoint_of_one_family_has_no_result_of_another(path, own, family):
    """A whole answer in another family's grammar is not a result, but on a path that names no family it is."""
    expected = None if own in (None, family) else "no-result"

    assert at(path, FOREIGN[family], host="gateway.example").reason == expected


def test_a_stream_of_another_family_is_no_result_either(samples):
    """Anthropic's whole stream at OpenAI's path is not stored, and neither are Ollama's lines."""
    anthropic = (samples / "streams" / "anthropic.bin").read_bytes()
    ollama = (samples / "streams" / "ollama_chat.ndjson").read_bytes()

    assert at("/v1/messages", anthropic, media="text/event-stream").reason is None
    assert at("/v1/chat/completions", anthropic, media="text/event-stream").reason == "no-result"
    assert at("/v1/chat/completions", ollama, media="application/x-ndjson").reason == "no-result"


@pytest.mark.parametrize(
    ("path", "request_body", "value"),
    [
        ("/v1/chat/completions", {"n": 2}, CHAT),
        ("/v1/embeddings", {"input": ["a", "b"]}, {"data": [{"embedding": [1]}]}),
    ],
)
def test_an_answer_with_fewer_results_than_asked_for_is_not_stored(path, request_body, value):
    """One choice for `n=2` and one embedding for two inputs are not the whole result."""
    assert at(path, value).reason is None
    assert at(path, value, request=json.dumps(request_body).encode()).reason == "no-result"


def test_a_completed_response_with_an_open_item_is_stored_with_pending_ones():
    """The status of a response and of its items must agree, unless STORE_PENDING keeps what goes on."""
    value = {
        "object": "response",
        "status": "completed",
        "output": [{"type": "message", "status": "in_progress"}],
    }

    assert at("/v1/responses", value).reason == "not-finished"
    assert at("/v1/responses", value, store_pending=True).reason is None
    value["output"][0]["status"] = "completed"
    assert at("/v1/responses", value).reason is None
