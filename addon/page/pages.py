"""Answers requests for the page's data from what it is given. It only reads.

    GET /-/                     the page itself, which holds no data
    GET /-/page/run             the run's figures, tests, misses and latest requests
    GET /-/page/events?after=N  the requests behind number N, as server-sent events, once there are any
    GET /-/page/entries?…       a page of the cache's entries
    GET /-/page/entry/KEY       an entry;  raw/KEY, request/KEY, media/KEY/N: its bytes, to be saved
    GET /-/page/miss/KEY        a miss beside the nearest recording

Data need the run's token in a header. A page of another site cannot send that header, since it needs CORS, and no
answer allows that. Unlike a cookie it is never sent to another port of this machine.
"""

from __future__ import annotations

import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from addon.exchange.direct import Page
from addon.page.cache_view import entries_page, rows_of
from addon.page.entry_view import entry_view, media_of
from addon.page.miss_view import miss_view
from addon.page.run_view import run_view, users_by_key
from addon.page.static_files import SAFE_HEADERS, as_json, as_octets, refusal, static_page
from addon.report.drift_verdicts import KeptVerdict, read_verdicts
from cache_store.entry import Entry
from cache_store.errors import EntryError, ProviderProxyError
from cache_store.store import Store

__all__ = ["Pages", "Shown", "after_of", "events_page", "refused", "unchecked"]

_DATA = "/-/page/"
_KEY = re.compile(r"[A-Za-z0-9_.@:+-]{1,300}")
_LONGEST_QUERY = 4096


@dataclass(slots=True)
class Shown:
    """What there is to show now.

    `run` is a run's report (`RunCounts.as_dict`), None if there is none. `rows` are its latest requests, as lists
    of JSON values, and `last` the number of the latest. `used` counts the hits of each entry in the run.
    `request_of` gives the saved request of a miss, b"" where it is not known or may not be shown. `live`: the run
    goes on.
    """

    run: dict[str, Any] | None = None
    rows: list[list[Any]] = field(default_factory=list)
    last: int = 0
    used: Mapping[str, int] = field(default_factory=dict)
    request_of: Callable[[str], bytes] = lambda _: b""
    live: bool = False


def unchecked(method: str, target: str) -> Page | None:
    """The answer that needs no token: one of the page's files, or a refusal. None if the token is to be checked."""
    if method not in ("GET", "HEAD"):
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "the page only reads: use GET")
    path = target.partition("?")[0]
    if (page := static_page(path)) is not None:
        return page
    return None if path.startswith(_DATA) else refusal(HTTPStatus.NOT_FOUND, "there is no such page")


def refused(token: str, given: str) -> Page | None:
    """The refusal of a request that has not given the run's `token`; None if it has."""
    if hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        return None
    return refusal(
        HTTPStatus.FORBIDDEN, "open the page by the URL that the proxy printed: it holds this run's token"
    )


def after_of(target: str) -> int | None:
    """The number that a request for events names; None if `target` asks for something else."""
    path, _, query = target.partition("?")
    if path != f"{_DATA}events":
        return None
    after = dict(parse_qsl(query[:_LONGEST_QUERY])).get("after", "")
    return int(after) if after.isdecimal() and len(after) < 16 else 0


def events_page(rows: list[list[Any]], last: int) -> Page:
    """Rows as one server-sent event. The answer ends with it; the reader asks again from its id on."""
    data = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    body = f"id: {last}\nevent: rows\ndata: {data}\n\n".encode()
    return Page(body, {"content-type": "text/event-stream", **SAFE_HEADERS})


