"""Answers requests for the page, from this machine or with the password of PROVIDER_PROXY_AUTH."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from mitmproxy import http

from addon.exchange.direct import Page
from addon.mitm import flows
from addon.mitm.control_pages import is_trusted
from addon.page.live import TOKEN_HEADER

__all__ = ["Show", "answer"]

type Show = Callable[[str, str, str], Awaitable[Page]]
"""Gives the answer to a method, a target and a token."""


async def answer(flow: http.HTTPFlow, show: Show | None) -> None:
    """Answer a request for the page; `show` is None where it is switched off."""
    request = flow.request
    if show is None:
        page = _refused(HTTPStatus.NOT_FOUND, "the page is switched off; PROVIDER_PROXY_PAGE=read shows it")
    elif not is_trusted(flow):
        page = _refused(
            HTTPStatus.FORBIDDEN, "the page is for this machine only; set PROVIDER_PROXY_AUTH for others"
        )
    else:
        page = await show(request.method, request.path, request.headers.get(TOKEN_HEADER, ""))
    flow.response = flows.own_page(request, page.status, page.body, page.headers)
    flows.keep_to_own_site(flow)


def _refused(status: HTTPStatus, message: str) -> Page:
    from addon.page.static_files import refusal

    return refusal(status, message)
