"""The pages by which clients name their tests, in a run of several processes."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

import pytest

from addon.accounting.costs import Tally
from addon.exchange import coordination as coordination_module
from addon.exchange.control import control, is_control
from addon.exchange.coordination import LocalChannel, Peer
from addon.exchange.coordinator import Coordinator
from addon.exchange.direct import Page
from addon.scopes.scope import Scope
from addon.settings.modes import Mode
from tests.addon.exchange.conftest import Run, chat_request

TEST = "tests/test_a.py::test_b"


def _peers(number: int) -> tuple[Coordinator, list[Peer]]:
    coordinator = Coordinator()
    peers = [Peer(LocalChannel(coordinator, n), Tally(), counts_money=False) for n in range(number)]
    for n, peer in enumerate(peers):
        coordinator.join(n, lambda event, *values, peer=peer: peer.receive(event, values))
    return coordinator, peers


async def _ask(peer: Peer, method: str, target: str, body: Any = None, mode: Mode = Mode.READ_WRITE) -> Page:
    return await control(method, target, b"" if body is None else json.dumps(body).encode(), peer, mode)


def _message(page: Page) -> str:
    return str(json.loads(page.body)["error"]["message"])


async def test_every_process_knows_a_test_once_put_has_answered() -> None:
    """Also one that joins later; after the end none knows it."""
    coordinator, peers = _peers(3)
    page = await _ask(peers[1], "PUT", "/-/tests/gw0", {"test": TEST, "mode": "read-only"})
    assert (page.status, page.body) == (HTTPStatus.NO_CONTENT, b"")
    late = Peer(LocalChannel(coordinator, 9), Tally(), counts_money=False)
    coordinator.join(9, lambda event, *values: late.receive(event, values))
    assert {peer.tests.of("gw0") for peer in [*peers, late]} == {Scope("gw0", TEST, mode="read-only")}
    listed = await _ask(late, "GET", "/-/tests?x")
    assert [(row["client"], row["test"], row["attempt"]) for row in json.loads(listed.body)["tests"]] == [
        ("gw0", TEST, 1)
    ]
    assert (await _ask(peers[0], "DELETE", "/-/tests/gw0")).status == HTTPStatus.OK
    assert {peer.tests.of("gw0") for peer in [*peers, late]} == {None}


async def test_a_verdict_is_the_sum_of_all_processes() -> None:
    """A process that counted nothing adds nothing; a test without requests has zeros; a hidden name is still the test's."""
    _, peers = _peers(2)

    async def counts(scope: Scope, *, is_over: bool) -> dict[str, Any]:
        run = Run(name="x", store=_memory())
        verdict = run.counts.verdict(*scope.identity)
        assert verdict is not None
        verdict.hits, verdict.shown = 2 if is_over else 1, "a test whose name holds a credential"
        return verdict.as_dict()

    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST, "file": "tests/test_a.py", "line": 3})
    nothing = json.loads((await _ask(peers[0], "GET", "/-/tests/gw0")).body)
    assert nothing == {
        "test": TEST, "attempt": 1, "client": "gw0", "file": "tests/test_a.py", "line": 3, "requests": 0,
        "hits": 0, "misses": [], "more_misses": 0, "stored": 0, "refused": 0, "not_stored": {}, "faults": {},
        "live": 0, "live_seconds": 0.0, "usd": 0.0, "unpriced": 0, "coarse": False, "entries": {},
    }  # fmt: skip
    peers[0].count_test = peers[1].count_test = counts
    assert json.loads((await _ask(peers[1], "GET", "/-/tests/gw0")).body)["hits"] == 2
    assert json.loads((await _ask(peers[1], "DELETE", "/-/tests/gw0")).body)["hits"] == 4


