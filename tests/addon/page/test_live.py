"""The page's part of a running proxy."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.accounting.verdicts import Verdict
from addon.exchange.decisions import Forward, Hit, Injected
from addon.exchange.own_answers import miss
from addon.exchange.store_access import StoreAccess
from addon.messages import WireRequest
from addon.page.live import LivePage, is_page
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.settings.modes import Mode
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.page.test_run_view import counts

ENTRY = Entry("pp2-1", 200, "OK", (), b"{}", 1.0, 1.0, "run", {"method": "POST", "host": "h", "path": "/v1"})
REQUEST = WireRequest("POST", "https", "h", 443, "/secret-path", (), b"")


class _Asking:
    def __init__(self) -> None:
        self.page = LivePage()
        self.counts = counts()
        self.taint = Taint()
        self.store = StoreAccess(MemoryStore(), self.counts)

    async def ask(self, target: str, token: str | None = None, method: str = "GET") -> Any:
        async def whole() -> RunCounts:
            return self.counts

        given = self.page.token if token is None else token
        return await self.page.answer(method, target, given, self.store, whole, self.taint)

    async def json(self, target: str) -> Any:
        return json.loads((await self.ask(target)).body)


@pytest.fixture
def asking() -> Any:
    """A page with a run behind it."""
    found = _Asking()
    yield found
    found.page.close()


def test_which_targets_are_the_pages() -> None:
    """Neither those of the tests nor anything like them."""
    assert all(map(is_page, ("/-/", "/-/?x", "/-/page/run", "/-/page/")))
    assert not any(map(is_page, ("/", "/-", "/-/stats", "/-/tests", "/-/pages", "/-/page")))


async def test_each_request_is_a_row(asking: _Asking) -> None:
    """Hits by their entry's label, misses by their key; a live one has a second row with its end, and no row has the path as sent."""
    verdict = Verdict("", "test_a")
    asking.page.decided("POST", "h", Hit(ENTRY, "hit"), verdict)
    asking.page.decided("POST", "h", miss("pp2-2", "p", "m", "d", None, 502), None)
    forward = Forward(REQUEST, Mode.READ_WRITE, "")
    asking.page.decided("POST", "h", forward, None)
    asking.page.ended(forward, None, verdict)
    asking.page.decided("POST", "h", Injected(None), None)
    verdict.shown = "a test whose name holds a credential"
    rows = (await asking.json("/-/page/run"))["rows"]
    assert [[row[1], row[3], row[5], row[6], row[7], row[8]] for row in rows] == [
        [1, "hit", "h", "/v1", "pp2-1", verdict.shown],
        [2, "miss", "h", "", "pp2-2", ""],
        [3, "live", "h", "", "", ""],
        [3, "live", "h", "", "", verdict.shown],
        [5, "fault", "h", "", "", ""],
    ]
    assert rows[3][9] == "the cache was not asked"
    assert "secret-path" not in json.dumps(rows)


async def test_events_wait_for_the_next_row(asking: _Asking) -> None:
    """And come at once if there is one."""
    waiting = asyncio.create_task(asking.ask("/-/page/events?after=0"))
    await asyncio.sleep(0)
    assert not waiting.done()
    asking.page.decided("POST", "h", Hit(ENTRY, "hit"), None)
    assert (await waiting).body.startswith(b"id: 1\nevent: rows\ndata: [[1,1,")
    assert (await asking.ask("/-/page/events?after=0")).body.startswith(b"id: 1\n")


async def test_the_token_is_checked_before_anything(asking: _Asking) -> None:
    """Also before a request waits."""
    for target in ("/-/page/run", "/-/page/events?after=0", "/-/page/entry/pp2-1"):
        assert (await asking.ask(target, "")).status == 403
    assert (await asking.ask("/-/", "")).status == 200


async def test_a_request_with_a_credential_is_not_shown(asking: _Asking) -> None:
    """Also if the credential was seen later than the request."""
    saved = {
        "body": {
            "kind": "json",
            "value": {"messages": [{"role": "user", "content": "my hunter2hunter2hunter2"}]},
        }
    }
    asking.page.missed("pp2-2", json.dumps(saved).encode())
    assert (await asking.json("/-/page/miss/pp2-2"))["now"] != []
    asking.taint.add([Credential("header", b"hunter2hunter2hunter2")])
    assert (await asking.json("/-/page/miss/pp2-2"))["now"] == []


async def test_another_process_hands_over_what_it_noted(asking: _Asking) -> None:
    """Rows with numbers of their own, and the requests that missed there."""
    other = LivePage()
    forward = Forward(REQUEST, Mode.READ_WRITE, "")
    other.decided("POST", "h", forward, None)
    last, rows = other.news(0)
    other.missed("pp2-2", b'{"body": {"kind": "text", "value": "q"}}')
    asking.page.take_over(3, json.loads(json.dumps(rows)), other.take_requests())
    other.ended(forward, None, None)
    asking.page.take_over(3, other.news(last)[1], other.take_requests())
    assert [row[1] for row in (await asking.json("/-/page/run"))["rows"]] == ["3.1", "3.1"]
    assert len((await asking.json("/-/page/miss/pp2-2"))["now"]) == 1
    assert other.take_requests() == []


async def test_missed_requests_are_bounded(asking: _Asking) -> None:
    """By their number and their size."""
    for number in range(400):
        asking.page.missed(f"pp2-{number}", b"{}")
    asking.page.missed("long", b"x" * 300_000)
    kept = [key for key, _ in asking.page.take_requests()]
    assert (kept[0], kept[-1], len(kept)) == ("pp2-100", "pp2-399", 300)


async def test_a_fault_of_the_page_is_an_answer(asking: _Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an end of the run, too."""
    monkeypatch.setattr(asking, "counts", None)
    assert (await asking.ask("/-/page/run")).status == 500
    monkeypatch.setattr(asking, "store", None)
    assert (await asking.ask("/-/page/run")).status == 503
