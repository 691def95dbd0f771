"""Requests to the address of the proxy itself."""

from __future__ import annotations

import json

import pytest

from addon.exchange.direct import Target, page_for, parse_door


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
        ("/https/h//double", ("https", "h", 443, "//double")),
        ("/https/h/a%2Fb?q=%20", ("https", "h", 443, "/a%2Fb?q=%20")),
        ("/https/h/a\nb", ("https", "h", 443, "/a\nb")),
        ("/https/h/\udcff", ("https", "h", 443, "/\udcff")),
    ],
)
def test_the_path_names_the_provider(path: str, target: tuple[str, str, int, str]) -> None:
    """Scheme, host, port and the rest come from the path; the rest is kept exactly."""
    assert parse_door(path) == Target(*target)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
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
    assert page_for("/-/healthz?x=1", dict) == (b"ok\n", {"content-type": "text/plain"})
    page = page_for("/-/stats", lambda: {"hits": 3})
    assert page is not None
    assert json.loads(page.body) == {"hits": 3}
    for target in ("/", "/-/", "/-/healthz/", "/https/api.openai.com/v1", "", "//-/stats"):
        assert page_for(target, dict) is None