async def test_a_process_that_dies_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs is waited for no longer than a bound; the client hears that."""
    coordinator, peers = _peers(3)
    monkeypatch.setattr(coordination_module, "_GATHER_SECONDS", 60.0)
    hanging = asyncio.Event()

    async def hangs(_scope: Scope, *, is_over: bool) -> None:
        await hanging.wait()

    peers[2].count_test = hangs
    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    asking = asyncio.create_task(_ask(peers[0], "DELETE", "/-/tests/gw0"))
    await asyncio.sleep(0.01)
    coordinator.leave(2, 0.0)
    assert (await asking).status == HTTPStatus.OK
    peers[1].count_test = hangs
    monkeypatch.setattr(coordination_module, "_GATHER_SECONDS", 0.01)
    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    assert (await _ask(peers[0], "DELETE", "/-/tests/gw0")).status == HTTPStatus.SERVICE_UNAVAILABLE
    coordinator.join(2, lambda *_: None)
    hanging.set()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "words"),
    [
        ("PUT", "/-/tests/gw0", None, 400, "send a JSON object"),
        ("PUT", "/-/tests/gw0", {"test": TEST, "mode": "read-write"}, 400, "would do more"),
        ("PUT", "/-/tests/a/b", {"test": TEST}, 400, "a client's name has"),
        ("PUT", "/-/tests/%20", {"test": TEST}, 400, "a client's name has"),
        ("DELETE", "/-/tests/gw1", None, 404, "gw1 runs no such test"),
        ("DELETE", "/-/tests/gw0", {"test": "another"}, 404, "gw0 runs no such test"),
        ("DELETE", "/-/tests/gw0", [], 400, "DELETE takes no body, or"),
        ("GET", "/-/tests/gw1", None, 404, "gw1 runs no test"),
        ("POST", "/-/tests/gw0", None, 405, "use PUT, DELETE, GET here"),
        ("GET", "/-/tests/gw1/requests", None, 404, "gw1 runs no test"),
        ("PUT", "/-/tests/gw0/requests", {"test": TEST}, 405, "use GET here"),
        ("GET", "/-/tests//requests", None, 400, "a client's name has"),
        ("PUT", "/-/tests", None, 405, "use GET here"),
    ],
)
async def test_nonsense_is_refused(method: str, target: str, body: Any, status: int, words: str) -> None:
    """In one line that says what to do; the open test goes on."""
    _, peers = _peers(1)
    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    page = await _ask(peers[0], method, target, body, Mode.READ_ONLY)
    assert page.status == status
    assert words in _message(page)
    assert peers[0].tests.of("gw0") == Scope("gw0", TEST)


async def test_what_a_test_has_sent_to_all_processes() -> None:
    """Each is asked in a thread; a process that got nothing adds nothing."""
    _, peers = _peers(3)
    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    for number, peer in enumerate(peers[:2]):
        row = [1.0 - number, f"pp2-{number}", '{"method":"POST"}', ""]
        peer.sent_by_test = lambda scope, row=row: {"rows": [row], "more": 1}  # type: ignore[misc]
    page = await _ask(peers[2], "GET", "/-/tests/gw0/requests?x")
    assert json.loads(page.body) == {
        "test": TEST, "attempt": 1, "more": 2,
        "requests": [{"key": "pp2-1", "method": "POST"}, {"key": "pp2-0", "method": "POST"}],
    }  # fmt: skip
    assert page.headers["cross-origin-resource-policy"] == "same-origin"


async def test_every_process_knows_which_tests_ran_to_their_end() -> None:
    """One that was skipped or has failed may not have asked for all that it asks for."""
    _, peers = _peers(2)
    for test, outcome in (("a", "passed"), ("b", "skipped"), ("c", "failed"), ("d", None), ("e", [1])):
        await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": test})
        await _ask(peers[1], "DELETE", "/-/tests/gw0", {"outcome": outcome})
    assert peers[0].tests.ran == peers[1].tests.ran == {"a", "d", "e"}


async def test_too_many_open_tests_are_refused() -> None:
    """The coordinator says so, wherever it is."""
    _, peers = _peers(2)
    for number in range(100):
        await _ask(peers[1], "PUT", "/-/tests/gw0", {"test": str(number), "switch": True})
    page = await _ask(peers[1], "PUT", "/-/tests/gw0", {"test": "one more"})
    assert (page.status, "too many tests" in _message(page)) == (400, True)


async def test_of_overlapping_tests_the_end_names_one() -> None:
    """They are coarse."""
    _, peers = _peers(1)
    for test in ("a", "b"):
        await _ask(peers[0], "PUT", "/-/tests/w", {"test": test})
    verdict = json.loads((await _ask(peers[0], "DELETE", "/-/tests/w", {"test": "a"})).body)
    assert (verdict["test"], verdict["coarse"]) == ("a", True)
    assert (scope := peers[0].tests.of("w")) is not None
    assert scope.test == "b"


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ("/-/tests", True),
        ("/-/tests?x", True),
        ("/-/tests/gw0", True),
        ("/-/testsx", False),
        ("/-/stats", False),
    ],
)
def test_which_pages_these_are(target: str, *, is_one: bool) -> None:
    """All below one path."""
    assert is_control(target) is is_one


def _memory() -> Any:
    from cache_store.tiers.memory_store import MemoryStore

    return MemoryStore()


async def test_the_process_that_leads_is_gone() -> None:
    """Whoever waits hears it."""
    _, peers = _peers(2)

    async def hangs(_scope: Scope, *, is_over: bool) -> None:
        await asyncio.Event().wait()

    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    peers[1].count_test = hangs
    asking = asyncio.create_task(_ask(peers[0], "DELETE", "/-/tests/gw0"))
    await asyncio.sleep(0.01)
    peers[0].disconnected()
    assert (await asking).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert chat_request()  # the conftest of this folder


@pytest.mark.parametrize(
    ("body", "noted"),
    [
        ({"test": TEST, "outcome": "failed"}, [(TEST, "failed")]),
        ({"outcome": ""}, []),
        (None, []),
    ],
)
async def test_a_client_may_tell_what_became_of_a_test(body: Any, noted: list[tuple[str, str]]) -> None:
    """In the process that it tells."""
    _, peers = _peers(2)
    told: list[tuple[str, str]] = []
    peers[1].note_outcome = lambda test, outcome: told.append((test, outcome))
    await _ask(peers[0], "PUT", "/-/tests/gw0", {"test": TEST})
    assert (await _ask(peers[1], "DELETE", "/-/tests/gw0", body)).status == 200
    assert told == noted
