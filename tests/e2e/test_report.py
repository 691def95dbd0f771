"""The run report: its numbers against a provider that counts for itself, its forms, and its page in a browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.report.html_page import render_html
from addon.report.publishing import write_last_run
from tests.e2e.clients import ask, session
from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.upstream import Exchange, Upstream, chat_answer

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">`|\n# x @me"


def report_of(proxy: Proxy) -> dict[str, Any]:
    """The last run's report."""
    found: dict[str, Any] = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())
    return found


def script(exchange: Exchange) -> None:
    """Whole answers, one that is not whole, one of an unknown model, and one error, as the question asks."""
    if b"broken" in exchange.body:
        exchange.answer('{"id": "chatcmpl-1", "object"', content_type="application/json")
    elif b"unknown" in exchange.body:
        exchange.json(chat_answer("fine", "house-model-1"))
    elif b"error" in exchange.body:
        exchange.json({"error": {"message": "overloaded"}}, 500)
    else:
        usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
        exchange.json(chat_answer("fine") | {"usage": usage})


def test_the_numbers_are_the_providers_own(
    start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream]
) -> None:
    """Requests, hits, misses, what was not stored and why, bytes, tokens and money: as the provider counts them."""
    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    questions = ["one", "two", "three", "one", "two", "one", "broken", "error"]
    answers = [ask(proxy, text) for text in questions]
    with session(proxy) as client:
        unknown = {"model": "house-model-1", "messages": [{"role": "user", "content": "unknown"}]}
        answers.append(client.post("https://api.openai.com/v1/chat/completions", json=unknown, timeout=120))
    printed = proxy.stop()
    report = report_of(proxy)
    total = report["total"]
    assert total["live"] == upstream.count == 6
    assert (total["requests"], total["hits"], total["misses"], total["stored"]) == (9, 3, 6, 4)
    assert sum(total["not_stored"].values()) == 2
    assert total["not_stored"]["status 500"] == 1
    hits = [a for a in answers if a.headers["x-provider-proxy-cache"] == "true"]
    assert total["hit_bytes"] == sum(len(a.content) for a in hits)
    assert total["live_bytes"] == sum(len(a.content) for a in answers) - total["hit_bytes"]
    assert total["live_seconds"] > 0
    spent, saved = report["spent"], report["saved"]
    # gpt-4.1: 2 dollars for a million tokens in, 8 for a million out.
    assert spent["usd"] == pytest.approx(3 * (1000 * 2 + 500 * 8) / 1e6)
    assert saved["usd"] == pytest.approx(3 * (1000 * 2 + 500 * 8) / 1e6)
    assert (saved["input_tokens"], saved["output_tokens"], saved["unknown"]) == (3000, 1500, 0)
    by_model = {row["model"]: row for row in spent["models"]}
    assert by_model["house-model-1"]["usd"] is None
    assert by_model["house-model-1"]["unknown"] == 1
    assert "house-model-1 price unknown" in printed
    assert report["connections"] >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_report(number: int, start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """Ended by Ctrl-C, SIGTERM or its terminal's end, the proxy still writes what it did."""
    proxy = start_proxy(upstream)
    ask(proxy)
    proxy.stop(number)
    assert report_of(proxy)["total"]["requests"] == 1


def test_a_run_that_is_terminated_leaves_a_report(environ: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM ends the command, and `run` still writes its report."""
    process = subprocess.Popen(
        [*COMMAND, "run", "--", "sh", "-c", "touch ready; exec sleep 30"],
        env=environ, cwd=tmp_path, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert wait_for((tmp_path / "ready").exists, 20)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert (tmp_path / ".provider-proxy" / "last-run.json").exists()


def test_the_forms(start_proxy: Callable[..., Proxy], upstream: Upstream, environ: dict[str, str]) -> None:
    """Table, JSON, Markdown and HTML say the same figures; a file is written where one is named."""
    proxy = start_proxy(upstream, "read-write")
    for text in ("one", "one", "two"):
        ask(proxy, text)
    printed = proxy.stop()

    def report(*arguments: str) -> subprocess.CompletedProcess[str]:
        return provider_proxy("report", *arguments, environ=environ, folder=proxy.folder)

    assert report().stdout == printed
    assert (
        json.loads(report("--json").stdout)
        == json.loads(report("--format", "json").stdout)
        == report_of(proxy)
    )
    assert (
        "| api.openai.com | 3 | 1 | 2 | 2 |".replace("api.openai.com", r"api.openai.com")
        in report("--format", "markdown").stdout
    )
    assert report("--format", "html", "-o", "report.html").stdout == ""
    assert "33.3 %" in (proxy.folder / "report.html").read_text()
    failed = report("--format", "html", "-o", "no/such/folder.html")
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{", b'{"hosts": []}', b'{"total": {"hits": "many"}}', b"[" * 9999]
)
def test_no_last_run(content: bytes | None, environ: dict[str, str], tmp_path: Path) -> None:
    """A missing, broken or foreign file is one line and exit 2."""
    (tmp_path / ".provider-proxy").mkdir()
    if content is not None:
        (tmp_path / ".provider-proxy" / "last-run.json").write_bytes(content)
    done = provider_proxy("report", environ=environ, folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_what_cannot_be_written_changes_no_status(environ: dict[str, str], tmp_path: Path) -> None:
    """Neither the report nor GitHub's summary is the reason that a run fails."""
    (tmp_path / ".provider-proxy" / "last-run.json").mkdir(parents=True)
    env = environ | {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "summary.md")}
    done = provider_proxy("run", "--", "true", environ=env, folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("cannot be written") == 2


def test_githubs_summary(environ: dict[str, str], tmp_path: Path) -> None:
    """Under GitHub Actions the report is appended to the job summary."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = environ | {"GITHUB_STEP_SUMMARY": str(summary)}
    assert provider_proxy("run", "--", "true", environ=env, folder=tmp_path).returncode == 0
    assert summary.read_text().startswith("before\n## provider-proxy: nothing looked up, 0 requests\n")


def hostile_run() -> RunCounts:
    """A run in which every text that a client can choose is hostile."""
    counts = RunCounts("r", "read-write")
    row = counts.host(HOSTILE)
    row.requests, row.hits, row.misses = 3, 2, 1
    row.not_stored[HOSTILE] += 1
    for counted in (counts.tunnelled, counts.tls_refused, counts.cache_faults):
        counted[HOSTILE] += 1
    difference = {"place": HOSTILE, "kind": HOSTILE, "old": HOSTILE, "new": HOSTILE, "same": 3}
    why = {"key": HOSTILE, "place": HOSTILE, "nearest": HOSTILE, "recorded_at": 1.0, "shared_messages": 1,
           "differences": [difference], "more": False, "note": HOSTILE, "remedy": HOSTILE, "question": HOSTILE}  # fmt: skip
    counts.miss("k", why, HOSTILE)
    counts.spent.add("h", HOSTILE, None)
    counts.failed_gates = [HOSTILE]
    return counts


def browser(page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Debian's chromium, headless, without a network, on a profile of its own."""
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--proxy-server=127.0.0.1:9", f"--user-data-dir={page.parent / 'profile'}", *arguments, page.as_uri()],
        capture_output=True, text=True, timeout=90, check=True,
        env=os.environ | {"HOME": str(page.parent)},
    )  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """A real browser shows the bars and the misses; nothing hostile in a request runs or becomes an element."""
    page = tmp_path / "report.html"
    page.write_text(render_html(hostile_run().as_dict()), encoding="utf-8")
    shown = browser(page, "--virtual-time-budget=2000", "--dump-dom").stdout
    assert "<title>provider-proxy: 66.7 % hits</title>" in shown
    assert "<script" not in shown
    assert "<img" not in shown
    assert shown.count("&lt;script&gt;") >= 12
    assert '<i class="hit" style="width:66.667%"' in shown
    assert "<details" in shown
    picture = tmp_path / "report.png"
    browser(page, "--window-size=1000,1400", f"--screenshot={picture}")
    assert picture.stat().st_size > 20_000


def test_hostile_texts_are_no_markdown(tmp_path: Path, environ: dict[str, str]) -> None:
    """No text from a request is a heading, a table cell, an element or a mention in GitHub's summary."""
    write_last_run(tmp_path / ".provider-proxy", hostile_run())
    text = provider_proxy("report", "--format", "markdown", environ=environ, folder=tmp_path).stdout
    assert "<script>" not in text
    assert "<img" not in text
    assert " @me" not in text
    assert "\n# x" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert {line.replace(r"\|", "").count("|") for line in rows} == {12}
