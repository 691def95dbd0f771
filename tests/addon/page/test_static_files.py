"""The files of the page, and the headers of its answers."""

from __future__ import annotations

import re
from pathlib import Path

from addon.page.static_files import SAFE_HEADERS, as_json, as_octets, static_page

STATIC = Path(__file__).resolve().parents[3] / "addon" / "page" / "static"


def test_every_file_is_served() -> None:
    """And nothing else."""
    served = {"/-/" if file.name == "index.html" else f"/-/page/{file.name}" for file in STATIC.iterdir()}
    for path in served:
        page = static_page(path)
        assert page is not None
        assert page.headers.items() >= SAFE_HEADERS.items()
    assert static_page("/-/page/../pages.py") is static_page("/-/page/") is None


def test_nothing_is_loaded_from_elsewhere_and_no_html_is_made_of_text() -> None:
    """No address of another site, no inline script or style, and no way to parse HTML."""
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.findall(
            r"https?:|//[a-z0-9-]+\.", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
        ), file.name
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser", text
        ), file.name
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<style|style=|\son\w+=", page)
    assert "<script type=" in page


def test_answers_are_data() -> None:
    """JSON in ASCII, and bytes that are only ever saved."""
    assert as_json({"a": "\u202e<"}).body == b'{"a":"\\u202e<"}'
    page = as_octets(b"<html>", "a.body")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"] == 'attachment; filename="a.body"'
