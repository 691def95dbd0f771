"""mitmproxy's requests and responses from and to ours."""

from __future__ import annotations

import errno
import time
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addon.exchange.decisions import Hit, OwnAnswer
from addon.judging.reasons import NotStored
from addon.mitm.flows import (
    BUFFERED_BYTES,
    asked_mode,
    broken_off,
    failed_at_end,
    from_provider,
    is_interim,
    mark,
    opens_websocket,
    own_answer,
    own_page,
    replay,
    send_in_pieces,
    streams,
    switching,
    take_own_headers,
    unaskable,
    wire_request,
)
from addon.pacing.paced_body import Cut, PacedBody
from cache_store.entry import Entry, Headers


def _request(method: str = "POST", **headers: str) -> http.Request:
    made = http.Request.make(method, "https://API.openai.com:8443/v1/x?a=1&a=2", b"body")
    made.headers = http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    return made


def _hit(status: int = 200, headers: Headers = (), body: bytes = b"body", reason: str = "OK") -> Hit:
    return Hit(
        Entry("pp1-a", status, reason, headers, body, 1.0, 0.1, "run"), 'provider-proxy; hit; key="pp1-a"'
    )


@pytest.mark.parametrize(
    ("version", "body", "length", "chunked"),
    [
        ("HTTP/1.1", b"body", None, "chunked"),
        ("HTTP/1.0", b"body", "4", None),
        ("HTTP/2.0", b"body", None, None),
        ("HTTP/1.1", b"", "0", None),
    ],
)
def test_an_answer_in_pieces_is_framed_as_its_client_needs(
    version: str, body: bytes, length: str | None, chunked: str | None
) -> None:
    """Chunks in HTTP/1.1, a length in HTTP/1.0; an answer without a body stays as it is."""
    flow = tflow.tflow()
    flow.request.http_version = version
    flow.response = replay(_hit(body=body), "POST")
    paced = PacedBody(body, [Cut(0.0, 2)])
    send_in_pieces(flow, paced)
    assert flow.response.headers.get("content-length") == length
    assert flow.response.headers.get("transfer-encoding") == chunked
    assert flow.response.stream == (paced if body else False)


@pytest.mark.parametrize(
    ("waited", "client_left", "message", "answered", "reason"),
    [
        (5.0, True, "Client disconnected.", False, NotStored.TIMED_OUT),
        (0.0, True, "Client disconnected.", False, NotStored.CLIENT_LEFT),
        (5.0, True, "Client disconnected.", True, NotStored.CLIENT_LEFT),
        (0.0, False, "[Errno 110] Connect call failed ('192.0.2.1', 443)", False, NotStored.TIMED_OUT),
        (5.0, False, "[Errno 111] Connect call failed ('127.0.0.1', 443)", False, NotStored.UNREACHABLE),
        (5.0, False, "peer closed connection", True, NotStored.CUT_OFF),
    ],
)
def test_who_ended_a_flow_and_why(
    waited: float, client_left: bool, message: str, answered: bool, reason: NotStored
) -> None:
    """A silent provider, one that cannot be reached and a client that left are told apart."""
    flow = tflow.tflow(resp=answered, err=True)
    assert flow.error is not None
    flow.error.msg = message.replace("110", str(errno.ETIMEDOUT))
    flow.request.timestamp_end = time.time() - waited
    assert broken_off(flow, client_left=client_left) is reason


def test_a_request_keeps_what_was_sent() -> None:
    """Target, body and headers as on the wire, order, case and repeats included; the host in lower case."""
    made = _request()
    made.headers = http.Headers([(b"X-A", b"1"), (b"x-a", b"\xff"), (b"Host", b"other.example")])
    wire = wire_request(made)
    assert (wire.method, wire.scheme, wire.host, wire.port) == ("POST", "https", "api.openai.com", 8443)
    assert (wire.target, wire.body) == ("/v1/x?a=1&a=2", b"body")
    assert wire.headers == ((b"X-A", b"1"), (b"x-a", b"\xff"), (b"Host", b"other.example"))


