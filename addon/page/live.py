"""The page's part of a running proxy: its token, the latest requests, and the requests that missed."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from addon.exchange.decisions import SOCKET, Decision, Hit, Injected, OwnAnswer
from addon.page.history import History

if TYPE_CHECKING:
    from pathlib import Path

    from addon.accounting.counts import RunCounts
    from addon.accounting.verdicts import Verdict
    from addon.exchange.decisions import Forward
    from addon.exchange.direct import Page
    from addon.exchange.store_access import StoreAccess
    from addon.page.pages import Pages
    from addon.redaction import Taint
    from cache_store.entry import Entry

__all__ = ["TOKEN_HEADER", "LivePage", "is_page"]

TOKEN_HEADER = "x-provider-proxy-page"  # noqa: S105 - a header's name

_HELD_SECONDS = 25.0
"""How long a request for events waits for one."""

_MOST_REQUESTS = 300
_LONGEST_REQUEST = 256 * 1024  # bytes
_KEY = re.compile(r'key="([^"]{1,300})"')

logger = logging.getLogger(__name__)


def is_page(target: str) -> bool:
    """Whether `target` is the page, or something of it."""
    path = target.partition("?")[0]
    return path == "/-/" or path.startswith("/-/page/")


class LivePage:
    """What one process of a run shows. `token` must be given with each request for data. `folder` is
    the state folder, None for none.

    A row of `history` is (request, at, kind, method, host, path, key, test, detail, seconds). `request` is the same
    in all rows of one request, `at` is in Unix seconds, `test` is a Verdict, a name or None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self.token = base64.urlsafe_b64encode(os.urandom(24)).decode()
        self.history = History()
        self._requests: OrderedDict[str, bytes] = OrderedDict()
        self._pages: Pages | None = None
        self._thread: ThreadPoolExecutor | None = None

    # -- what a run notes ---------------------------------------------------

    def decided(self, method: str, host: str, decision: Decision, verdict: Verdict | None) -> None:
        """Note what is done with a request; `verdict` is its test's."""
        if isinstance(decision, Hit):
            self._hit(method, decision.entry, verdict)
        elif isinstance(decision, Injected):
            said = f"injected, {decision.answer.status}" if decision.answer is not None else "injected, reset"
            self.history.add(0, time.time(), "fault", method, host, "", "", verdict, said, 0.0)
        elif isinstance(decision, OwnAnswer):
            self._own(method, host, decision, verdict)
        else:
            decision.shown = self.history.last + 1
            self._forwarded(decision, "live", "on its way", 0.0, verdict)

    def _hit(self, method: str, entry: Entry, verdict: Verdict | None) -> None:
        label = entry.label
        method = method if method == SOCKET else label.get("method", "")
        self.history.add(
            0, time.time(), "hit", method, label.get("host", ""), label.get("path", ""),
            entry.key, verdict, "", 0.0,
        )  # fmt: skip

    def _own(self, method: str, host: str, answer: OwnAnswer, verdict: Verdict | None) -> None:
        found = _KEY.search(answer.cache_status)
        kind = _KINDS.get(answer.kind, "own" if not answer.kind else "refused")
        detail = answer.kind.removeprefix("provider_proxy_").replace("_", " ") or "offline"
        self.history.add(
            0, time.time(), kind, method, host, "", found[1] if found else "", verdict, detail, 0.0
        )

    def ended(self, forward: Forward, reason: str | None, verdict: Verdict | None) -> None:
        """Note that a live answer was stored, or why it was not."""
        if forward.identity is None:
            reason = reason or "the cache was not asked"
        kind = "stored" if reason is None else "live"
        self._forwarded(forward, kind, reason or "", time.monotonic() - forward.started, verdict)

    def _forwarded(
        self, forward: Forward, kind: str, detail: str, seconds: float, verdict: Verdict | None
    ) -> None:
        # Never the target as it was sent: it may contain a credential.
        label = forward.identity.label if forward.identity is not None else {}
        method = SOCKET if forward.on_socket else forward.request.method
        self.history.add(
            forward.shown, time.time(), kind, method, forward.request.host, label.get("path", ""),
            forward.key, verdict, detail, round(seconds, 3),
        )  # fmt: skip

    def missed(self, key: str, request_json: bytes) -> None:
        """Keep the saved form of a request that missed. It may be called in another thread."""
        if len(request_json) <= _LONGEST_REQUEST:
            self._requests[key] = request_json
            while len(self._requests) > _MOST_REQUESTS:
                self._requests.popitem(last=False)

    # -- between the processes of a run -------------------------------------

    def take_over(self, process: int, rows: Iterable[list[Any]], requests: Iterable[tuple[str, str]]) -> None:
        """Add the rows and the missed requests of another process, as `news` gives them."""
        for _, request, *values in rows:
            self.history.add(f"{process}.{request}" if request else 0, *values)
        for key, request in requests:
            self.missed(key, request.encode("utf-8", "surrogatepass"))

    def news(self, after: int) -> tuple[int, list[list[Any]]]:
        """The number of the latest row, and the rows behind `after` as JSON values."""
        return self.history.last, [_as_values(row) for row in self.history.after(after)]

    def take_requests(self) -> list[tuple[str, str]]:
        """The missed requests since the last call, as texts; they are forgotten."""
        taken, self._requests = self._requests, OrderedDict()
        return [(key, request.decode("utf-8", "surrogatepass")) for key, request in taken.items()]

    # -- what it answers ----------------------------------------------------

    async def answer(
        self,
        method: str,
        target: str,
        given: str,
        store: StoreAccess | None,
        counts: Callable[[], Awaitable[RunCounts]],
        taint: Taint | None,
    ) -> Page:
        """The answer to a request that names this run's token as `given`. Never raises.

        `counts` gives those of the whole run. `taint` knows the credentials that no request may show.
        """
        from http import HTTPStatus

        from addon.page import pages
        from addon.page.static_files import refusal

        try:
            page = pages.unchecked(method, target) or pages.refused(self.token, given)
            if page is not None:
                return page
            if store is None or taint is None:
                return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the run is starting or has ended")
            if (after := pages.after_of(target)) is not None:
                await self.history.wait(after, _HELD_SECONDS)
                last, rows = self.news(min(after, self.history.last))
                return await self._in_thread(
                    lambda: pages.events_page(_without_credentials(rows, taint), last)
                )
            return await self._data(target, store, await counts(), taint)
        except Exception:
            logger.exception("the page failed on %s", target.partition("?")[0])
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed on this; see the proxy's log")

    async def _data(self, target: str, store: StoreAccess, counts: RunCounts, taint: Taint) -> Page:
        from addon.page.pages import Pages, Shown

        shows = self._pages = self._pages or Pages(store.shown, store.stored_sizes, self._folder)

        def request_of(key: str) -> bytes:
            request = self._requests.get(key, b"")
            return b"" if taint.found_in(request) else request

        shown = Shown(counts.as_dict(), used=dict(counts.used), request_of=request_of, live=True)
        rows: list[list[Any]] = []
        if target.startswith("/-/page/run"):
            shown.last, rows = self.news(0)

        def work() -> Page:
            shown.rows = _without_credentials(rows, taint)
            return shows.answer(target, shown)

        return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], Page]) -> Page:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="page")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """The run has ended."""
        self.history.close()
        if self._pages is not None:
            self._pages.close()
        if self._thread is not None:
            self._thread.shutdown(wait=True)  # it must not open the store again


def _without_credentials(rows: list[list[Any]], taint: Taint) -> list[list[Any]]:
    """The rows. One that holds a credential, which may have become known later, loses host, path and test."""
    if not taint.found_in(
        *(_texts_of(row) for row in (rows[at : at + 200] for at in range(0, len(rows), 200)))
    ):
        return rows
    return [
        [*row[:5], "?", "", row[7], "", *row[9:]] if taint.found_in(_texts_of([row])) else row for row in rows
    ]


def _texts_of(rows: list[list[Any]]) -> bytes:
    return "\n".join(str(value) for row in rows for value in row).encode("utf-8", "replace")


def _as_values(row: tuple[Any, ...]) -> list[Any]:
    number, request, at, kind, method, host, path, key, test, detail, seconds = row
    if test is not None and not isinstance(test, str):
        test = test.shown or test.test
    return [number, request or number, at, kind, method, host, path, key, test or "", detail, seconds]


_KINDS = {"provider_proxy_cache_miss": "miss", "provider_proxy_fault": "fault"}
