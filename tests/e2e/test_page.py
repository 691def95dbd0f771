"""The page in a real browser, before a real proxy and over a cache alone."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.browser import chromium, opened, page_url
from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.crew import workers
from tests.e2e.upstream import Upstream

Start = Callable[..., Proxy]
TOKEN_HEADER = "x-provider-proxy-page"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests."""
    with chromium() as found:
        yield found


def test_a_stranger_finds_out_why_a_request_missed(
    browser: Any, start_proxy: Start, upstream: Upstream
) -> None:
    """From the page alone: where it differs from the nearest recording, and what to do."""
    proxy = start_proxy(upstream, "read-old-write-new")
    ask(proxy, "What is the weather in Paris on Monday?")
    proxy.stop()
    proxy = start_proxy(upstream, "read-only-require-hit")
    assert ask(proxy, "What is the weather in Paris on Tuesday?").status_code == 502
    with opened(browser, page_url(proxy)) as tab:
        assert "t=" not in tab.url
        card = tab.locator(".card")
        assert "/messages/0/content" in card.inner_text()
        card.get_by_role("link", name="Compare side by side").click()
        tab.wait_for_selector("mark.is-new")
        assert (tab.inner_text("mark.is-old"), tab.inner_text("mark.is-new")) == ("Monday", "Tuesday")
        assert "record" in tab.inner_text(".remedy")
        commands = tab.locator(".command code").all_inner_texts()
        assert any(command.startswith("PROVIDER_PROXY_CACHE_MODE=") for command in commands)
        assert len(tab.locator(".turn.differs").all()) == 2
        tab.go_back()
        tab.wait_for_selector(".card")


def test_requests_come_as_they_are_made(browser: Any, module_proxy: tuple[Proxy, Upstream]) -> None:
    """A stored answer, then a hit; the filter and the keyboard find an entry, which reads as a conversation."""
    proxy, upstream = module_proxy
    with opened(browser, page_url(proxy)) as tab:
        assert tab.locator("[role=listitem]").count() == 0
        assert cached(ask(proxy, "hello")) == "false"
        tab.wait_for_selector(".row .is-stored")
        assert cached(ask(proxy, "hello")) == "true"
        tab.wait_for_selector(".row .is-hit")
        tab.wait_for_selector(".tile b:text-is('50.0 %')")
        tab.get_by_role("button", name="hit", exact=True).click()
        assert tab.locator("[role=listitem]").count() == 1
        tab.get_by_role("searchbox").fill("no such")
        assert tab.locator("[role=listitem]").count() == 0
        tab.get_by_role("searchbox").fill("completions")
        tab.locator(".row a").focus()
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".turn.is-user")
        assert tab.locator(".turn.is-user .said").inner_text() == "hello"
        assert tab.locator(".turn.is-assistant .said").inner_text() == f"answer {upstream.count}"
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Save the answer's bytes").click()
        assert json.loads(Path(download.value.path()).read_bytes())["object"] == "chat.completion"
        tab.get_by_role("link", name="Cache").click()
        tab.wait_for_selector(".row .is-hit")
        assert "1 entry" in tab.inner_text("[role=status].quiet")


def test_data_need_the_token_and_a_name_of_this_machine(module_proxy: tuple[Proxy, Upstream]) -> None:
    """Whatever a web page may send; the page itself and the other pages need no token."""
    proxy, _ = module_proxy
    token = page_url(proxy).rpartition("=")[2]
    client = requests.Session()
    client.trust_env = False
    data = f"{proxy.url}/-/page/run"
    assert client.get(data, headers={TOKEN_HEADER: token}, timeout=60).status_code == 200
    assert client.get(data, timeout=60).status_code == 403
    assert client.get(f"{data}?t={token}", cookies={"t": token}, timeout=60).status_code == 403
    for headers in (
        {"host": "evil.example"}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"},
        {"origin": "null"}, {"origin": "http://localhost:3000"},
    ):  # fmt: skip
        for method in ("GET", "OPTIONS"):
            answer = client.request(method, data, headers={TOKEN_HEADER: token, **headers}, timeout=60)
            assert answer.status_code == 403
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    for path in ("/-/", "/-/page/page.mjs", "/-/page/run"):
        answer = client.get(proxy.url + path, timeout=60)
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert token not in answer.text
    assert client.get(f"{proxy.url}/-/healthz", timeout=60).text == "ok\n"


def test_the_password_is_asked_for(browser: Any, start_proxy: Start, upstream: Upstream) -> None:
    """With PROVIDER_PROXY_AUTH a browser sends it as to a web server, and the page works."""
    proxy = start_proxy(upstream, "read-write", auth="me:secret")
    client = requests.Session()
    client.trust_env = False
    answer = client.get(f"{proxy.url}/-/", timeout=60)
    assert (answer.status_code, answer.headers["www-authenticate"][:5]) == (401, "Basic")
    assert client.get(f"{proxy.url}/-/", auth=("me", "wrong"), timeout=60).status_code == 401
    assert client.get(f"{proxy.url}/-/stats", auth=("me", "secret"), timeout=60).status_code == 407
    context = browser.new_context(http_credentials={"username": "me", "password": "secret"})
    tab = context.new_page()
    tab.goto(page_url(proxy))
    tab.wait_for_selector(".tile")
    context.close()