class Pages:
    """Reads `store`, which others may write. `sizes` tells each entry's stored size by key.

    `folder` is the state folder, where `drift` keeps its verdicts; None for none.

    Use it in one thread at a time.
    """

    def __init__(
        self, store: Store, sizes: Callable[[], Mapping[str, int]] = dict, folder: Path | None = None
    ) -> None:
        self._store = store
        self._sizes = sizes
        self._folder = folder
        self._verdicts: Mapping[str, KeptVerdict] = {}
        self._rows: list[dict[str, Any]] | None = None
        self._closed = False

    def close(self) -> None:
        """Stop reading the store. It may be called in another thread."""
        self._closed = True

    def answer(self, target: str, shown: Shown) -> Page:
        """The data at `target`, whose token was checked. Never raises ProviderProxyError."""
        path, _, query = target.partition("?")
        name, _, rest = path.removeprefix(_DATA).partition("/")
        try:
            if name == "run" and not rest:
                return as_json(self._run(shown))
            if name == "entries" and not rest:
                return as_json(self._entries(dict(parse_qsl(query[:_LONGEST_QUERY])), shown))
            key, _, number = unquote(rest).partition("/")
            read = self._OF_KEY.get(name)
            if read is None or not _KEY.fullmatch(key):
                return refusal(HTTPStatus.NOT_FOUND, "there is no such page")
            return read(self, key, number, shown)
        except ProviderProxyError as error:
            return refusal(HTTPStatus.NOT_FOUND, f"the cache cannot be read: {error}")

    def _run(self, shown: Shown) -> dict[str, Any]:
        run = run_view(shown.run) if shown.run is not None else None
        return {"run": run, "rows": shown.rows, "last": shown.last, "live": shown.live}

    def _entries(self, wanted: dict[str, str], shown: Shown) -> dict[str, Any]:
        if self._rows is None or wanted.get("fresh") == "1":
            self._verdicts = self._read_verdicts()
            self._rows = rows_of(self._store, self._sizes(), lambda: self._closed)
        tests = users_by_key(shown.run) if shown.run is not None else {}
        return entries_page(self._rows, wanted, tests, shown.used, self._verdicts) | {"live": shown.live}

    def _entry(self, key: str, _: str, shown: Shown) -> Page:
        entry = self._found(key)
        if isinstance(entry, Page):
            return entry
        tests = users_by_key(shown.run).get(key, []) if shown.run is not None else []
        verdict = self._read_verdicts().get(key)
        is_of_this = verdict is not None and verdict.recorded_at == entry.recorded_at
        drift = verdict.as_dict() if verdict is not None and is_of_this else None
        return as_json(entry_view(entry, tests) | {"used": shown.used.get(key), "drift": drift})

    def _read_verdicts(self) -> Mapping[str, KeptVerdict]:
        return read_verdicts(self._folder) if self._folder is not None else {}

    def _raw(self, key: str, _: str, __: Shown) -> Page:
        entry = self._found(key)
        return entry if isinstance(entry, Page) else as_octets(entry.body, f"{key[:20]}.body")

    def _request(self, key: str, _: str, __: Shown) -> Page:
        entry = self._found(key)
        return entry if isinstance(entry, Page) else as_octets(entry.request_json, f"{key[:20]}.request.json")

    def _media(self, key: str, number: str, _: Shown) -> Page:
        entry = self._found(key)
        if isinstance(entry, Page):
            return entry
        media = media_of(entry, int(number)) if number.isdecimal() and len(number) < 6 else None
        if media is None:
            return refusal(HTTPStatus.NOT_FOUND, "there is no such picture or sound")
        try:
            return as_octets(binascii.a2b_base64(media.data), f"{key[:20]}.{number}")
        except ValueError:
            return refusal(HTTPStatus.NOT_FOUND, "this is not base64")

    def _miss(self, key: str, _: str, shown: Shown) -> Page:
        missed = shown.run["missed"] if shown.run is not None else []
        miss = next((miss for miss in missed if miss["key"] == key), None)
        if miss is None or shown.run is None:
            return refusal(
                HTTPStatus.NOT_FOUND,
                "this run has no explanation of this miss; the first one of its test has",
            )
        tests = [
            row["test"] for row in shown.run["tests"] if any(found["key"] == key for found in row["misses"])
        ]
        now, recorded = shown.request_of(key), b""
        if miss["nearest"] and now:
            nearest = self._found(miss["nearest"])
            recorded = b"" if isinstance(nearest, Page) else nearest.request_json
        return as_json(miss_view(miss, now, recorded, tests))

    def _found(self, key: str) -> Entry | Page:
        try:
            entry = self._store.get(key)
        except EntryError as error:
            return refusal(HTTPStatus.NOT_FOUND, f"this entry cannot be used: {error}")
        return entry or refusal(
            HTTPStatus.NOT_FOUND, "there is no such entry: it may have been removed, or never stored"
        )

    _OF_KEY: Mapping[str, Callable[[Pages, str, str, Shown], Page]] = {
        "entry": _entry,
        "raw": _raw,
        "request": _request,
        "media": _media,
        "miss": _miss,
    }