def test_a_compressed_body_stays_as_sent() -> None:
    """The same bytes are hashed and forwarded."""
    made = _request(**{"content-encoding": "gzip"})
    made.data.content = b"\x1f\x8bnot really"
    assert wire_request(made).body == b"\x1f\x8bnot really"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: None, ""),
        (lambda r: r.headers.update(upgrade="WebSocket"), "websocket"),
        (lambda r: r.headers.update(upgrade="h2c"), ""),
        (lambda r: setattr(r, "stream", True), "not-whole"),
        (lambda r: setattr(r, "stream", lambda chunk: chunk), "not-whole"),
        (lambda r: setattr(r.data, "content", None), "not-whole"),
        (lambda r: setattr(r.data, "content", b""), ""),
        (lambda r: setattr(r, "trailers", http.Headers(a="b")), "not-whole"),
    ],
)
def test_what_the_cache_cannot_be_asked_about(change, why: str) -> None:  # type: ignore[no-untyped-def]
    """WebSocket upgrades and incomplete requests bypass the cache."""
    made = _request()
    change(made)
    assert unaskable(made) == why


def test_a_replay_is_the_entry_with_marks() -> None:
    """Status, reason, headers in order with repeats, body; the length is computed and the marks come last."""
    headers = ((b"Content-Type", b"text/x"), (b"x-a", b"1"), (b"X-A", b"2"))
    made = replay(_hit(201, headers, b"12345", "Größer"), "POST")
    assert (made.status_code, made.data.reason, made.content) == (201, "Größer".encode("latin-1"), b"12345")
    assert made.headers.fields == (
        *headers,
        (b"content-length", b"5"),
        (b"x-provider-proxy-cache", b"true"),
        (b"cache-status", b'provider-proxy; hit; key="pp1-a"'),
    )
    assert made.trailers is None


def test_a_reason_that_is_no_latin_is_replaced() -> None:
    """The wire has no other letters."""
    assert replay(_hit(reason="\u2192\udcff"), "GET").data.reason == b"??"


@pytest.mark.parametrize("name", [b"Content-Length", b"transfer-encoding", b"Transfer-Encoding"])
def test_framing_in_an_entry_is_not_believed(name: bytes) -> None:
    """A hostile entry cannot make the next answer on the connection start inside its body."""
    made = replay(_hit(headers=((name, b"1"), (b"x-a", b"1")), body=b"12345"), "POST")
    assert made.headers.get_all("content-length") == ["5"]
    assert "transfer-encoding" not in made.headers


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body_get_no_length(status: int) -> None:
    """RFC 9110, 8.6; a body that a hostile entry has is left out."""
    made = replay(_hit(status, ((b"content-length", b"3"),), b"abc"), "POST")
    assert made.raw_content == b""
    assert "content-length" not in made.headers


def test_a_head_answer_keeps_the_recorded_length() -> None:
    """And has no body."""
    made = replay(_hit(headers=((b"content-length", b"1234"),), body=b"abc"), "HEAD")
    assert made.raw_content == b""
    assert made.headers.get_all("content-length") == ["1234"]
    assert "content-length" not in replay(_hit(body=b""), "HEAD").headers


@pytest.mark.parametrize(("method", "body"), [("POST", b"why"), ("HEAD", b"")])
def test_an_own_answer_is_marked_and_not_to_be_retried(method: str, body: bytes) -> None:
    """For HEAD the length stays and the body goes."""
    answer = OwnAnswer(418, b"why", "provider-proxy; fwd=bypass; detail=x", "kind")
    made = own_answer(_request(method), answer)
    assert (made.status_code, made.raw_content) == (418, body)
    assert dict(made.headers) == {
        "content-type": "application/json",
        "x-amzn-errortype": "kind",
        "x-should-retry": "false",
        "x-provider-proxy-cache": "false",
        "cache-status": "provider-proxy; fwd=bypass; detail=x",
        "content-length": "3",
    }


@pytest.mark.parametrize(("method", "body"), [("GET", b"ok"), ("HEAD", b"")])
def test_an_own_page_has_its_own_headers(method: str, body: bytes) -> None:
    """It has no marks, because it does not come from a provider."""
    made = own_page(_request(method), 200, b"ok", {"content-type": "text/plain"})
    assert made.raw_content == body
    assert dict(made.headers) == {"content-type": "text/plain", "content-length": "2"}