def test_every_worker_answers_for_the_run(start_proxy: Start, upstream: Upstream) -> None:
    """With the same token, whichever process a connection reaches; requests of all of them are listed."""
    proxy = start_proxy(upstream, "read-write", workers="2")
    workers(proxy)
    token = page_url(proxy).rpartition("=")[2]
    seen: set[str] = set()

    def look() -> dict[str, Any]:
        client = requests.Session()
        client.trust_env = False
        with client:
            answer = client.get(f"{proxy.url}/-/page/run", headers={TOKEN_HEADER: token}, timeout=60)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        seen.update(str(row[1]).partition(".")[0] for row in found["rows"] if "." in str(row[1]))
        return found

    for number in range(60):
        ask(proxy, f"question {number}")
        found = look()
        if seen and found["run"]["figures"]["requests"] > 8:
            break
    else:
        pytest.fail("no request of another process is listed")
    assert found["run"]["workers"] == 0 or found["run"]["workers"] == 2


SCRIPT = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><svg onload='window.ran = 1'>"
BIDI = "abc\u202edef\u2066\u200b\x1b[31m\x00" + "\u0336" * 200
LONG = "x" * 10_000_000


def _png(width: int) -> str:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    rows = zlib.compress((b"\x00" + b"\x80" * width) * width)
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    ).decode()


def _hostile() -> list[Entry]:
    contents: list[Any] = [
        [{"role": SCRIPT, "content": SCRIPT}, {"role": "user", "content": BIDI}],
        [{"role": "user", "content": LONG}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}} for url in (
            "https://evil.example/a.png", "javascript:window.ran=1", f"data:image/png;base64,{_png(64)}",
            "data:image/svg+xml;base64," + base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran=1'/>").decode(),
            "data:text/html;base64," + base64.b64encode(SCRIPT.encode()).decode(), "data:image/png;base64,AAAA")]}],
        [1, None, {"role": 5, "content": {"type": []}}, []],
        {"not": ["a", "list"]},
        [{"role": "user", "content": f"turn {number}"} for number in range(3000)],
    ]  # fmt: skip
    entries = []
    for number, content in enumerate(contents):
        saved = {"path": SCRIPT, "headers": [[SCRIPT, SCRIPT], 5], "query": 5,
                 "body": {"kind": "json", "value": {"messages": content, "model": SCRIPT, "tools": [SCRIPT, {"name": SCRIPT}]}}}  # fmt: skip
        label = {"method": "POST", "host": SCRIPT, "path": BIDI, "model": "m" * 5000}
        headers = ((b"content-type", b"text/html"), (b"x", SCRIPT.encode()))
        entries.append(Entry(f"pp2-{number:064d}", 200, SCRIPT, headers, SCRIPT.encode() * 100, 1000.0 + number, 0.5, SCRIPT, label,
                             judged=SCRIPT, request_json=json.dumps(saved).encode()))  # fmt: skip
    return entries


@pytest.fixture
def browse(tmp_path: Path, environ: dict[str, str]) -> Iterator[Callable[[list[Entry]], str]]:
    """Starts `browse` over entries; gives its URL."""
    started: list[subprocess.Popen[str]] = []

    def start(entries: list[Entry]) -> str:
        store = DiskStore(tmp_path / "cache")
        for entry in entries:
            store.put(entry)
        store.close()
        process = subprocess.Popen(
            [*COMMAND, "browse", "--cache-dir", "cache"],
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_hostile_recordings_neither_run_nor_load_nor_break_the_page(
    browser: Any, browse: Callable[[list[Entry]], str]
) -> None:
    """Scripts, text of 10 MB, control characters, pictures of false types, wrong types everywhere: at every size and in
    both themes nothing runs, nothing is asked for elsewhere, and nothing is wider than the window."""
    entries = _hostile()
    url = browse(entries)
    for width, scheme in ((400, "dark"), (1600, "light")):
        with opened(browser, url, width, scheme) as tab:
            for view in ("#/cache", *(f"#/entry/{entry.key}" for entry in entries)):
                tab.evaluate(
                    "view => { delete document.documentElement.dataset.shown; location.hash = view; }", view
                )
                tab.wait_for_selector("html[data-shown]")
                assert tab.locator(".row" if view == "#/cache" else ".turn").count() > 0, view
                tab.wait_for_selector("figure:has-text('Loading')", state="detached")
                assert tab.evaluate("window.ran") is None
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, view
                assert tab.locator("main script, main svg, main iframe, main object").count() == 0
            tab.evaluate("key => { location.hash = `#/entry/${key}`; }", entries[2].key)
            tab.wait_for_selector("img")
            assert tab.locator("img").count() == 1
            assert "\u202e" not in tab.inner_text("body")


def test_browse_shows_the_last_run(browser: Any, browse: Callable[[list[Entry]], str]) -> None:
    """Or says that there is none, and how to make one."""
    with opened(browser, browse(_hostile()[3:4])) as tab:
        assert "provider-proxy run" in tab.inner_text(".notice")
