"""Whether a live answer becomes an entry."""

from __future__ import annotations

import base64
import gzip
import json
import random
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from addon.identity import identify
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.policy.keeping import Origin, entry_or_reason, imported_entry
from addon.redaction import Taint
from addon.settings.settings import Settings
from cache_store.answers.media import SESSION
from cache_store.answers.usage import usage_of
from cache_store.entry import Entry, Headers

TOKEN = "a-token-that-was-seen-on-the-wire-5f3a9c"
CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    }
).encode()
JSON: Headers = ((b"Content-Type", b"application/json"),)
REQUEST = WireRequest(
    "POST",
    "https",
    "api.openai.com",
    443,
    "/v1/chat/completions",
    ((b"Authorization", f"Bearer {TOKEN}".encode()), (b"Content-Type", b"application/json")),
    b'{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}',
)


def _keep(
    body: bytes = CHAT,
    headers: Headers = JSON,
    status: int = 200,
    request: WireRequest = REQUEST,
    reason: str = "Fine",
    **settings: str,
) -> Entry | NotStored:
    parsed = Settings.parse(settings)
    taint = Taint()
    taint.learn(request)
    origin = Origin(
        request=request,
        identity=identify(request, parsed.identity),
        key="pp1-key",
        run="run-1",
        recorded_at=1000.5,
        elapsed=0.25,
    )
    return entry_or_reason(origin, LiveAnswer(status, reason, headers, body), parsed, taint)


def _entry(*args: Any, **kwargs: Any) -> Entry:
    kept = _keep(*args, **kwargs)
    assert isinstance(kept, Entry)
    return kept


def test_a_whole_success_becomes_an_entry() -> None:
    """The entry holds the whole answer and its origin."""
    entry = _entry()
    assert (entry.key, entry.status, entry.reason, entry.body) == ("pp1-key", 200, "Fine", CHAT)
    assert (entry.headers, entry.run, entry.recorded_at, entry.elapsed) == (JSON, "run-1", 1000.5, 0.25)
    assert entry.label["host"] == "api.openai.com"
    assert entry.judged
    assert entry.request


def test_the_saved_request_holds_no_credential() -> None:
    """The token of the request is nowhere in the bytes that are written."""
    assert TOKEN.encode() not in _entry().encode()


IMAGE = base64.b64encode(random.Random(1).randbytes(6 * 2**20)).decode()
VECTORS = [{"embedding": [0.0123456, -0.5] * 1536} for _ in range(250)]
LARGE: dict[str, tuple[str, bytes, bytes]] = {
    "image": (
        "/v1/images/generations",
        json.dumps({"created": 1, "data": [{"b64_json": IMAGE}]}).encode(),
        b"application/json",
    ),
    "embeddings": (
        "/v1/embeddings",
        json.dumps({"data": VECTORS, "model": "m"}).encode(),
        b"application/json",
    ),
    "text": ("/v1/chat/completions", CHAT.replace(b"Hi", rb"Hi, \"you\"\n " * 500_000), b"application/json"),
    "stream": (
        "/v1/chat/completions",
        b'data: {"choices":[{"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        % IMAGE.encode(),
        b"text/event-stream",
    ),
    "lines": (
        "/v1/anything",
        b'{"custom_id": "1", "response": {"status_code": 200, "body": "%b"}}\n' % (b"x" * 500) * 15_000,
        b"application/jsonl",
    ),
    "speech": ("/v1/audio/speech", IMAGE.encode(), b"audio/mpeg"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_answer_is_judged_in_little_memory(name: str) -> None:
    """Judging and scanning take less memory than a quarter of the answer's size."""
    path, body, media = LARGE[name]
    tracemalloc.start()
    try:
        entry = _entry(body, ((b"content-type", media),), request=replace(REQUEST, target=path))
        cost = usage_of(entry.body, media.decode())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert entry.body is body
    assert not cost
    assert peak < len(body) / 4, peak / len(body)


def test_requests_are_saved_only_where_that_is_on() -> None:
    """With SAVE_REQUEST off there is no request, and the label says what it was."""
    entry = _entry(save_request="false")
    assert entry.request == {}
    assert entry.label["method"] == "POST"


def test_bodies_are_stored_decoded() -> None:
    """An entry has no content-encoding, and no header about it, whatever the client had asked for."""
    headers = (
        *JSON,
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"99"),
        (b"Transfer-Encoding", b"chunked"),
    )
    entry = _entry(gzip.compress(CHAT), headers)
    assert (entry.body, entry.headers) == (CHAT, JSON)


@pytest.mark.parametrize("body", [gzip.compress(CHAT)[:-5], CHAT, gzip.compress(CHAT) + b"more"])
def test_a_coding_that_does_not_decode_to_its_end_is_not_stored(body: bytes) -> None:
    """A truncated or invalid compressed body is refused even if the transport ended well."""
    assert _keep(body, (*JSON, (b"content-encoding", b"gzip"))) is NotStored.CONTENT_CODING


def test_an_unknown_coding_is_not_stored() -> None:
    """A body in an unknown coding cannot be judged."""
    assert _keep(CHAT, (*JSON, (b"content-encoding", b"rot13"))) is NotStored.CONTENT_CODING


def test_a_body_that_unfolds_beyond_the_limit_is_not_stored() -> None:
    """MAX_BODY limits the decoded body, and decoding stops there."""
    bomb = gzip.compress(b" " * 5_000_000)
    assert _keep(bomb, (*JSON, (b"content-encoding", b"gzip")), max_body="1MB") is NotStored.TOO_LARGE


def test_headers_keep_order_and_repeats_and_lose_what_is_private() -> None:
    """`set-cookie` is dropped, and other headers keep their order and repeats."""
    headers = (*JSON, (b"x-a", b"1"), (b"Set-Cookie", b"s=1"), (b"X-A", b"2"))
    assert _entry(CHAT, headers).headers == (*JSON, (b"x-a", b"1"), (b"X-A", b"2"))


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (CHAT, 400, NotStored.STATUS),
        (CHAT, 500, NotStored.STATUS),
        (CHAT, 206, NotStored.PARTIAL_CONTENT),
        (CHAT, 302, NotStored.REDIRECT),
        (CHAT[:-1], 200, NotStored.BAD_JSON),
        (b"", 200, NotStored.EMPTY),
        (b'{"error": {"message": "no"}}', 200, NotStored.ERROR),
    ],
)
def test_what_the_judge_refuses_is_not_stored(body: bytes, status: int, reason: NotStored) -> None:
    """The judge's reason is returned."""
    assert _keep(body, JSON, status) is reason


