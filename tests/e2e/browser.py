"""A real browser for the page: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Proxy

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--no-proxy-server",
]  # fmt: skip


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window. Skips the test where there is none."""
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(browser: Any, url: str, width: int = 1024, scheme: str = "light") -> Iterator[Any]:
    """A tab at `url`; at its end it must have met no error and asked nobody else for anything."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    troubles: list[str] = []
    origin = "/".join(url.split("/")[:3]) + "/"
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    tab.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    tab.on(
        "request",
        lambda request: request.url.startswith((origin, "blob:", "data:")) or troubles.append(request.url),
    )
    tab.goto(url)
    tab.wait_for_selector(
        "html[data-shown]"
    )  # a function would be evaluated, which the page's policy forbids
    yield tab
    context.close()
    assert troubles == []


def page_url(proxy: Proxy) -> str:
    """The URL of the page, as `serve` printed it."""
    return next(line.split()[-1] for line in proxy.exports if line.startswith("# See the run at "))
