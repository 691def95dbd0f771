"""Translates mitmproxy's requests and responses to our messages and back."""

from __future__ import annotations

import base64
import errno
import re
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from mitmproxy import http

from addon.exchange.cache_status import CACHE_HEADER, STATUS_HEADER
from addon.exchange.decisions import Hit, OwnAnswer
from addon.exchange.direct import PAGE_HEADERS, admits, page_for
from addon.exchange.own_answers import NO_SUCH_PAGE
from addon.identity.url_form import normal_host
from addon.judging.reasons import NotStored
from addon.messages import WireRequest
from addon.mitm.core.marks import is_direct
from addon.pacing.paced_body import PacedBody
from addon.scopes.clients import TEST_HEADER, client_of, named_test, user_and_password
from addon.settings.modes import MODE_HEADER

__all__ = [
    "asked_mode",
    "broken_off",
    "client_in",
    "failed_at_end",
    "from_provider",
    "is_admitted",
    "is_interim",
    "keep_to_own_site",
    "leave_length_open",
    "login",
    "mark",
    "name_client",
    "named_in",
    "opens_websocket",
    "own_answer",
    "own_page",
    "replay",
    "send_in_pieces",
    "status_page",
    "streams",
    "switching",
    "take_own_headers",
    "unaskable",
    "wire_request",
]

# A shorter answer with a known length is held until it is complete, so its headers can say what became of it.
BUFFERED_BYTES = 2**20

# A client that leaves later than this, before anything has come, has given up waiting.
_PATIENCE_SECONDS = 1.0

_HIT = (CACHE_HEADER.encode(), b"true")
_STATUS = STATUS_HEADER.encode()
_MODE = MODE_HEADER.encode()
_PROXY_AUTHORIZATION = b"proxy-authorization"
_OWN = (b"x-provider-proxy-", _PROXY_AUTHORIZATION)
_OWN_STARTS = frozenset((b"x-", b"X-", b"pr", b"Pr", b"PR", b"pR"))
_TEST = TEST_HEADER.encode()
_ASKED = "provider_proxy_mode"
_NAMED = "provider_proxy_test"
_CLIENT = "provider_proxy_client"
_AUTHORITY = re.compile(r"(.*[^:]|.*\]):([0-9]{0,5})", re.DOTALL)


def wire_request(request: http.Request) -> WireRequest:
    """The request in the form that the rest of the program uses."""
    return WireRequest(
        method=request.method,
        scheme=request.scheme,
        host=request.host.lower(),
        port=request.port,
        target=request.path,
        headers=request.headers.fields,
        body=request.data.content or b"",
    )


def take_own_headers(flow: http.HTTPFlow, *, intercepted: bool, auth: str = "") -> None:
    """Remove the headers that are for this proxy alone. `asked_mode` and `named_in` still know what they need.

    `auth` is the `user:password` of the settings.
    """
    headers = flow.request.headers
    if accepted := flow.metadata.get("proxyauth"):  # mitmproxy has taken the header away
        _note_client(flow, accepted, auth)
    own = {  # as bytes, because every hit comes through here
        lower
        for name, _ in headers.fields
        if name[:2] in _OWN_STARTS and (lower := name.lower()).startswith(_OWN)
    }
    for name in own:
        if intercepted or name == _PROXY_AUTHORIZATION:
            value = headers.pop(name.decode("utf-8", "surrogateescape"))
            if name == _MODE:
                flow.metadata[_ASKED] = str(value)
            elif name == _TEST:
                flow.metadata[_NAMED] = named_test(str(value))
            elif name == _PROXY_AUTHORIZATION:
                _note_client(flow, user_and_password(str(value)), auth)


def asked_mode(flow: http.HTTPFlow) -> str | None:
    """The value of the request's mode header; None where there was none."""
    return flow.metadata.get(_ASKED)


def client_in(flow: http.HTTPFlow, auth: str) -> str:
    """The client that a request names by its proxy user; '' for none. `auth` is `user:password` of the settings.

    mitmproxy's `proxyauth` has taken the header away and left in the flow what it accepted.
    """
    given = flow.metadata.get("proxyauth")
    if not given:
        header = flow.request.headers.get("proxy-authorization")
        given = user_and_password(header) if header else None
    if not given:
        return ""
    user, password = given
    return client_of(user, password, auth)