def test_the_judges_settings_are_handed_on() -> None:
    """STORE_ERRORS and STORE_INCOMPLETE reach the judge."""
    error = b'{"error": {"message": "no such model", "type": "invalid_request_error"}}'
    assert _keep(error, JSON, 404) is NotStored.STATUS
    assert _entry(error, JSON, 404, store_errors="404").status == 404
    short = CHAT.replace(b'"stop"', b'"length"')
    assert _entry(short).body == short
    assert _keep(short, store_incomplete="false") is NotStored.INCOMPLETE


def test_a_credential_of_the_wire_in_an_answer_is_never_stored() -> None:
    """No setting stores an answer that repeats its request's token in the body or a header."""
    echoed = CHAT.replace(b"Hi", TOKEN.encode())
    assert _keep(echoed, allow_secrets_in_responses="true") is NotStored.SECRET
    header = (*JSON, (b"x-echo", TOKEN.encode()))
    assert _keep(CHAT, header, allow_secrets_in_responses="true") is NotStored.SECRET


def test_a_secret_shape_in_an_answer_is_stored_only_where_that_is_allowed() -> None:
    """An answer with something that looks like a key is stored only if the user allows it."""
    shaped = CHAT.replace(b"Hi", b"AKIA" + b"QWERTYUIOPASDFGH")
    assert _keep(shaped) is NotStored.SECRET
    assert _entry(shaped, allow_secrets_in_responses="true").body == shaped


def test_a_secret_shape_in_a_header_of_an_answer_counts_too() -> None:
    """Headers are scanned like bodies, as `scan` does."""
    headers = (*JSON, (b"x-debug", b"used AKIA" + b"QWERTYUIOPASDFGH"))
    assert _keep(CHAT, headers) is NotStored.SECRET
    assert _entry(CHAT, headers, allow_secrets_in_responses="true").headers == headers


def test_a_credential_of_the_wire_in_a_saved_request_is_never_stored() -> None:
    """A request with a credential in its prompt or path is not stored, with or without SAVE_REQUEST."""
    prompt = replace(REQUEST, body=REQUEST.body.replace(b"Hello", TOKEN.encode()))
    assert _keep(request=prompt) is NotStored.SECRET
    assert TOKEN.encode() not in _entry(request=prompt, save_request="false").encode()
    path = replace(REQUEST, target=f"/v1/{TOKEN}")
    assert _keep(request=path, save_request="false") is NotStored.SECRET