def test_marks_replace_those_that_are_there() -> None:
    """A provider's own `cache-status` does not stand beside ours."""
    flow = tflow.tflow()
    made = flow.response = http.Response.make(200, b"", [(b"Cache-Status", b"a"), (b"cache-status", b"b")])
    mark(flow, "ours")
    assert made.headers.get_all("cache-status") == ["ours"]
    assert made.headers.get_all("x-provider-proxy-cache") == ["false"]


def test_an_answer_is_the_providers_where_there_was_a_connection() -> None:
    """The time at which connecting began tells."""
    flow = tflow.tflow(resp=True)
    assert from_provider(flow) is True
    flow.server_conn.timestamp_start = None
    assert from_provider(flow) is False


@pytest.mark.parametrize(
    ("status", "headers", "passed_on"),
    [
        (200, {}, True),
        (200, {"content-length": "0"}, False),
        (200, {"content-length": str(BUFFERED_BYTES)}, False),
        (200, {"content-length": str(BUFFERED_BYTES + 1)}, True),
        (200, {"content-length": "5", "content-type": "text/event-stream; charset=utf-8"}, True),
        (200, {"content-length": "abc"}, True),
        (200, {"transfer-encoding": "chunked"}, True),
        (101, {}, False),
        (204, {}, False),
        (304, {}, False),
        (500, {}, True),
    ],
)
def test_what_is_passed_on_as_it_comes(status: int, headers: dict[str, str], passed_on: bool) -> None:
    """Answers of unknown or great length and event streams are; answers without a body are not."""
    made = http.Response.make(status)
    made.headers = http.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    assert streams(made) is passed_on


@pytest.mark.parametrize(("url_host", "named", "bypass"), [
    ("api.openai.com", "api.openai.com", ""),
    ("api.openai.com", "API.OpenAI.com:443", ""),
    ("api.openai.com", "api.openai.com.", ""),
    ("::1", "[::1]:443", ""),
    ("one.openai.azure.com", "two.openai.azure.com", "host-mismatch"),
    ("api.openai.com", "evil.example:443", "host-mismatch"),
    ("api.openai.com", "api.openai.com:8443", "host-mismatch"),
    ("api.openai.com", "api.openai.com:80", "host-mismatch"),
    ("api.openai.com", "api.openai.com:", ""),
    ("api.openai.com", "api.openai.com:0443", ""),
    ("api.openai.com", "api.openai.com:99999999", "host-mismatch"),
    ("api.openai.com", "api.openai.com:443:443", "host-mismatch"),
    ("::1", "[::1]:444", "host-mismatch"),
    ("::1", "::1", ""),
])  # fmt: skip
def test_a_request_that_names_another_host_is_not_asked_about(url_host: str, named: str, bypass: str) -> None:
    """A provider may answer by the host or the port in Host or `:authority`. Where they name another one, the
    identity is not complete; a name without a port names no other."""
    by_header = tutils.treq(host=url_host, port=443, headers=http.Headers(host=named))
    by_authority = tutils.treq(host=url_host, port=443, headers=http.Headers(), authority=named.encode())
    assert (unaskable(by_header), unaskable(by_authority)) == (bypass, bypass)


def test_a_name_in_punycode_is_the_same_name() -> None:
    """An HTTP/2 client writes it so in `:authority`, an HTTP/1.1 client in Host; mitmproxy's host is decoded."""
    made = tutils.treq(host="bücher.example", headers=http.Headers(), authority=b"xn--bcher-kva.example")
    assert unaskable(made) == ""
    made = tutils.treq(host="bücher.example", headers=http.Headers(host="xn--bcher-kva.example:22"))
    assert unaskable(made) == ""
    for other in ("xn--bchr-kva.example", "x@xn--bcher-kva.example"):
        made = tutils.treq(host="bücher.example", headers=http.Headers(host=other))
        assert unaskable(made) == "host-mismatch"


@pytest.mark.parametrize("value", [b"websocket", b"WebSocket", b"h2c, websocket"])
def test_an_upgrade_to_a_websocket_is_told_by_any_of_its_values(value: bytes) -> None:
    """The header is a list (RFC 9110, 7.8), in any case."""
    assert unaskable(tutils.treq(headers=http.Headers([(b"Upgrade", value)]))) == "websocket"


