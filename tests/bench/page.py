"""How smooth the page is: `python -m tests.bench.page`. Needs chromium and Playwright's package.

A cache of 10,000 entries and a run of 5,000 requests, in headless Chromium on this machine: when the page first
paints, when its data are there, and how long a filter takes from the key press to the next frame.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import requests

from cache_store.disk.disk_store import DiskStore
from tests.e2e.browser import chromium, page_url
from tests.e2e.conftest import Proxy, clean_environ, end, launch

ENTRIES, REQUESTS, ROUNDS = 10_000, 5_000, 5
DOOR = "/https/api.openai.com/v1/chat/completions"

_TYPE = """async ([selector, text]) => {
  const input = document.querySelector(selector);
  const began = performance.now();
  const drawn = new Promise((resolve) => new MutationObserver((_, seen) => { seen.disconnect(); requestAnimationFrame(() => resolve()); })
    .observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true }));
  input.value = text;
  input.dispatchEvent(new Event('input'));
  await drawn;
  return performance.now() - began;
}"""


def _body(number: int) -> dict[str, Any]:
    return {
        "model": f"m{number % 7}",
        "messages": [{"role": "user", "content": f"question {number} about topic {number % 97}"}],
    }


def _fill(folder: Path) -> None:
    """Entries as the proxy would have recorded them, so that requests hit."""
    from addon.identity import identify
    from addon.messages import WireRequest
    from addon.settings.settings import Settings
    from cache_store.entry import Entry

    settings = Settings.parse({})
    answer = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "answer " * 50}, "finish_reason": "stop"}
        ]
    }
    store = DiskStore(folder)
    batch = []
    for number in range(ENTRIES):
        body = json.dumps(_body(number)).encode()
        sent = {**requests.Session().headers, "content-type": "application/json"}
        headers = tuple((name.lower().encode(), str(value).encode()) for name, value in sent.items())
        request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body)
        identity = identify(request, settings.identity)
        batch.append(Entry(identity.key, 200, "OK", ((b"content-type", b"application/json"),), json.dumps(answer).encode(), time.time(), 1.0, "bench",
                           identity.label, "openai-chat", identity.request_json))  # fmt: skip
        if len(batch) == 500:
            store.put_newer(batch)
            batch = []
    store.close()


def _ask(proxy: Proxy) -> None:
    """The run's requests; every hundredth misses."""

    def some(first: int) -> None:
        with requests.Session() as client:
            client.trust_env = False
            for number in range(first, REQUESTS, 4):
                asked = _body(number + (ENTRIES if number % 100 == 0 else 0))
                client.post(
                    proxy.url + DOOR,
                    data=json.dumps(asked),
                    headers={"content-type": "application/json"},
                    timeout=60,
                )

    threads = [threading.Thread(target=some, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _measure(browser: Any, url: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    tab = context.new_page()
    found = {}
    tab.goto(url)
    tab.wait_for_selector(".row")
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
    found["first paint"] = tab.evaluate(paint)
    found["all data drawn"] = tab.evaluate("performance.now()")
    found["filter 5,000 requests"] = max(
        tab.evaluate(_TYPE, [".filters input", text]) for text in ("q", "miss", "m3", "zzz", "")
    )
    began = time.perf_counter()
    tab.evaluate("location.hash = '#/cache'")
    tab.wait_for_selector("h1:text-is('Cache') >> xpath=.. >> .row")
    found["cache opened"] = 1000 * (time.perf_counter() - began)
    found["filter 10,000 entries"] = max(
        tab.evaluate(_TYPE, [".filters input", text]) for text in ("topic 5", "question 99", "m", "")
    )
    context.close()
    return found


def main() -> None:
    """Print the median and the worst of each figure, in milliseconds."""
    folder = Path(tempfile.mkdtemp())
    try:
        _fill(folder / "cache")
        proxy = launch(
            folder,
            clean_environ(XDG_DATA_HOME=str(folder / "data")),
            None,
            "read-only-require-hit",
            cache_dir="cache",
        )
        try:
            _ask(proxy)
            with chromium() as browser:
                rounds = [_measure(browser, page_url(proxy)) for _ in range(ROUNDS)]
        finally:
            end(proxy)
    finally:
        shutil.rmtree(folder)
    for name in rounds[0]:
        values = [one[name] for one in rounds]
        print(f"{name:24}  {statistics.median(values):7.0f} ms  (worst {max(values):.0f})")


if __name__ == "__main__":
    main()
