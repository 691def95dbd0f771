"""The server of the page over a cache alone."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from addon.page.browsing import Browsing
from addon.page.pages import Pages, Shown
from cache_store.tiers.memory_store import MemoryStore


@pytest.fixture
def port() -> Iterator[int]:
    """Of a running server."""
    browsing = Browsing(Pages(MemoryStore()), Shown(), "token")
    thread = threading.Thread(target=browsing.serve)
    thread.start()
    yield int(browsing.url.split("/")[2].rpartition(":")[2])
    browsing.close()
    thread.join()


def _ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=given)
        answer = connection.getresponse()
        assert answer.headers["x-frame-options"] == "DENY"
        return answer.status, answer.read()


def test_who_is_answered(port: int) -> None:
    """Whoever has the token, by a name of this machine, from no other site."""
    token = {"x_provider_proxy_page": "token"}
    assert _ask(port, "/-/page/run", **token)[0] == 200
    assert _ask(port, "/-/page/run")[0] == 403
    assert _ask(port, "/-/")[0] == 200
    assert _ask(port, "/-/", "HEAD") == (200, b"")
    assert _ask(port, "/-/page/run", "POST", **token)[0] == 405
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"referer": "https://evil.example/"},
    ):
        assert _ask(port, "/-/page/run", **token, **headers)[0] == 403


def test_a_port_in_use(port: int) -> None:
    """Is an error."""
    with pytest.raises(OSError, match="in use"):
        Browsing(Pages(MemoryStore()), Shown(), "token", port)