def test_a_signed_url_in_an_answer_is_kept() -> None:
    """A signed URL is stored, though it names the AWS key id that signed it."""
    url = b"https://h/a?X-Amz-Credential=AKIAQWERTYUIOPASDFGH%2F20261121%2Fs3&X-Amz-Signature=ab"
    assert url in _entry(CHAT.replace(b"Hi", url)).body


@pytest.mark.parametrize(
    ("body", "target", "named"),
    [
        (
            CHAT.replace(b"Hi", TOKEN.encode()),
            REQUEST.target,
            "POST api.openai.com/v1/chat/completions: its request or answer holds a secret (authorization)",
        ),
        (
            CHAT.replace(b"Hi", b"AKIAQWERTYUIOPASDFGH"),
            REQUEST.target,
            "completions: its request or answer holds a secret (aws-key-id)",
        ),
        (
            b'{"access_token": "abcdefghijklm"}',
            "/v1/login",
            "/v1/login: its request or answer holds a secret (access-token)",
        ),
        (
            CHAT,
            f"/v1/{'x' * 180}{TOKEN}",
            "not stored: api.openai.com: its request or answer holds a secret (authorization)",
        ),
    ],
)
def test_what_a_secret_kept_out_is_named(
    body: bytes, target: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which request it was and what kind of secret, and never shows it."""
    assert _keep(body, request=replace(REQUEST, target=target)) is NotStored.SECRET
    assert named in caplog.text
    assert not any(secret in caplog.text for secret in (TOKEN[:8], "AKIAQ", "abcdefghijklm"))


def _streamed(text: str) -> bytes:
    parts = [
        {"choices": [{"index": 0, "delta": {"content": text[at : at + 3]}}]} for at in range(0, len(text), 3)
    ]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return (
        b"".join(b"data: %b\n\n" % json.dumps(part).encode() for part in [*parts, end]) + b"data: [DONE]\n\n"
    )


EVENTS: Headers = ((b"content-type", b"text/event-stream"),)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (_streamed(f"Your key is {TOKEN}, keep it."), EVENTS),
        (CHAT.replace(b"Hi", TOKEN.replace("-", "\\u002d").encode()), JSON),
    ],
)
def test_a_credential_split_over_events_or_escaped_is_never_stored(body: bytes, headers: Headers) -> None:
    """Nor is one that comes in pieces, each in an event of its own, or with some of its characters escaped."""
    assert TOKEN.encode() not in body
    assert _keep(body, headers, allow_secrets_in_responses="true") is NotStored.SECRET


def test_a_secret_shape_in_pieces_is_stored_only_where_that_is_allowed() -> None:
    """A stream is scanned the way a client reads it."""
    assert _keep(_streamed("Hello, this is a whole answer."), EVENTS).__class__ is Entry
    assert _keep(_streamed(SHAPED.decode()), EVENTS) is NotStored.SECRET
    assert _entry(_streamed(SHAPED.decode()), EVENTS, allow_secrets_in_responses="true")


SHAPED = b"sk-proj-Zq8Xk2Lm9Tn4Vb7Rw1Yc6Pd3Gf5Hj0KsQaZw"


def test_a_secret_shape_in_the_reason_counts_too() -> None:
    """The reason phrase is scanned too."""
    assert _keep(reason=SHAPED.decode()) is NotStored.SECRET
    assert _entry(reason=SHAPED.decode(), allow_secrets_in_responses="true").reason == SHAPED.decode()


def test_an_answer_that_hands_out_credentials_is_never_stored() -> None:
    """The answer of an OAuth token endpoint is not stored, whatever its host."""
    body = b'{"access_token": "abcdefghijklmnop1234567890", "token_type": "Bearer", "expires_in": 3600}'
    login = replace(REQUEST, target="/v1/login")
    assert _keep(body, request=login, allow_secrets_in_responses="true") is NotStored.SECRET


def test_a_head_answer_keeps_its_length() -> None:
    """A HEAD answer keeps its content-length, as there is no body to compute it from."""
    request = WireRequest("HEAD", "https", "api.openai.com", 443, "/v1/models", (), b"")
    headers = (*JSON, (b"Content-Length", b"1234"))
    assert _entry(b"", headers, request=request).headers == headers


# -- entries from elsewhere ----------------------------------------------------


def _import(settings: dict[str, str] | None = None, **changes: Any) -> Entry | NotStored:
    """What becomes of an entry that was made elsewhere with these changes."""
    return imported_entry(replace(_entry(), **changes), Settings.parse(settings or {}), Taint())


def test_a_sound_entry_is_imported_as_it_is() -> None:
    """Our own exports come back unchanged."""
    assert _import() == _entry()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": 401, "body": b'{"error": {"message": "no"}}'}, NotStored.STATUS),
        ({"status": 404, "body": b'{"error": {"message": "no"}}'}, NotStored.STATUS),
        ({"status": 206}, NotStored.PARTIAL_CONTENT),
        ({"status": 304}, NotStored.REDIRECT),
        ({"status": 204}, NotStored.STATUS),
        ({"body": b""}, NotStored.EMPTY),
        ({"body": CHAT[:-3]}, NotStored.BAD_JSON),
        ({"body": b'{"detail": "busy"}'}, NotStored.NO_RESULT),
        ({"body": CHAT.replace(b"Hi", SHAPED)}, NotStored.SECRET),
        ({"headers": (*JSON, (b"content-encoding", b"gzip"))}, NotStored.CONTENT_CODING),
    ],
)
def test_an_entry_that_no_provider_could_have_made_is_refused(
    changes: dict[str, Any], reason: NotStored
) -> None:
    """Status, body and secrets are checked as for a live answer."""
    assert _import(**changes) is reason


@pytest.mark.parametrize(
    "frame", [{"text": '{ "client_secret": "made-up" }'}, {"provider": {"client_secret": "made-up"}}]
)
def test_an_imported_session_hands_out_no_credential(frame: dict[str, Any]) -> None:
    """Each frame of the provider is read, also one that is kept as a text."""
    body = json.dumps({"websocket": 1, "protocol": "", "frames": [frame], "closed": {}}).encode()
    session: dict[str, Any] = {
        "headers": ((b"content-type", SESSION.encode()),),
        "request_json": b'{"method":"GET","host":"api.openai.com","path":"/v1/realtime"}',
    }
    assert _import(**session, body=body) is NotStored.SECRET
    assert isinstance(_import(**session, body=body.replace(b"client_secret", b"output_text")), Entry)


def test_the_settings_of_the_importing_side_count() -> None:
    """An expected error is imported where such errors are expected."""
    error = {"status": 404, "body": b'{"error": {"message": "no such model", "code": "model_not_found"}}'}
    kept = _import({"store_errors": "404"}, **error)
    assert isinstance(kept, Entry)
    assert (kept.status, kept.judged) == (404, "expected-error")


@pytest.mark.parametrize(
    "header",
    [
        (b"set-cookie", b"s=1"),
        (b"alt-svc", b'h3=":443"'),
        (b"content-length", b"3"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"close"),
        (b"cache-status", b"fake"),
        (b"x-provider-proxy-cache", b"true"),
        (b"x y", b"1"),
        (b"x:y", b"1"),
        (b"x\x0b", b"1"),
        (b"x\xff", b"1"),
        (b"", b"1"),
        (b"x", b"a\x0bb"),
        (b"x", b"a\x7f"),
        (b"x", b"a\r\nset-cookie: b"),
    ],
)
def test_a_header_that_is_never_stored_is_dropped_from_an_import(header: tuple[bytes, bytes]) -> None:
    """What a live answer loses, an import loses: private and hop-by-hop headers, and those that cannot be sent."""
    kept = _import(headers=(*JSON, header, (b"x-last", b"\xfcber")))
    assert isinstance(kept, Entry)
    assert kept.headers == (*JSON, (b"x-last", b"\xfcber"))
    assert _entry(CHAT, (*JSON, header)).headers == JSON


@pytest.mark.parametrize("reason", ["OK\r\nX: y", "\x1b[31mOK", "O\x00K"])
def test_a_reason_phrase_that_cannot_be_sent_is_left_out(reason: str) -> None:
    """A replay would end its status line early, or write to a terminal."""
    kept = _import(reason=reason)
    assert isinstance(kept, Entry)
    assert kept.reason == ""


def test_an_entry_without_a_saved_request_is_judged_by_its_label() -> None:
    """The label names method, host and path."""
    assert _import(request_json=b"{}") == replace(_entry(), request_json=b"{}")
    assert _import(request_json=b"{}", body=b'{"detail": "busy"}') is NotStored.NO_RESULT


def test_a_picture_of_a_provider_is_imported_and_one_of_another_host_is_not() -> None:
    """The host decides, as for a live answer."""
    get = WireRequest("GET", "https", "api.openai.com", 443, "/v1/files/f/content", (), b"")
    entry = _entry(b"\x89PNG", ((b"content-type", b"image/png"),), request=get)
    assert imported_entry(entry, Settings.parse({}), Taint()) == entry
    other = replace(get, host="pictures.example")
    assert _keep(b"\x89PNG", ((b"content-type", b"image/png"),), request=other) is NotStored.MEDIA
