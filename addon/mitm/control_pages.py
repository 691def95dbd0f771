"""Admits requests for the pages by which clients name their tests, and answers them once their body is read."""

from __future__ import annotations

import ipaddress
import logging
from http import HTTPStatus

from mitmproxy import http

from addon.exchange.answering import Answering
from addon.exchange.control import control, refused
from addon.exchange.direct import Page
from addon.mitm import flows

__all__ = ["admit", "answer", "is_admitted", "is_trusted"]

_ADMITTED = "provider_proxy_control"

logger = logging.getLogger(__name__)


def admit(flow: http.HTTPFlow) -> None:
    """Note that `answer` is to answer once the body is read, or refuse the request."""
    if is_trusted(flow):
        flow.metadata[_ADMITTED] = True
        return
    message = "tests can be named from this machine only; set PROVIDER_PROXY_AUTH for others"
    flow.response = _response(flow, refused(HTTPStatus.FORBIDDEN, message))


def is_trusted(flow: http.HTTPFlow) -> bool:
    """Whether a request comes from this machine, or with the proxy's password."""
    return _is_local(flow) or "proxyauth" in flow.metadata


def is_admitted(flow: http.HTTPFlow) -> bool:
    """Whether `admit` has admitted the request."""
    return _ADMITTED in flow.metadata


async def answer(flow: http.HTTPFlow, answering: Answering | None) -> None:
    """Answer an admitted request. Never raises."""
    try:
        if answering is None:
            page = refused(HTTPStatus.SERVICE_UNAVAILABLE, "the proxy is starting or has ended")
        else:
            request = flow.request
            page = await control(
                request.method, request.path, request.data.content or b"", answering.peer, answering.mode
            )
    except Exception:
        logger.exception("provider-proxy failed on %s", flow.request.path)
        page = refused(HTTPStatus.INTERNAL_SERVER_ERROR, "it failed on this request; see its log")
    flow.response = _response(flow, page)
    flows.keep_to_own_site(flow)


def _is_local(flow: http.HTTPFlow) -> bool:
    peer = flow.client_conn.peername
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0]) if peer else None
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (mapped or address).is_loopback


def _response(flow: http.HTTPFlow, page: Page) -> http.Response:
    return flows.own_page(flow.request, page.status, page.body, page.headers)