def login(flow: http.HTTPFlow) -> WireRequest | None:
    """The password or token that a client sends to this proxy, as a request to learn from; None for none.

    The user is left out: it may be a client's name, which is no secret.
    """
    header = flow.request.headers.get("proxy-authorization")
    if not header:
        return None
    if given := user_and_password(header):
        header = "Basic " + base64.b64encode(f":{given[1]}".encode()).decode()
    headers = ((_PROXY_AUTHORIZATION, header.encode("utf-8", "surrogateescape")),)
    return WireRequest("CONNECT", "https", "", 0, "/", headers, b"")


def _note_client(flow: http.HTTPFlow, given: tuple[str, str] | None, auth: str) -> None:
    if given and (client := client_of(*given, auth)):
        flow.metadata.setdefault(_CLIENT, client)


def name_client(flow: http.HTTPFlow, client: str) -> None:
    """Note the client that the base-URL door names."""
    flow.metadata[_CLIENT] = client


def named_in(flow: http.HTTPFlow) -> tuple[str, str]:
    """The client and the test that the request itself names; '' where it names none."""
    return flow.metadata.get(_CLIENT, ""), flow.metadata.get(_NAMED, "")


def is_admitted(request: http.Request, names: Collection[str], origins: Collection[str]) -> bool:
    """Whether a direct request may be answered: it comes by one of our names, and from no foreign web site."""
    headers = request.headers
    return admits(
        request.host_header or "",
        headers.get("origin"),
        headers.get("sec-fetch-site"),
        names,
        origins,
        # Other clients may have a use of their own for it.
        headers.get("referer") if "mozilla" in headers.get("user-agent", "").lower() else None,
    )


def broken_off(flow: http.HTTPFlow, *, client_left: bool) -> NotStored:
    """Why nothing is stored of a flow that ended in an error."""
    if client_left:
        gave_up_waiting = flow.response is None and _seconds_since(flow.request) >= _PATIENCE_SECONDS
        return NotStored.TIMED_OUT if gave_up_waiting else NotStored.CLIENT_LEFT
    if flow.response is not None:
        return NotStored.CUT_OFF
    is_late = flow.error is not None and f"[Errno {errno.ETIMEDOUT}]" in flow.error.msg
    return NotStored.TIMED_OUT if is_late else NotStored.UNREACHABLE


def _seconds_since(request: http.Request) -> float:
    return time.time() - (request.timestamp_end or request.timestamp_start)


def unaskable(request: http.Request) -> str:
    """Why the cache cannot be asked about this request; '' where it can."""
    names = [request.authority] if request.data.authority else []
    is_upgrade = False
    for name, value in request.headers.fields:  # as bytes, because every hit comes through here
        if len(name) == 4 and name.lower() == b"host":
            names.append(value.decode("utf-8", "surrogateescape"))
        elif len(name) == 7 and name.lower() == b"upgrade" and b"websocket" in value.lower():
            is_upgrade = True
    # A provider may answer by these names, but the identity holds the host that is connected to.
    if any(_names_another(name, request.host, request.port) for name in names if name):
        return "host-mismatch"
    if is_upgrade:
        return "websocket"
    # A body that another addon or option streams was not seen, and trailers are not part of the identity.
    return "not-whole" if request.stream or request.data.content is None or request.trailers else ""


@lru_cache(maxsize=256)
def _names_another(authority: str, host: str, port: int) -> bool:
    """Whether `authority` names another host than `host`, or another port than `port`."""
    match = _AUTHORITY.fullmatch(authority)
    name, named_port = match.groups() if match else (authority, None)
    if "@" in name or normal_host(name) != normal_host(host):
        return True
    return int(named_port or port) != port


def replay(hit: Hit, method: str) -> http.Response:
    """The answer of an entry: status, reason, headers in order with repeats, body. Our marks come last."""
    entry = hit.entry
    # An entry may have been imported, so its length and framing are computed here.
    kept = tuple(
        (name, value)
        for name, value in entry.headers
        if name.lower() not in (b"content-length", b"transfer-encoding")
        or (method == "HEAD" and name.lower() == b"content-length")
    )
    bodiless = method == "HEAD" or entry.status in (204, 304)
    length = () if bodiless else ((b"content-length", str(len(entry.body)).encode()),)
    headers = http.Headers()
    status = (_STATUS, hit.cache_status.encode())
    headers.fields = (*kept, *length, _HIT, status)  # all bytes already, so no conversion is needed
    return http.Response(
        http_version=b"HTTP/1.1",
        status_code=entry.status,
        reason=entry.reason.encode("latin-1", "replace"),
        headers=headers,
        content=b"" if bodiless else entry.body,
        trailers=None,
        timestamp_start=0,
        timestamp_end=None,
    )