def test_a_websocket_to_another_host_than_it_names_is_no_session() -> None:
    """The identity holds the host that is connected to."""
    headers = http.Headers([(b"Host", b"other.example"), (b"Upgrade", b"websocket")])
    assert unaskable(tutils.treq(host="one.example", headers=headers)) == "host-mismatch"


UPGRADE = [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", b"a")]


@pytest.mark.parametrize(
    ("changes", "headers", "opens"),
    [
        ({}, UPGRADE, True),
        ({"method": b"POST"}, UPGRADE, False),
        ({"http_version": b"HTTP/2.0"}, UPGRADE, False),
        ({}, UPGRADE[:2], False),
        ({}, [UPGRADE[0], UPGRADE[2], (b"Sec-WebSocket-Version", b"8")], False),
    ],
)
def test_a_websocket_is_opened_by_a_whole_upgrade(
    changes: dict[str, Any], headers: list[tuple[bytes, bytes]], opens: bool
) -> None:
    """Others pass as before, or are refused."""
    request = tutils.treq(**({"method": b"GET"} | changes), headers=http.Headers(headers))
    assert opens_websocket(request) is opens


def test_our_answer_to_an_upgrade() -> None:
    """It proves that the key was read, and names a subprotocol only if the client offers it."""
    key, offer = (
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Sec-WebSocket-Protocol", b"a, realtime"),
    )
    request = tutils.treq(method=b"GET", headers=http.Headers([*UPGRADE[:2], key, offer]))
    answer = switching(request, "realtime")
    assert (answer.status_code, answer.headers["sec-websocket-accept"]) == (
        101,
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    )
    assert answer.headers["sec-websocket-protocol"] == "realtime"
    assert "content-length" not in answer.headers
    assert "sec-websocket-protocol" not in switching(request, "other").headers


@pytest.mark.parametrize(
    ("status", "expected"), [(99, False), (100, True), (103, True), (101, False), (200, False)]
)
def test_interim_answers(status: int, expected: bool) -> None:
    """All informational ones but the switch of protocols, which is final."""
    assert is_interim(tutils.tresp(status_code=status)) is expected


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [(None, False), ({"grpc-status": "0"}, False), ({"grpc-status": "13"}, True), ({"x-usage": "5"}, False)],
)
def test_a_failure_in_a_trailer(trailers: dict[str, str] | None, expected: bool) -> None:
    """gRPC's status alone counts."""
    response = tutils.tresp()
    if trailers:
        response.trailers = http.Headers([(name.encode(), text.encode()) for name, text in trailers.items()])
    assert failed_at_end(response) is expected


@pytest.mark.parametrize(("intercepted", "stay"), [(True, ["x-other", "Provider-Proxy"]), (False, ["x-other", "X-Provider-Proxy-MODE", "x-provider-proxy-anything", "Provider-Proxy"])])  # fmt: skip
def test_own_headers_go_no_further(intercepted: bool, stay: list[str]) -> None:
    """A proxy password never does; our own headers stay only in a request to a host that is not intercepted."""
    flow = tflow.tflow()
    names = [
        "x-other",
        "X-Provider-Proxy-MODE",
        "x-provider-proxy-anything",
        "PROXY-authorization",
        "Provider-Proxy",
    ]
    flow.request.headers = http.Headers([(name.encode(), b"off") for name in names])
    take_own_headers(flow, intercepted=intercepted)
    assert [name.decode() for name, _ in flow.request.headers.fields] == stay
    assert asked_mode(flow) == ("off" if intercepted else None)


def test_a_repeated_mode_header_is_one_value() -> None:
    """Both values count, so that neither can be hidden behind the other."""
    flow = tflow.tflow()
    flow.request.headers = http.Headers(
        [(b"x-provider-proxy-mode", b"off"), (b"X-Provider-Proxy-Mode", b"on")]
    )
    take_own_headers(flow, intercepted=True)
    assert asked_mode(flow) == "off, on"
    assert not flow.request.headers


def test_an_odd_own_header_is_removed_too() -> None:
    """A name that is not text does not stop the rest."""
    flow = tflow.tflow()
    flow.request.headers = http.Headers([(b"x-provider-proxy-\xff", b"1"), (b"proxy-authorization", b"x")])
    take_own_headers(flow, intercepted=True)
    assert not flow.request.headers
