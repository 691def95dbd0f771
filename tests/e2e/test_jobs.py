"""Jobs, recorded and replayed: an action, its polls, and the settings that store what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import session
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream

type Start = Callable[..., Proxy]
type StartUpstream = Callable[..., Upstream]

BATCHES = "https://api.openai.com/v1/batches"
STATES = ("validating", "in_progress", "completed")


def batches() -> Callable[[Exchange], None]:
    """A provider whose only batch is completed at the third poll."""
    polls = iter(STATES)

    def script(exchange: Exchange) -> None:
        if exchange.path.endswith("/accept"):
            exchange.answer(b"")
        elif exchange.command == "GET":
            exchange.json({"id": "batch_1", "object": "batch", "status": next(polls, "completed")})
        else:
            state = "cancelling" if exchange.path.endswith("/cancel") else "validating"
            exchange.json({"id": "batch_1", "object": "batch", "status": state, "errors": None})

    return script


def test_a_job_is_created_polled_and_cancelled_from_the_cache(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Actions replay as they were; the first poll of a replay gets the final state."""

    def run(proxy: Proxy) -> tuple[list[str], int]:
        with session(proxy) as client:
            made = client.post(BATCHES, json={"input_file_id": "f"}, timeout=120).json()
            polls = []
            while (polls or [made["status"]])[-1] != "completed":
                answer = client.get(f"{BATCHES}/{made['id']}", timeout=120)
                answer.raise_for_status()
                polls.append(answer.json()["status"])
            cancelled = client.post(f"{BATCHES}/{made['id']}/cancel", timeout=120).json()
            accepted = client.post("https://api.openai.com/v1/realtime/calls/c/accept", json={}, timeout=120)
        return [made["status"], *polls, cancelled["status"]], accepted.status_code

    recording = start_proxy(start_upstream(batches()), "read-write")
    assert run(recording) == (["validating", *STATES, "cancelling"], 200)
    recording.stop()
    replay = start_proxy(None, "read-only-require-hit")
    assert run(replay) == (["validating", "completed", "cancelling"], 200)


@pytest.mark.parametrize("setting", ["false", "true"])
def test_a_pending_state_is_stored_by_a_setting_and_the_miss_names_it(
    setting: str, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Without STORE_PENDING a replay is told why the poll has no answer."""
    proxy = start_proxy(start_upstream(batches()), "read-write", store_pending=setting)
    with session(proxy) as client:
        client.get(f"{BATCHES}/batch_1", timeout=120)
    proxy.stop()
    with session(start_proxy(None, "read-only-require-hit")) as client:
        answer = client.get(f"{BATCHES}/batch_1", timeout=120)
    if setting == "true":
        assert answer.json()["status"] == "validating"
    else:
        message = answer.json()["error"]["message"]
        assert "not kept: not-finished; " in message
        assert "PROVIDER_PROXY_STORE_PENDING=true" in message


def test_in_band_errors_are_stored_by_a_setting(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """A suite that asserts a failed job replays with STORE_ERRORS=in-band."""
    failed = {"id": "batch_1", "object": "batch", "status": "failed", "errors": {"data": [{"code": "x"}]}}
    upstream = start_upstream(lambda exchange: exchange.json(failed))
    proxy = start_proxy(upstream, "read-write", store_errors="in-band")
    with session(proxy) as client:
        client.get(f"{BATCHES}/batch_1", timeout=120)
    proxy.stop()
    with session(start_proxy(None, "read-only-require-hit")) as client:
        assert client.get(f"{BATCHES}/batch_1", timeout=120).json() == failed


def test_equal_actions_of_a_run_all_reach_the_provider(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """Two creations make two jobs, though the first one's answer is in the cache."""
    upstream = start_upstream(batches())
    with session(start_proxy(upstream, "read-write")) as client:
        for _ in range(2):
            client.post(BATCHES, json={"input_file_id": "f"}, timeout=120)
    assert upstream.count == 2


def test_a_job_that_the_provider_forgot_is_recorded_anew(
    start_proxy: Start, start_upstream: StartUpstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """An edited test is red once, with the reason in log and report, and green in the next run; `restore` undoes it."""
    known: list[str] = []

    def script(exchange: Exchange) -> None:
        if exchange.command == "POST":
            known.append(f"batch_{len(known) + 100}")
            exchange.json({"id": known[-1], "object": "batch", "status": "validating", "errors": None})
        elif (asked := exchange.path.split("?")[0].rpartition("/")[2]) == known[-1]:
            exchange.json({"id": asked, "object": "batch", "status": "completed"})
        else:
            exchange.json({"error": {"message": f"No batch found with id '{asked}'."}}, status=404)

    def run(mode: str, poll: str = "", **settings: str) -> tuple[str, int, dict[str, Any]]:
        proxy = start_proxy(upstream, mode, **settings)
        headers = {"authorization": "Bearer sk-test-0123456789abcdefghij"}
        with session(proxy) as client:
            answer = client.post(BATCHES, json={"input_file_id": "f"}, headers=headers, timeout=120)
        if answer.ok:
            with session(proxy) as client:
                url = f"{BATCHES}/{answer.json()['id']}{poll}"
                answer = client.get(url, headers=headers, timeout=120)
        return proxy.stop(), answer.status_code, answer.json()

    upstream = start_upstream(script)
    assert run("read-old-write-new")[1] == 200
    known.append("the provider forgot batch_100")
    said, status, _ = run("read-old-write-new", "?edited=1", workers="2")
    assert status == 404
    assert "`batch_100` comes from entry pp2-" in said
    assert "the provider no longer knows it" in said
    listed = provider_proxy("restore", "--list", environ=environ, folder=tmp_path)
    assert listed.stdout.count("the provider no longer knows batch_100") == 2
    assert run("read-old-write-new", "?edited=1")[1] == 200
    done = provider_proxy("restore", environ=environ, folder=tmp_path)
    assert done.stderr.startswith("restored 1 recording, 1 with a newer recording stayed set aside")
    done = provider_proxy("restore", "--replace", "--json", environ=environ, folder=tmp_path)
    assert len(json.loads(done.stdout)["restored"]) == 1
    assert run("read-only-require-hit")[2] == {"id": "batch_100", "object": "batch", "status": "completed"}
