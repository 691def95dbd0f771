"""The pages by which a client says which test it runs.

    PUT    /-/tests/<client>   a test begins, {"test": "tests/test_a.py::test_b"}; 204 once every process knows
    DELETE /-/tests/<client>   it ends; 200 with its verdict
    GET    /-/tests/<client>   its verdict so far
    GET    /-/tests/<client>/requests   what it has sent so far
    GET    /-/tests            the open tests of every client

PUT may also take `mode`, `repeat`, `attempt`, `file`, `line`, `switch`, `coarse` and `faults` (see `Wish`). Members
that this version does not know are ignored, so that a newer client can talk to an older proxy. A test that is
begun again without an end goes on. If tests of one client overlap, DELETE takes {"test": …}, which names the one
that ends, and `outcome`: a test that is `skipped` or has `failed` may not have asked for all that it asks for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from addon.accounting.verdicts import Verdict, merged
from addon.exchange.coordination import Peer
from addon.exchange.direct import PAGE_HEADERS, Page
from addon.exchange.sent_requests import requests_page
from addon.scopes.clients import is_client
from addon.scopes.scope import Scope, Wish
from addon.settings.modes import Mode
from cache_store.errors import ProviderProxyError, UsageError

__all__ = ["control", "is_control", "refused"]

_TESTS = "/-/tests"
_REQUESTS = "requests"
_CUT_SHORT = ("skipped", "failed")

_LONGEST_BODY = 256 * 1024
"""In bytes."""

logger = logging.getLogger(__name__)


def is_control(target: str) -> bool:
    """Whether `target` is one of these pages."""
    path = target.partition("?")[0]
    return path == _TESTS or path.startswith(f"{_TESTS}/")


def refused(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Page:
    """A refusal, in the shape of our other errors."""
    error = {"type": "provider_proxy_bad_request", "code": "provider_proxy_bad_request"}
    body = {"type": "error", "error": error | {"message": f"provider-proxy: {message}"}}
    return _json(body, status, headers)


async def control(method: str, target: str, body: bytes, peer: Peer, mode: Mode) -> Page:
    """The answer to a request for one of these pages. `mode` is the run's."""
    client = target.partition("?")[0].removeprefix(_TESTS).removeprefix("/")
    name, slash, page = client.partition("/")
    calls = _OF_CLIENT if client else _OF_ALL
    if slash and page == _REQUESTS:
        client, calls = name, _OF_REQUESTS
    if (client or slash) and not is_client(client):
        message = "a client's name has 1 to 64 of the characters A-Z a-z 0-9 . _ -"
        return refused(HTTPStatus.BAD_REQUEST, message)
    call = calls.get(method)
    if call is None:
        allowed = ", ".join(calls)
        return refused(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed} here", {"allow": allowed})
    if len(body) > _LONGEST_BODY:
        return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send at most {_LONGEST_BODY} bytes")
    try:
        return await call(client, body, peer, mode)
    except UsageError as error:
        return refused(HTTPStatus.BAD_REQUEST, str(error))
    except ProviderProxyError as error:
        logger.warning("the tests of %s are not known everywhere: %s", client, error)
        return refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


async def _put(client: str, body: bytes, peer: Peer, mode: Mode) -> Page:
    await peer.begin_test(client, Wish.parse(body, mode))
    return Page(b"", PAGE_HEADERS, HTTPStatus.NO_CONTENT)


async def _delete(client: str, body: bytes, peer: Peer, _: Mode) -> Page:
    test, outcome = _ending(body)
    ended = await peer.end_test(client, test, ran=outcome not in _CUT_SHORT)
    if ended is None:
        return refused(HTTPStatus.NOT_FOUND, f"{client} runs no such test; PUT begins one")
    if outcome:
        peer.note_outcome(ended[0].test, outcome)
    return _json(_verdict(*ended))


async def _get(client: str, _body: bytes, peer: Peer, _: Mode) -> Page:
    counted = await peer.look_at_test(client)
    if counted is None:
        return refused(HTTPStatus.NOT_FOUND, f"{client} runs no test; PUT begins one")
    return _json(_verdict(*counted))


async def _requests(client: str, _body: bytes, peer: Peer, _: Mode) -> Page:
    found = await peer.requests_of_test(client)
    if found is None:
        return refused(HTTPStatus.NOT_FOUND, f"{client} runs no test; PUT begins one")
    return Page(requests_page(*found), {"content-type": "application/json", **PAGE_HEADERS})


async def _list(_client: str, _body: bytes, peer: Peer, _: Mode) -> Page:
    return _json({"tests": [scope.as_dict() for scope in peer.tests.all()]})


type _Call = Callable[[str, bytes, Peer, Mode], Awaitable[Page]]
_OF_CLIENT: dict[str, _Call] = {"PUT": _put, "DELETE": _delete, "GET": _get}
_OF_REQUESTS: dict[str, _Call] = {"GET": _requests}
_OF_ALL: dict[str, _Call] = {"GET": _list}


def _ending(body: bytes) -> tuple[str, str]:
    """The test that a DELETE names, '' for the client's current one, and its outcome. Raises UsageError."""
    try:
        given = json.loads(body) if body.strip() else {}
        test, outcome = given.get("test", ""), given.get("outcome", "")
    except (ValueError, AttributeError, RecursionError):
        test, outcome = None, ""
    if not isinstance(test, str):
        raise UsageError('DELETE takes no body, or one such as {"test": "tests/test_a.py::test_b"}')
    return test, str(outcome)


def _verdict(scope: Scope, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A test's verdict: what its processes counted; zeros if it asked nothing.

    The client sent the name itself, so it is not hidden from it.
    """
    nothing = Verdict(*scope.identity, file=scope.file, line=scope.line, coarse=scope.coarse)
    return merged([nothing.as_dict(), *(row | {"test": scope.test} for row in rows)])[0]


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Page:
    body = json.dumps(value, ensure_ascii=True).encode()
    return Page(body, {"content-type": "application/json", **PAGE_HEADERS, **(headers or {})}, status)
