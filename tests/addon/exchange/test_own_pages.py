"""What the proxy's own address answers."""

from __future__ import annotations

import json

from addon.exchange.own_pages import NO_SUCH_PAGE, page_for


def test_ready_and_figures() -> None:
    """Both pages, with a query too; nothing else is a page."""
    assert page_for("/-/healthz?x=1", dict) == (b"ok\n", {"content-type": "text/plain"})
    page = page_for("/-/stats", lambda: {"hits": 3})
    assert page is not None
    assert json.loads(page.body) == {"hits": 3}
    for target in ("/", "/-/", "/-/healthz/", "/https/api.openai.com/v1", "", "//-/stats"):
        assert page_for(target, dict) is None


def test_elsewhere_says_how_it_is_used() -> None:
    """One line for who took the proxy for a server."""
    error = json.loads(NO_SUCH_PAGE)["error"]
    assert error["code"] == "provider_proxy_no_such_page"
    assert "HTTPS_PROXY" in error["message"]
