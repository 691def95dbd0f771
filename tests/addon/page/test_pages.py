"""Requests for the page's data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.exchange.direct import Page
from addon.page.pages import Pages, Shown, after_of, events_page, refused, unchecked
from addon.report.drift_verdicts import keep_verdicts
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, StoreUnavailable
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.page.test_run_view import counts

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
SAVED = {
    "body": {
        "kind": "json",
        "value": {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        PICTURE,
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a"}},
                    ],
                }
            ]
        },
    }
}


@pytest.fixture
def pages() -> Pages:
    """Over one entry."""
    store = MemoryStore()
    headers = ((b"content-type", b"text/html"),)
    store.put(
        Entry(
            "pp2-1",
            200,
            "OK",
            headers,
            b"<script>",
            1.0,
            1.0,
            "run",
            {"host": "h"},
            request_json=json.dumps(SAVED).encode(),
        )
    )
    return Pages(store)


def _json(page: Page) -> Any:
    assert page.headers["content-type"] == "application/json"
    return json.loads(page.body)


def test_the_token_is_checked() -> None:
    """Not for the page itself, for all data; whatever is given instead of it."""
    assert unchecked("GET", "/-/") is not None
    assert unchecked("GET", "/-/page/page.mjs?x") is not None
    assert unchecked("GET", "/-/page/run") is None
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        page = unchecked(method, "/-/")
        assert page is not None
        assert page.status == 405
    assert unchecked("GET", "/-/other").status == 404  # type: ignore[union-attr]
    assert refused("token", "token") is None
    for given in ("", "toke", "token ", "tökén", "\udcff"):
        assert refused("token", given).status == 403  # type: ignore[union-attr]


def test_a_run_and_its_requests(pages: Pages) -> None:
    """Also where there is no run."""
    found = _json(pages.answer("/-/page/run", Shown(counts().as_dict(), [[1, 1, 0.0, "hit"]], 1, live=True)))
    assert (found["run"]["rate"], found["rows"], found["last"], found["live"]) == (
        "75.0 %",
        [[1, 1, 0.0, "hit"]],
        1,
        True,
    )
    assert _json(pages.answer("/-/page/run", Shown()))["run"] is None


def test_a_verdict_of_drift_is_shown(tmp_path: Path) -> None:
    """Only on the recording that was compared."""
    store = MemoryStore()
    for number in (1, 2):
        store.put(Entry(f"pp2-{number}", 200, "OK", (), b"{}", 5.0, 1.0, "run", {}))
    rows = [
        {"key": f"pp2-{n}", "verdict": "same", "recorded_at": at, "reasons": []}
        for n, at in ((1, 5.0), (2, 4.0))
    ]
    keep_verdicts(tmp_path, rows, 9.0)
    pages = Pages(store, folder=tmp_path)
    found = [_json(pages.answer(f"/-/page/entry/pp2-{number}", Shown()))["drift"] for number in (1, 2)]
    assert found == [{"verdict": "same", "at": 9.0, "reasons": []}, None]
    assert _json(pages.answer("/-/page/entries?drift=same", Shown()))["count"] == 1


def test_an_entry_and_its_bytes(pages: Pages) -> None:
    """Bytes are never of the type that they say."""
    shown = Shown(counts().as_dict(), used={"pp2-1": 2})
    view = _json(pages.answer("/-/page/entry/pp2-1", shown))
    assert (view["tests"], view["used"], view["said"][0]["parts"][0]["text"]) == (["test_a"], 2, "<script>")
    for path, body in (
        ("raw/pp2-1", b"<script>"),
        ("request/pp2-1", json.dumps(SAVED).encode()),
        ("media/pp2-1/0", b"hi"),
    ):
        page = pages.answer(f"/-/page/{path}", shown)
        assert (page.body, page.headers["content-type"]) == (body, "application/octet-stream")
    assert _json(pages.answer("/-/page/entries?text=pp2&fresh=1", shown))["rows"][0]["used"] == 2


def test_a_miss(pages: Pages) -> None:
    """Beside the nearest recording, if its own request may be shown."""
    shown = Shown(counts().as_dict(), request_of=lambda key: json.dumps(SAVED).encode())
    view = _json(pages.answer("/-/page/miss/pp2-2", shown))
    assert (view["remedy"], view["tests"], len(view["recorded"])) == ("do it", ["test_a"], 1)
    shown.request_of = lambda key: b""
    view = _json(pages.answer("/-/page/miss/pp2-2", shown))
    assert (view["now"], view["recorded"]) == ([], [])


@pytest.mark.parametrize(
    "path",
    ["entry/pp2-none", "entry/", "entry/..%2f..%2fa", "entry/a%00", "media/pp2-1/1", "media/pp2-1/7", "media/pp2-1/x", "media/pp2-1/",
     "miss/pp2-1", "run/x", "nothing", "", "entries/x", "entry/" + "a" * 400],
)  # fmt: skip
def test_what_there_is_not(pages: Pages, path: str) -> None:
    """Is a 404 in words."""
    page = pages.answer(f"/-/page/{path}", Shown(counts().as_dict()))
    assert (page.status, list(_json(page))) == (404, ["error"])


def test_faults_of_the_store_are_told(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged entry, and a cache that cannot be read."""
    for error in (CorruptEntry("damaged"), StoreUnavailable("locked")):

        def fail(self: MemoryStore, key: str, error: Exception = error) -> Entry:
            raise error

        monkeypatch.setattr(MemoryStore, "get", fail)
        assert str(error) in _json(pages.answer("/-/page/entry/pp2-1", Shown()))["error"]


def test_events_have_numbers() -> None:
    """A reader asks from the last one on."""
    assert after_of("/-/page/events?after=7") == 7
    assert (
        after_of("/-/page/events")
        == after_of("/-/page/events?after=x")
        == after_of("/-/page/events?after=" + "9" * 40)
        == 0
    )
    assert after_of("/-/page/run?after=7") is None
    assert events_page([[8, "\n"]], 8).body == b'id: 8\nevent: rows\ndata: [[8,"\\n"]]\n\n'