def send_in_pieces(flow: http.HTTPFlow, paced: PacedBody) -> None:
    """Let our HTTP layer send the body of the answer as `paced` says."""
    response = flow.response
    if response is None or not response.data.content:
        return
    response.stream = paced  # type: ignore[assignment]  # `PacedAnswers` reads it
    leave_length_open(flow)


def leave_length_open(flow: http.HTTPFlow) -> None:
    """Let the end of the answer's body tell its length."""
    assert flow.response is not None
    if flow.request.http_version != "HTTP/1.0":
        flow.response.headers.pop("content-length", None)
    if flow.request.http_version == "HTTP/1.1":
        flow.response.headers["transfer-encoding"] = "chunked"


def opens_websocket(request: http.Request) -> bool:
    """Whether this is a complete WebSocket upgrade (RFC 6455, 4.1), as mitmproxy goes by it as well."""
    headers = request.headers
    return (
        request.method == "GET"
        and request.http_version == "HTTP/1.1"
        and headers.get("sec-websocket-version") == "13"
        and bool(headers.get("sec-websocket-key"))
    )


def switching(request: http.Request, protocol: str) -> http.Response:
    """Our answer to a WebSocket upgrade; `protocol` is the subprotocol that it names, if the client offers it."""
    from addon.sockets.upgrade import accept_for, offered

    headers = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-accept": accept_for(request.headers.get("sec-websocket-key", "")),
    }
    if protocol in offered(request.headers.fields):
        headers["sec-websocket-protocol"] = protocol
    response = http.Response.make(101, b"", headers)
    del response.headers["content-length"]
    return response


def own_answer(request: http.Request, answer: OwnAnswer) -> http.Response:
    """An answer that the proxy gives itself."""
    response = own_page(request, answer.status, answer.body, answer.headers)
    if answer.reason:
        response.reason = answer.reason
    return response


def own_page(request: http.Request, status: int, body: bytes, headers: dict[str, str]) -> http.Response:
    """A response with these headers and no marks."""
    response = http.Response.make(status, body, headers)
    if request.method == "HEAD":
        response.data.content = b""  # a client would read it as the start of the next answer
    return response


def mark(flow: http.HTTPFlow, cache_status: str) -> None:
    """Say in the headers of a live answer what the cache did."""
    assert flow.response is not None
    flow.response.headers[CACHE_HEADER] = "false"
    flow.response.headers[STATUS_HEADER] = cache_status
    keep_to_own_site(flow)


def keep_to_own_site(flow: http.HTTPFlow) -> None:
    """Forbid pages of other web sites to embed or read the answer to a direct request."""
    if is_direct(flow) and flow.response is not None:
        flow.response.headers.update(PAGE_HEADERS)


def from_provider(flow: http.HTTPFlow) -> bool:
    """Whether an answer came over a connection. An answer of another addon did not, and is never recorded."""
    return flow.server_conn.timestamp_start is not None


def is_interim(response: http.Response) -> bool:
    """Whether this is an informational answer (RFC 9110, 15.2), before the real one. 101 is final."""
    return 100 <= response.status_code < 200 and response.status_code != 101


def failed_at_end(response: http.Response) -> bool:
    """Whether a trailer says that the request failed, as gRPC's does."""
    trailers = response.trailers
    return trailers is not None and trailers.get("grpc-status", "0") != "0"


def streams(response: http.Response) -> bool:
    """Whether a live answer is passed on as it comes, because its length is unknown or great."""
    length = response.headers.get("content-length", "")
    if response.status_code in (101, 204, 304):
        return False
    if "event-stream" in response.headers.get("content-type", ""):
        return True
    return not length.isdecimal() or int(length) > BUFFERED_BYTES


def status_page(request: http.Request, stats: Callable[[], dict[str, Any]]) -> http.Response:
    """The answer to a request for the proxy's own address."""
    page = page_for(request.path, stats)
    if page is None:
        return own_answer(request, NO_SUCH_PAGE)
    return own_page(request, page.status, page.body, page.headers)
