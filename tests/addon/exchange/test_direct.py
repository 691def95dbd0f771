"""Requests to the address of the proxy itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.exchange.direct import Target, admits, page_for, parse_door


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/https/api.openai.com/v1/models", ("https", "api.openai.com", 443, "/v1/models")),
        ("/https/api.openai.com", ("https", "api.openai.com", 443, "/")),
        ("/https/api.openai.com/", ("https", "api.openai.com", 443, "/")),
        ("/https/api.openai.com?x=1", ("https", "api.openai.com", 443, "/?x=1")),
        ("/https/API.OpenAI.com/V1", ("https", "api.openai.com", 443, "/V1")),
        ("/http/localhost:11434/api/chat?a=b&c", ("http", "localhost", 11434, "/api/chat?a=b&c")),
        ("/http/localhost/x", ("http", "localhost", 80, "/x")),
        ("/https/[::1]:8443/x", ("https", "::1", 8443, "/x")),
        ("/https/h/v1/https/other/x", ("https", "h", 443, "/v1/https/other/x")),
        ("/@gw0/https/h/x", ("https", "h", 443, "/x", "gw0")),
        ("/@A.b_c-9/http/h:1?x", ("http", "h", 1, "/?x", "A.b_c-9")),
        ("/https/h//double", ("https", "h", 443, "//double")),
        ("/https/h/a%2Fb?q=%20", ("https", "h", 443, "/a%2Fb?q=%20")),
        ("/https/h/a\nb", ("https", "h", 443, "/a\nb")),
        ("/https/h/\udcff", ("https", "h", 443, "/\udcff")),
    ],
)
def test_the_path_names_the_provider(path: str, target: Any) -> None:
    """Scheme, host, port and the rest come from the path; the rest is kept exactly."""
    assert parse_door(path) == Target(*target)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/@/https/h",
        "/@a b/https/h",
        "/@" + "a" * 65 + "/https/h",
        "/@gw0/-/stats",
        "/v1/models",
        "/-/healthz",
        "/https",
        "/https/",
        "/https//x",
        "https/h/x",
        "/ftp/h/x",
        "/HTTPS/h/x",
        "/https/user@h/x",
        "/https/user:pw@h/x",
        "/https/h:0/x",
        "/https/h:65536/x",
        "/https/h:port/x",
        "/https/h:/x",
        "/https/::1/x",
        "/https/[h]/x",
        "/https/h#f",
        "/https/h h/x",
        "//https/h/x",
    ],
)
def test_other_paths_name_none(path: str) -> None:
    """What is not exactly a door is none: nothing is guessed."""
    assert parse_door(path) is None


def test_a_long_path_takes_no_time() -> None:
    """A hostile path of a megabyte is looked at once."""
    assert parse_door("/https/" + "a" * 2**20 + "@") is None
    assert parse_door("/https/[" + ":" * 2**20) is None


def test_ready_and_figures() -> None:
    """Both pages, with a query too; nothing else is a page."""
    ready = page_for("/-/healthz?x=1", dict)
    assert ready is not None
    assert ready.body == b"ok\n"
    page = page_for("/-/stats", lambda: {"hits": 3})
    assert page is not None
    assert json.loads(page.body) == {"hits": 3}
    for target in ("/", "/-/", "/-/healthz/", "/https/api.openai.com/v1", "", "//-/stats"):
        assert page_for(target, dict) is None


def test_no_other_site_may_embed_a_page() -> None:
    """Both pages say so, and neither allows a cross-origin read."""
    for target in ("/-/healthz", "/-/stats"):
        page = page_for(target, dict)
        assert page is not None
        assert page.headers["cross-origin-resource-policy"] == "same-origin"
        assert not any(name.startswith("access-control") for name in page.headers)


NAMES = frozenset({"127.0.0.1", "gateway.internal"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8080", "127.0.0.1", "localhost:8080", "LOCALHOST", "localhost.", "[::1]:8080", "127.9.9.9",
        "[::ffff:127.0.0.1]:1", "gateway.internal:80", "Gateway.Internal.",
    ],
)  # fmt: skip
def test_a_client_that_uses_an_own_name_is_admitted(host: str) -> None:
    """Loopback names, the listen address and the names of the setting, on any port."""
    assert admits(host, None, None, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.5:8080",
        "xlocalhost", "", "localhost, evil.example", "user@localhost", "localhost/x", "evil.example#localhost",
        "0.0.0.0:8080", "2130706433", "127.1", "[evil]", "localhost:port", "localhost..", "localhost:8080:8080",
        "gateway.internal\n", "\u00fcber",
    ],
)  # fmt: skip
def test_a_foreign_host_is_refused(host: str) -> None:
    """A page whose name was made to resolve to this machine, and anything that is not exactly a host."""
    assert not admits(host, None, None, NAMES)
    assert not admits(host, f"http://{host}", "same-origin", NAMES)


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_a_proxy_that_listens_everywhere_has_every_address(everywhere: str) -> None:
    """But no name that is not its own."""
    assert admits("192.168.1.5:8080", None, None, {everywhere})
    assert admits("[fd00::1]", None, None, {everywhere})
    assert not admits("evil.example", None, None, {everywhere})


@pytest.mark.parametrize(
    ("origin", "site", "is_admitted"),
    [
        (None, None, True),
        (None, "none", True),
        (None, "same-origin", True),
        (None, "same-site", False),
        (None, "cross-site", False),
        (None, "", False),
        (None, "Same-Origin, none", False),
        ("http://localhost:8080", "same-origin", True),
        ("HTTP://LOCALHOST:8080", None, True),
        ("http://localhost:3000", "same-site", False),
        ("http://localhost", None, False),
        ("https://evil.example", "cross-site", False),
        ("https://evil.example", None, False),
        ("null", None, False),
        ("", None, False),
        ("https://app.example", "cross-site", True),
        ("https://app.example:444", "cross-site", False),
        ("https://app.example.evil.example", "cross-site", False),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str | None, site: str | None, is_admitted: bool) -> None:
    """A page may use the proxy from its own origin, or from an origin of the setting."""
    assert admits("localhost:8080", origin, site, NAMES, {"https://app.example"}) is is_admitted


@pytest.mark.parametrize(
    ("referer", "is_admitted"),
    [
        ("http://localhost:8080/-/stats", True),
        ("http://localhost:8080", True),
        ("https://app.example/page?x=1", True),
        ("http://localhost:3000/", False),
        ("https://evil.example/http://localhost:8080/", False),
        ("https://localhost:8080@evil.example/", False),
        ("about:blank", False),
        ("", True),
    ],
)
def test_a_browser_that_sends_only_a_referer_is_told_by_it(referer: str, is_admitted: bool) -> None:
    """Browsers before Fetch Metadata send no `origin` with a page's GET."""
    assert admits("localhost:8080", None, None, NAMES, {"https://app.example"}, referer) is is_admitted
