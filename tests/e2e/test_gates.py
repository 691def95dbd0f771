"""What fails a run although its command passed, by exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests

from tests.e2e.clients import ask
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.suites import contents, environment, last_run, suite
from tests.e2e.upstream import Exchange, Upstream, chat_answer

# Two questions that are in the cache, and one that is not.
MISS = '\n    if number == 1:\n        ask("never asked before")'
CAUGHT = '\n    import urllib.error\n    with pytest.raises(urllib.error.HTTPError):\n        ask("an error is expected")'


@pytest.fixture
def env(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A folder with a cache of two entries."""
    env = environment(environ, upstream)
    done = provider_proxy("run", "--", *suite(tmp_path, count=2), environ=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    return env


@pytest.mark.parametrize(
    ("gate", "more", "status", "said"),
    [
        (("--min-hit-rate", "1"), "", 0, ""),
        (("--min-hit-rate", "0.6"), MISS, 0, ""),
        (("--min-hit-rate", "0.7"), MISS, 3, "--min-hit-rate 0.7: 2 of 3 requests were hits"),
        (("--max-misses", "1"), MISS, 0, ""),
        (("--max-misses", "0"), MISS, 3, "--max-misses 0: there was 1 miss"),
        (("--max-live", "1"), MISS, 0, ""),
        (("--fail-on-unused",), "", 0, ""),
        (("--fail-on-tunnel",), "", 0, ""),
    ],
)
def test_gates(
    gate: tuple[str, ...], more: str, status: int, said: str, env: dict[str, str], tmp_path: Path
) -> None:
    """A gate that failed makes a passed command exit 3 and is named last, one about misses with its tests."""
    done = provider_proxy(
        "run", *gate, "--", *suite(tmp_path, more=more, count=2), environ=env, folder=tmp_path
    )
    assert done.returncode == status, done.stderr
    assert ("gate failed" in done.stderr) == bool(said)
    last, _, tests = done.stderr.splitlines()[-1].partition("; misses by ")
    assert not said or last == f"gate failed: {said}"
    assert not tests or tests == "1 test (test_suite.py::test_question[1] 1)"


def test_a_failed_command_keeps_its_status(env: dict[str, str], tmp_path: Path) -> None:
    """3 is for a command that passed."""
    failing = suite(tmp_path, more="\n    assert False", count=2)
    gate = ("run", "--max-misses", "0", "--min-hit-rate", "1")
    assert provider_proxy(*gate, "--", *failing, environ=env, folder=tmp_path).returncode == 1


def test_a_run_that_used_no_proxy_fails_its_hit_rate(env: dict[str, str], tmp_path: Path) -> None:
    """Nothing looked up is no hit rate of 1."""
    done = provider_proxy("run", "--min-hit-rate", "0.5", "--", "true", environ=env, folder=tmp_path)
    assert done.returncode == 3
    assert "no request was looked up" in done.stderr


def test_an_unused_entry(env: dict[str, str], tmp_path: Path) -> None:
    """An entry that its test no longer asked for fails the run; one of a test that did not run does not."""
    one = suite(tmp_path, count=1)
    done = provider_proxy("run", "--fail-on-unused", "--", *one, environ=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    one = suite(tmp_path, words=", asked anew", count=1)
    done = provider_proxy("run", "--fail-on-unused", "--", *one, environ=env, folder=tmp_path)
    assert done.returncode == 3
    assert "--fail-on-unused: 1 entry" in done.stderr


def test_a_tunnelled_host(
    env: dict[str, str], start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """A host that was tunnelled unseen fails the run unless it is allowed."""
    other = start_upstream()
    code = (
        "import os, urllib.request as u;"
        f"u.urlopen('https://127.0.0.1:{other.port}/models', timeout=120).read()"
    )
    command = ["env", "-u", "NO_PROXY", "-u", "no_proxy", "python3", "-c", code]
    done = provider_proxy("run", "--fail-on-tunnel", "--", *command, environ=env, folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "--fail-on-tunnel: 1 host (127.0.0.1) was tunnelled" in done.stderr
    allowed = ("run", "--fail-on-tunnel", "--allow-tunnel", "packages.example,127.*")
    assert provider_proxy(*allowed, "--", *command, environ=env, folder=tmp_path).returncode == 0


def test_a_miss_in_require_hit_fails_a_green_suite(env: dict[str, str], tmp_path: Path) -> None:
    """A test that expects an error passes on our own answer: the run fails all the same, unless told otherwise."""
    env |= {"PROVIDER_PROXY_CACHE_MODE": "read-only-require-hit", "PROVIDER_PROXY_STRICT": "false"}
    green = suite(tmp_path, more=CAUGHT, count=2)
    done = provider_proxy("run", "--", *green, environ=env, folder=tmp_path)
    assert "2 passed" in done.stdout
    assert done.returncode == 3
    assert "2 misses in read-only-require-hit" in done.stderr  # both tests ask the same, and both have missed
    assert provider_proxy("run", "--allow-misses", "--", *green, environ=env, folder=tmp_path).returncode == 0


def test_max_live_acts_while_running(env: dict[str, str], upstream: Upstream, tmp_path: Path) -> None:
    """Past the budget requests are answered as in require-hit: hits are served, misses are not sent."""
    seen = upstream.count
    more = (
        '\n    import urllib.error\n    asked = 0\n    for n in range(4):\n        try:\n            ask(f"new {n}")\n'
        "            asked += 1\n        except urllib.error.HTTPError as error:\n"
        '            assert "PROVIDER_PROXY_MAX_LIVE=2 is spent" in error.read().decode()\n    assert asked == 2'
    )
    one = suite(tmp_path, more=more, count=1)
    done = provider_proxy("run", "--max-live", "2", "--", *one, environ=env, folder=tmp_path)
    assert "1 passed" in done.stdout, done.stdout
    assert done.returncode == 3
    assert "--max-live 2: 2 requests were forwarded, 2 more were refused" in done.stderr
    assert upstream.count == seen + 2
    report = last_run(tmp_path)
    assert report["over_budget"] == 2


def expensive(exchange: Exchange) -> None:
    """Every answer costs 2 dollars: gpt-4.1 takes 2 dollars for a million tokens in."""
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}
    exchange.json(chat_answer(f"answer {exchange.number}") | {"usage": usage})


def test_max_usd_acts_while_running(
    start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream]
) -> None:
    """Once the answers cost that much, nothing more is sent."""
    upstream = start_upstream(expensive)
    proxy = start_proxy(upstream, "read-write", max_usd="3")
    statuses = [ask(proxy, f"question {n}").status_code for n in range(4)]
    assert statuses == [200, 200, 502, 502]
    assert upstream.count == 2
    assert ask(proxy, "question 0").headers["x-provider-proxy-cache"] == "true"
    proxy.stop()
    spent = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())["spent"]
    assert spent["usd"] == pytest.approx(4.0)


REFUSED = {
    "websocket": "https://api.openai.com/v1/realtime -H 'connection: upgrade' -H 'upgrade: websocket' "
    "-H 'sec-websocket-version: 13' -H 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='",
    "ephemeral-secret": "https://api.openai.com/v1/realtime/client_secrets -d '{}'",
    "token-endpoint": "https://api.openai.com/oauth/token -d '{}'",
    "foreign host": "https://api.openai.com/v1/chat/completions -H 'host: other.test' -d '{}'",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_replaying_run_fails_if_a_request_was_refused(
    kind: str, env: dict[str, str], tmp_path: Path
) -> None:
    """As for a miss: the report names the kind, and a flag lets it pass."""
    script = f"curl -sS --http1.1 -o /dev/null {REFUSED[kind]}"
    env |= {"PROVIDER_PROXY_HOSTS": "api.openai.com", "PROVIDER_PROXY_WEBSOCKET": "pass"}
    run = ("run", "--mode", "read-only-require-hit")
    done = provider_proxy(*run, "--", "sh", "-c", script, environ=env, folder=tmp_path)
    assert (done.returncode, "--allow-refusals lets them pass" in done.stderr) == (3, True), done.stderr
    if kind != "foreign host":
        assert f"refused: {kind} 1" in done.stderr
    done = provider_proxy(*run, "--allow-refusals", "--", "sh", "-c", script, environ=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_replaying_run_without_requests(env: dict[str, str], tmp_path: Path) -> None:
    """It warns in its last line, on GitHub's page too, and fails if traffic is required."""
    run = ("run", "--mode", "read-only-require-hit")
    done = provider_proxy(*run, "--", "true", environ=env | {"GITHUB_ACTIONS": "true"}, folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-2].startswith("warning: no request reached the proxy")
    assert done.stderr.splitlines()[-1].startswith(
        "::warning title=provider-proxy::no request reached the proxy"
    )
    done = provider_proxy(*run, "--require-traffic", "--", "true", environ=env, folder=tmp_path)
    assert (done.returncode, "::warning" in done.stderr) == (3, False)
    assert "--require-traffic: no request reached the proxy" in done.stderr


def test_refused_telemetry_is_no_miss(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """What is never cacheable is counted as refused in require-hit."""
    proxy = start_proxy(upstream, "read-only-require-hit")
    with requests.Session() as client:
        client.trust_env = False
        answer = client.get(
            "https://api.openai.com/v1/realtime", headers={"upgrade": "websocket", "connection": "upgrade"},
            proxies={"https": proxy.url}, verify=proxy.bundle, timeout=120,
        )  # fmt: skip
    assert answer.status_code == 426
    proxy.stop()
    total = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())["total"]
    assert (total["refused"], total["misses"]) == (1, 0)


def exports_of(shell: str) -> dict[str, str]:
    """The variables that `ci` has printed."""
    lines = [
        line.removeprefix("export ").split("=", 1) for line in shell.splitlines() if line.startswith("export")
    ]
    return {name: value.strip("'") for name, value in lines}


def ask_with(exports: dict[str, str], upstream: Upstream) -> None:
    """One chat request of a later step."""
    with requests.Session() as client:
        client.trust_env = False
        client.post(
            f"https://localhost:{upstream.port}/v1/chat/completions",
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": "new"}]},
            proxies={"https": exports["HTTPS_PROXY"]},
            verify=exports["SSL_CERT_FILE"],
            timeout=120,
        )


@pytest.mark.parametrize(("gates", "status"), [((), 0), (("--max-misses", "0", "--allow-tunnel", "a,b"), 3)])
def test_ci_gives_its_gates_to_stop(
    gates: tuple[str, ...], status: int, env: dict[str, str], upstream: Upstream, tmp_path: Path
) -> None:
    """`stop` exits 3 and says which gate of `ci` failed; GitHub's summary has the report."""
    summary = tmp_path / "summary.md"
    env |= {"PROVIDER_PROXY_LISTEN": "127.0.0.1:0", "GITHUB_STEP_SUMMARY": str(summary)}
    started = provider_proxy("ci", *gates, environ=env, folder=tmp_path)
    assert started.returncode == 0, started.stderr
    ask_with(exports_of(started.stdout), upstream)
    stopped = provider_proxy("stop", environ=env, folder=tmp_path)
    assert stopped.returncode == status, stopped.stderr
    assert ("gate failed: --max-misses 0: there was 1 miss" in stopped.stdout) == bool(status)
    assert "## provider-proxy: 0.0 % hits, 1 request" in summary.read_text()


def test_ci_takes_the_options_of_run(env: dict[str, str], upstream: Upstream, tmp_path: Path) -> None:
    """Recordings are kept only of a job that passed; the receipt that one writes, the next is locked to."""
    env |= {"PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}

    def job(*options: str, status: str = "") -> tuple[dict[str, str], CompletedProcess[str]]:
        started = provider_proxy("ci", *options, environ=env, folder=tmp_path)
        assert started.returncode == 0, started.stderr
        exports = exports_of(started.stdout)
        ask_with(exports, upstream)
        return exports, provider_proxy("stop", environ=env | {"CI_JOB_STATUS": status}, folder=tmp_path)

    before, sent = contents(tmp_path), upstream.count
    _, stopped = job("--commit", "on-success", status="failed")
    assert stopped.returncode == 0
    assert "discarded: 1 stored answer (--commit on-success); they are kept if `stop --job-" in stopped.stdout
    assert contents(tmp_path) == before
    _, stopped = job("--commit", "on-success", "--receipt", "used.lock", status="success")
    assert "discarded" not in stopped.stdout
    (kept,) = contents(tmp_path).keys() - before
    assert [line.split()[0] for line in (tmp_path / "used.lock").read_text().splitlines()[2:]] == [kept]
    assert upstream.count == sent + 2
    (tmp_path / "empty.lock").write_text("# provider-proxy receipt 1\nupstream: none\n")
    replay = ("--mode", "read-only-require-hit", "--locked", "empty.lock", "--dummy-keys")
    exports, stopped = job(*replay)
    assert (exports["OPENAI_API_KEY"], stopped.returncode) == ("dummy", 3)
    assert "gate failed: --locked: 1 entry" in stopped.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--min-hit-rate", "1.5"), ("--min-hit-rate", "nan"), ("--min-hit-rate", "most"), ("--max-misses", "-1"),
        ("--max-misses", "few"), ("--max-live", "-3"), ("--max-live", "x"), ("--max-usd", "cheap"), ("--max-usd", "-1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "ci"])
def test_nonsense_is_one_line(
    command: str, arguments: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    """Exit 2 before anything starts."""
    rest = ("--", "true") if command == "run" else ()
    done = provider_proxy(command, *arguments, *rest, environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".provider-proxy").exists()
