"""`run --commit on-success`: what a run records counts only where it exits with 0."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.conftest import wait_for
from tests.e2e.suites import contents, environment, last_run, suite
from tests.e2e.upstream import Exchange, Upstream, chat_answer

STAGED = ("run", "--commit", "on-success")


def staging(folder: Path) -> list[str]:
    """What lies in the staging area."""
    root = folder / ".provider-proxy" / "cache.staging"
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def test_a_suite_of_thirty_tests(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """Recorded where it passes, all hits afterwards; a changed prompt fails the gate and leaves the cache alone."""
    env = environment(environ, upstream)
    recorded = provider_proxy(*STAGED, "--", *suite(tmp_path), environ=env, folder=tmp_path)
    assert recorded.returncode == 0, recorded.stderr
    assert "discarded" not in recorded.stderr
    before = contents(tmp_path)
    assert (len(before), upstream.count) == (30, 30)
    gate = (*STAGED, "--min-hit-rate", "1")
    replayed = provider_proxy(*gate, "--", *suite(tmp_path), environ=env, folder=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    assert upstream.count == 30
    changed = provider_proxy(*gate, "--", *suite(tmp_path, " now"), environ=env, folder=tmp_path)
    assert changed.returncode == 3
    assert "30 passed" in changed.stdout
    assert "gate failed: --min-hit-rate 1: 0 of 30 requests were hits" in changed.stderr
    assert "/messages/0/content" in changed.stderr
    assert contents(tmp_path) == before
    assert staging(tmp_path) == []


def test_a_failed_suite_leaves_nothing(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """The command's own status comes through, and what it recorded is dropped, which is said."""
    env = environment(environ, upstream)
    failing = suite(tmp_path, more="\n    assert number != 2", count=4)
    done = provider_proxy(*STAGED, "--", *failing, environ=env, folder=tmp_path)
    assert done.returncode == 1
    assert "\ndiscarded: 4 stored answers (--commit on-success)\n" in done.stderr
    assert upstream.count == 4
    assert contents(tmp_path) == {}
    assert provider_proxy("run", "--", *failing, environ=env, folder=tmp_path).returncode == 1
    assert len(contents(tmp_path)) == 4


def test_a_staged_run_reads_what_it_staged(
    upstream: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """An equal request later in the run is a hit."""
    env = environment(environ, upstream)
    twice = suite(tmp_path, more='\n    ask(f"the {number}th of many questions")', count=3)
    assert provider_proxy(*STAGED, "--", *twice, environ=env, folder=tmp_path).returncode == 0
    assert upstream.count == 3
    total = last_run(tmp_path)["total"]
    assert isinstance(total, dict)
    assert (total["hits"], total["stored"]) == (3, 3)


def test_removals_are_staged_too(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """read-old-write-new makes room for a retry in the staging area alone; the cache keeps its entry."""
    env = environment(environ, upstream)
    assert (
        provider_proxy("run", "--", *suite(tmp_path, count=2), environ=env, folder=tmp_path).returncode == 0
    )
    before = contents(tmp_path)
    env["PROVIDER_PROXY_CACHE_MODE"] = "write-only"
    failing = suite(tmp_path, more="\n    assert False", count=2)
    assert provider_proxy(*STAGED, "--", *failing, environ=env, folder=tmp_path).returncode == 1
    assert contents(tmp_path) == before
    assert (
        provider_proxy(*STAGED, "--", *suite(tmp_path, count=2), environ=env, folder=tmp_path).returncode == 0
    )
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert all(after[key] != before[key] for key in before)


def slow(exchange: Exchange) -> None:
    """An answer that takes a moment, so that kills find runs at work."""
    time.sleep(0.02)
    exchange.json(chat_answer(f"answer {exchange.number} {'x' * 2000}"))


def test_a_killed_run_leaves_the_cache_as_it_was(
    start_upstream: Callable[..., Upstream], environ: dict[str, str], tmp_path: Path
) -> None:
    """SIGKILL at random points: every entry is byte for byte what it was, and the next start cleans up."""
    upstream = start_upstream(slow)
    env = environment(environ, upstream)
    assert (
        provider_proxy("run", "--", *suite(tmp_path, count=5), environ=env, folder=tmp_path).returncode == 0
    )
    before = contents(tmp_path)
    env["PROVIDER_PROXY_CACHE_MODE"] = "write-only"
    command = [*COMMAND, *STAGED, "--", *suite(tmp_path, more="\n    assert False")]
    for _ in range(4):
        seen = upstream.count
        process = subprocess.Popen(
            command, env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        assert wait_for(lambda seen=seen: upstream.count > seen), "the run never got to its first request"
        time.sleep(random.uniform(0, 1))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=120)
        assert contents(tmp_path) == before
    assert provider_proxy("run", "--", "true", environ=env, folder=tmp_path).returncode == 0
    assert staging(tmp_path) == []
    assert contents(tmp_path) == before


def test_two_staged_runs_at_once(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """Each reads its own, neither cleans up after the other, and both are merged."""
    env = environment(environ, upstream)
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        command = [*COMMAND, *STAGED, "--cache-dir", str(tmp_path / ".provider-proxy/cache"),
                   "--", *suite(folder, f" of {name}", count=12)]  # fmt: skip
        runs.append(
            subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
    for process in runs:
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
    assert len(contents(tmp_path)) == 24
    assert staging(tmp_path) == []


@pytest.mark.parametrize("value", ["sometimes", ""])
def test_a_commit_that_is_none(value: str, environ: dict[str, str], tmp_path: Path) -> None:
    """One line that lists what there is, exit 2."""
    done = provider_proxy("run", "--commit", value, "--", "true", environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "on-success" in done.stderr
    assert done.stderr.count("\n") == 1
