"""A run of several processes is one run: one cache, one report, one budget, one flight for a key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND, MAPPED_COMMAND
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.crew import Reach, figures, is_alive, workers
from tests.e2e.test_concurrency import slow
from tests.e2e.upstream import Exchange, Upstream, chat_answer

Start = Callable[..., Proxy]
StartUpstream = Callable[..., Upstream]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")


@pytest.fixture
def reach() -> Iterator[Reach]:
    """Connections to certain processes, ended after the test."""
    made = Reach()
    yield made
    made.close()


def report_of(proxy: Proxy) -> dict[str, object]:
    """The report that the run left."""
    found: dict[str, object] = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())
    return found


def test_they_are_one_run(reach: Reach, start_proxy: Start, upstream: Upstream) -> None:
    """Both processes answer; what one recorded the other replays, with the same bytes and headers; figures and
    report are those of the whole run, whichever answers; and nothing is left running."""
    proxy = start_proxy(upstream, "read-write", workers="2")
    one, other = reach.many(proxy, 2)
    pids = workers(proxy)
    assert one.ask("a")[:2] == (200, "false")
    recorded = other.ask("b")
    assert recorded[:2] == (200, "false")
    assert one.ask("b") == (200, "true", recorded[2])
    assert other.ask("a")[:2] == (200, "true")
    assert other.ask("a")[:2] == (200, "true")
    assert upstream.count == 2
    for _ in range(6):  # whoever takes the connection
        found = figures(proxy)
        assert (found["total"]["hits"], found["total"]["stored"], found["used_entries"]) == (3, 2, 2)
        assert sorted(worker["requests"] for worker in found["workers"]) == [2, 3]
    printed = proxy.stop()
    assert "5 requests" in printed
    report = report_of(proxy)
    total = report["total"]
    assert isinstance(total, dict)
    assert (total["requests"], total["hits"], total["misses"], total["stored"]) == (5, 3, 2, 2)
    assert report["used_entries"] == 2
    assert report["connections"] == 2
    assert report["saved"]["answers"] == 3  # type: ignore[index]
    assert report["spent"]["answers"] == 2  # type: ignore[index]
    used = json.loads((proxy.folder / ".provider-proxy" / "cache" / "last-used.json").read_text())
    assert len(used) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_one_of_many_goes_live(reach: Reach, start_proxy: Start, start_upstream: StartUpstream) -> None:
    """In read-write, of 16 identical requests at the same time over two processes one goes live."""
    upstream = start_upstream(slow)
    proxy = start_proxy(upstream, "read-write", workers="2")
    connections = reach.many(proxy, 16)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda client: client.ask(), connections))
    assert upstream.count == 1
    assert sorted(hit for _, hit, _ in answers) == ["false"] + ["true"] * 15
    assert len({body for _, _, body in answers}) == 1


def test_a_retry_goes_live_whichever_process_gets_it(
    reach: Reach, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """An answer that this run recorded is not served by the other process either; the retry replaces it."""
    upstream = start_upstream(slow)
    proxy = start_proxy(upstream, workers="2")
    answers = [client.ask() for client in reach.many(proxy, 4)]
    assert upstream.count == 4
    assert len({body for _, _, body in answers}) == 4


def test_answers_that_are_not_kept_release_all(
    reach: Reach, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """When the first answer is a 429, waiters at both processes go by themselves, at once."""

    def busy(exchange: Exchange) -> None:
        time.sleep(3)
        exchange.json({"error": {"message": "slow down"}}, 429)

    upstream = start_upstream(busy)
    proxy = start_proxy(upstream, workers="2")
    connections = reach.many(proxy, 6)
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda client: client.ask(), connections))
    assert {status for status, _, _ in answers} == {429}
    assert upstream.count == 6
    assert time.monotonic() - began < 15  # in turn they would wait 18


def test_a_sequence_is_counted_over_all(reach: Reach, start_proxy: Start, upstream: Upstream) -> None:
    """The n-th equal request has the n-th answer, whichever process it reaches, and when replayed, too."""
    proxy = start_proxy(upstream, "read-write", workers="2", repeat="sequence")
    one, other = reach.many(proxy, 2)
    recorded = [client.ask()[2] for client in (one, other, other, one)]
    assert len(set(recorded)) == 4
    proxy.stop()
    proxy = start_proxy(upstream, "read-only-require-hit", workers="2", repeat="sequence")
    one, other = reach.many(proxy, 2)
    assert [client.ask() for client in (other, one, other, one)] == [(200, "true", body) for body in recorded]


def test_the_budget_is_exact(reach: Reach, start_proxy: Start, start_upstream: StartUpstream) -> None:
    """Of 12 requests at once over two processes 5 go live, the others are refused; later ones at both as well."""
    upstream = start_upstream(slow)
    proxy = start_proxy(upstream, "read-write", workers="2", max_live="5")
    connections = reach.many(proxy, 12)
    with ThreadPoolExecutor(12) as pool:
        numbered = list(enumerate(connections))
        statuses = [status for status, *_ in pool.map(lambda n: n[1].ask(f"question {n[0]}"), numbered)]
    assert upstream.count == 5
    assert sorted(statuses) == [200] * 5 + [502] * 7
    assert [connections[n].ask("later")[0] for n in (0, 1)] == [502, 502]
    proxy.stop()
    report = report_of(proxy)
    assert report["over_budget"] == 9
    assert report["total"]["live"] == 5  # type: ignore[index]


def test_a_worker_that_is_killed_is_replaced(
    reach: Reach, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Killed with a request of its own on the way: a waiter at the other process takes over, no other request hangs
    or fails, a new process takes its place, and the report says so."""
    arrived = threading.Event()

    def script(exchange: Exchange) -> None:
        if b"the one" in exchange.body:
            arrived.set()
            time.sleep(1.5)
        exchange.json(chat_answer(f"n {exchange.number}"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", workers="2")
    pids = workers(proxy)
    leader, victim = pids
    at_leader = [reach.one(proxy, leader, pids) for _ in range(2)]
    at_victim = reach.one(proxy, victim, pids)
    at_victim.ask("counted")
    time.sleep(1.3)  # the counts of a process that is killed are those of a second ago
    with ThreadPoolExecutor(3) as pool:

        def dying() -> str:
            try:
                at_victim.ask("the one")
            except OSError:
                return "cut"
            return "answered"

        dead = pool.submit(dying)
        assert arrived.wait(10)
        waiting = [pool.submit(client.ask, "the one") for client in at_leader]
        time.sleep(0.3)
        assert upstream.count == 2
        os.kill(victim, signal.SIGKILL)
        assert dead.result(10) == "cut"
        assert sorted(future.result(10)[:2] for future in waiting) == [(200, "false"), (200, "true")]
    assert upstream.count == 3
    assert wait_for(lambda: victim not in workers(proxy), 10)
    fresh = workers(proxy)[1]
    again = reach.one(proxy, fresh, [leader, fresh])
    assert again.ask("the one")[:2] == (200, "true")
    errors = proxy.stop()
    assert f"worker process {victim} ended (signal 9); another one takes its place" in errors
    assert "workers that died and were replaced: 1" in errors
    report = report_of(proxy)
    assert report["workers_replaced"] == 1
    assert report["total"]["stored"] == 2  # type: ignore[index]
    assert report["total"]["requests"] >= 4  # type: ignore[index]
    assert not any(is_alive(pid) for pid in (leader, victim, fresh))


def test_killed_under_load(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """While 8 clients ask, a process is killed: only requests on its connections fail, none hangs, and each answer
    is its question's."""
    upstream = start_upstream(lambda e: e.json(chat_answer(json.loads(e.body)["messages"][0]["content"])))
    proxy = start_proxy(upstream, "read-write", workers="2")
    victim = workers(proxy)[1]
    stop = threading.Event()
    wrong: list[str] = []

    def hammer(client: int) -> int:
        done = 0
        while not stop.is_set():
            try:
                question = f"client {client} question {done % 5}"
                answer = ask(proxy, question)
            except OSError:
                continue
            if answer.status_code != 200 or question not in answer.text:
                wrong.append(f"{answer.status_code} {answer.text[:200]}")
            done += 1
        return done

    with ThreadPoolExecutor(8) as pool:
        counts = [pool.submit(hammer, n) for n in range(8)]
        time.sleep(0.7)
        os.kill(victim, signal.SIGKILL)
        time.sleep(1.5)
        stop.set()
        assert min(count.result(30) for count in counts) > 0
    assert wrong == []
    assert victim not in workers(proxy)
    proxy.stop()


def test_a_secret_that_another_process_saw_is_not_stored(
    reach: Reach, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """An answer at one process that holds a credential of a request at the other one is not stored, either way; nor
    at a process that was started later."""
    secrets = ["made-up-secret-of-the-first", "made-up-secret-of-the-other", "made-up-secret-from-before"]

    def script(exchange: Exchange) -> None:
        said = next(
            (secret for n, secret in enumerate(secrets) if f"say {n}".encode() in exchange.body), "no"
        )
        exchange.json(chat_answer(said))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", workers="2")
    one, other = reach.many(proxy, 2)
    one.ask("x", authorization=f"Bearer {secrets[0]}")
    other.ask("y", authorization=f"Bearer {secrets[1]}")
    for client, n in ((other, 0), (one, 1)):
        for _ in range(2):
            assert client.ask(f"say {n}")[:2] == (200, "false")
    one.ask("z", authorization=f"Bearer {secrets[2]}")
    leader, victim = workers(proxy)
    os.kill(victim, signal.SIGKILL)
    assert wait_for(lambda: victim not in workers(proxy), 10)
    fresh = workers(proxy)
    late = reach.one(proxy, fresh[1], fresh)
    assert [late.ask("say 2")[1] for _ in range(2)] == ["false", "false"]
    report = proxy.stop()
    assert "not stored: secret \u00d76" in report
    stored = b"".join(
        file.read_bytes() for file in (proxy.folder / ".provider-proxy").rglob("*") if file.is_file()
    )
    assert not any(secret.encode() in stored for secret in secrets)
    assert leader != fresh[1]


def test_expected_errors_know_who_worked(
    reach: Reach, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A 401 for a credential that another process has seen work is not stored."""

    def script(exchange: Exchange) -> None:
        if b"refuse" in exchange.body:
            exchange.json({"error": {"message": "no"}}, 401)
        else:
            exchange.json(chat_answer("yes"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", workers="2", store_errors="401")
    one, other = reach.many(proxy, 2)
    key = "Bearer made-up-key-that-works"
    assert one.ask("fine", authorization=key)[:2] == (200, "false")
    for _ in range(2):
        assert other.ask("refuse", authorization=key)[:2] == (401, "false")
    assert one.ask("refuse", authorization="Bearer made-up-key-that-does-not")[:2] == (401, "false")
    assert other.ask("refuse", authorization="Bearer made-up-key-that-does-not")[:2] == (401, "true")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT to the group", "twice", "SIGKILL"])
def test_nothing_is_left_running(
    reach: Reach, how: str, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """However the leader ends, with a request on the way: the others end as well, without a traceback."""
    asked = threading.Event()

    def script(exchange: Exchange) -> None:
        asked.set()
        time.sleep(20)

    proxy = start_proxy(start_upstream(script), workers="3")
    pids = workers(proxy, 3)
    hanging = reach.one(proxy, pids[1], pids)

    def hang() -> None:
        with pytest.raises(OSError):  # noqa: PT011 - however it is cut
            hanging.ask()

    thread = threading.Thread(target=hang)
    thread.start()
    assert asked.wait(10)
    began = time.monotonic()
    if how == "SIGKILL":
        proxy.process.kill()
        errors = proxy.process.communicate(timeout=120)[1]
    else:
        if how == "twice":
            proxy.process.send_signal(signal.SIGTERM)
        errors = proxy.stop(signal.SIGINT if how.startswith("SIGINT") else signal.SIGTERM)
        assert proxy.process.returncode == 0
    assert "Traceback" not in errors
    assert wait_for(lambda: not any(is_alive(pid) for pid in pids))
    assert time.monotonic() - began < 60
    thread.join(10)


def test_a_busy_port_is_not_shared_with_a_stranger(start_proxy: Start, upstream: Upstream) -> None:
    """A second run with workers on the same port does not start."""
    proxy = start_proxy(upstream, workers="2")
    second = subprocess.run(
        [*COMMAND, "serve", "--workers", "2",
         "--listen", proxy.url.removeprefix("http://")],
        env=proxy.environ, cwd=proxy.folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "address already in use" in second.stderr
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.parametrize(("settings", "arguments", "why"), [
    ({"cache_dir": ":memory:"}, (), "a cache in memory is private to one process"),
    ({}, ("-w", "flows.mitm"), "mitmproxy's scripts and files (after --) work in one process only"),
])  # fmt: skip
def test_what_means_one_worker(
    settings: dict[str, str],
    arguments: tuple[str, ...],
    why: str,
    start_proxy: Start,
    upstream: Upstream,
) -> None:
    """A cache in memory and mitmproxy's own arguments: one process sees every flow, and one line says so."""
    proxy = start_proxy(upstream, "read-write", arguments, workers="2", **settings)
    assert [cached(ask(proxy)) for _ in range(3)] == ["false", "true", "true"]
    assert "workers" not in figures(proxy)
    errors = proxy.stop()
    assert f"PROVIDER_PROXY_WORKERS=2 is 1 here: {why}" in errors.splitlines()[0]
    if arguments:
        assert (proxy.folder / "flows.mitm").stat().st_size > 0


def test_a_short_command_does_not_wait(environ: dict[str, str], tmp_path: Path) -> None:
    """`run -- true` with 4 processes ends before they are there, and leaves none."""

    def run(count: str) -> float:
        began = time.monotonic()
        done = subprocess.run([*COMMAND, "run", "--workers", count, "--", "true"],
                              env=environ, cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
        assert "Traceback" not in done.stderr
        assert "warning" not in done.stderr
        return time.monotonic() - began

    run("1")
    assert run("4") < run("1") * 2 + 1


def _worker_processes(folder: Path) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and "addon.workers.worker" in (path / "cmdline").read_text():
                found += [int(path.name)] if (path / "cwd").readlink() == folder else []
        except OSError:
            pass
    return found


def test_staged_runs_receipts_and_gates(environ: dict[str, str], upstream: Upstream, tmp_path: Path) -> None:
    """`run` with two processes: a failed command leaves nothing, a good one everything, and its receipt names what
    both have used; nothing is left."""
    script = (
        "import os, requests\n"
        "for n in range(8):\n"
        "    r = requests.post('https://api.openai.com/v1/chat/completions', json={'model': 'm',"
        " 'messages': [{'role': 'user', 'content': str(n % 4)}]})\n"
        "    assert r.status_code == 200, r.text\n"
        "raise SystemExit(int(os.environ['STATUS']))\n"
    )
    env = environ | {"TEST_UPSTREAM_PORT": str(upstream.port), "PROVIDER_PROXY_WORKERS": "2"}
    base = [*MAPPED_COMMAND, "run", "--mode", "read-write", "--receipt", "used.json"]

    def run(status: int, *options: str) -> subprocess.CompletedProcess[str]:
        command = [*base, *options, "--", sys.executable, "-c", f"import time; time.sleep(1)\n{script}"]
        return subprocess.run(
            command,
            env=env | {"STATUS": str(status)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run(1, "--commit", "on-success").returncode == 1
    assert upstream.count == 4
    assert run(0, "--commit", "on-success").returncode == 0
    assert upstream.count == 8
    done = run(0, "--max-misses", "0", "--fail-on-unused")
    assert (done.returncode, upstream.count) == (0, 8), done.stderr
    assert (tmp_path / "used.json").read_text().count("pp2-") == 4
    assert not list((tmp_path / ".provider-proxy").glob("*.staging"))
    assert _worker_processes(tmp_path) == []
