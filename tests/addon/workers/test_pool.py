"""The other processes of a run: started, replaced, ended. The real ones are driven in tests/e2e/test_workers.py."""

from __future__ import annotations

import asyncio
import logging
import stat
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from addon.accounting.counts import RunCounts
from addon.exchange.coordinator import Coordinator
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential
from addon.workers import pool as pool_module
from addon.workers.pool import Pool

SECRET = Credential("bearer", b"made-up-secret-0123456789")

# What a process of the test is: a channel on standard input, written by hand. For a shell the first line starts Python,
# for Python it is a text: after `#!` no path may have a blank.
PROCESS = f"""\
#!/bin/sh
"exec" "{sys.executable}" "$0" "$@"
import json, os, socket, sys, time
end = socket.socket(fileno=os.dup(0)).makefile("rwb")
def say(*frame):
    data = json.dumps(frame).encode()
    end.write(len(data).to_bytes(4, "big") + data)
    end.flush()
def hear():
    size = end.read(4)
    return json.loads(end.read(int.from_bytes(size, "big"))) if size else sys.exit(0)
"""

GOOD = """\
start, seen = hear(), hear()
say(0, "listening", [])
while True:
    number, what, given = hear()
    news = {"hosts": {"h": ROW}, "used": {}, "unpriced": [], "missed": [], "second_tier": "", "spent": [],
            "tunnelled": {}, "tls_refused": {}, "tls_left": {}, "cache_faults": {}, "connections": 1, "over_budget": 0,
            "unexplained": 0}
    if what == "report":
        say(0, "counts", [news | {"connections": 7}])
        say(-number, "", None)
    if what == "stop":
        say(0, "counts", [news | {"tunnelled": {json.dumps([start[2], seen[2]]): 1}}])
        break
"""

type Made = Callable[..., Pool]


class _Run:
    """A pool whose processes are scripts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._program = folder / "process"
        monkeypatch.setattr(sys, "executable", str(self._program))
        monkeypatch.setattr(pool_module, "_PAUSE_SECONDS", 0.01)
        self.counts = RunCounts("run", "read-write")
        self.coordinator = Coordinator()
        self.taint = Taint()
        self.coordinator.join(0, lambda *_: None)

    def tell(self, script: str, story: Callable[[Pool], Awaitable[None]], others: int = 1) -> None:
        row = RunCounts("", "").host("h").as_dict() | {"requests": 3}
        text = PROCESS + textwrap.dedent(script).replace("ROW", repr(row))
        self._program.write_text(text, encoding="utf-8")
        self._program.chmod(stat.S_IRWXU)

        async def whole() -> None:
            async def figures(_: int) -> dict[str, Any]:
                return {}

            pool = Pool(
                others, lambda: {"raw": "x"}, {"figures": figures}, self.coordinator, self.taint, self.counts
            )
            async with asyncio.timeout(20):
                await story(pool)
                await pool.stop()

        asyncio.run(whole())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Run:
    """A pool's run."""
    return _Run(tmp_path, monkeypatch)


def test_they_are_told_what_they_need_and_counted_in_the_end(run: _Run) -> None:
    """Settings and known credentials come over the line, figures when they are asked for, the last with the end."""
    run.taint.add([SECRET])

    async def story(pool: Pool) -> None:
        pool.start()
        assert await pool.all_listen(10)
        assert len(pool.members()) == 3
        assert (await pool.counts()).connections == 14
        assert [member["requests"] for member in pool.members()] == [0, 3, 3]
        assert run.counts.connections == 0
        await pool.stop()
        assert run.counts.connections == 2
        assert run.counts.host("h").requests == 6
        assert len(pool.members()) == 1

    run.tell(GOOD, story, others=2)
    told = '[[{"raw": "x"}], [[["bearer", "bWFkZS11cC1zZWNyZXQtMDEyMzQ1Njc4OQ=="]]]]'
    assert run.counts.tunnelled == {told: 2}
    assert run.counts.workers_replaced == 0


def test_one_that_fails_again_and_again_is_given_up(run: _Run, caplog: pytest.LogCaptureFixture) -> None:
    """After five in a row one line says so, and the run goes on; the start does not wait for ever."""

    async def story(pool: Pool) -> None:
        pool.start()
        assert not await pool.all_listen(0.2)
        for _ in range(200):
            await asyncio.sleep(0.05)
            if "one worker less" in caplog.text:
                break

    with caplog.at_level(logging.WARNING):
        run.tell("sys.exit(7)", story)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5
    assert all("ended (status 7)" in line for line in lines)
    assert lines[0].endswith("another one takes its place")
    assert lines[-1].endswith("like 4 before it; the run continues with one worker less")
    assert run.counts.workers_replaced == 4


def test_one_that_cannot_be_started_is_said(
    run: _Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason, in one line each time."""
    monkeypatch.setattr(pool_module, "_TRIES", 2)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def story(pool: Pool) -> None:
        pool.start()
        await pool.all_listen(0.3)

    with caplog.at_level(logging.WARNING):
        run.tell("", story)
    assert [record.getMessage().partition(")")[0] for record in caplog.records] == [
        "a worker process cannot be started (No such file or directory"
    ] * 2


def test_one_that_does_not_listen_yet_is_killed(run: _Run) -> None:
    """A short run does not wait for it."""

    async def story(pool: Pool) -> None:
        pool.start()
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
        await pool.stop()
        assert asyncio.get_running_loop().time() - began < 2

    run.tell("time.sleep(60)", story)


def test_one_that_does_not_end_is_killed(
    run: _Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After its time; what it had sent counts."""
    monkeypatch.setattr(pool_module, "STOP_SECONDS", 0.3)
    deaf = GOOD.replace('if what == "stop":', 'if what == "stop":\n        time.sleep(60)')

    async def story(pool: Pool) -> None:
        pool.start()
        assert await pool.all_listen(10)
        await pool.counts()

    with caplog.at_level(logging.WARNING):
        run.tell(deaf, story)
    assert "does not end; it is killed" in caplog.text
    assert run.counts.connections == 7


def test_one_that_sends_nonsense_is_ended_and_replaced(run: _Run, caplog: pytest.LogCaptureFixture) -> None:
    """An unknown method or a malformed frame disconnects it."""

    async def story(pool: Pool) -> None:
        pool.start()
        for _ in range(100):
            await asyncio.sleep(0.05)
            if "takes its place" in caplog.text:
                break

    with caplog.at_level(logging.WARNING):
        run.tell('say(1, "_take", [])\nhear(), hear(), hear(), hear()', story)
    assert "takes its place" in caplog.text
    assert "sent a message that cannot be understood" in caplog.text


def test_a_connection_of_a_dead_one_is_not_denied(run: _Run) -> None:
    """A request was let forward by a process that died before it counted its connection: there was one."""

    async def story(pool: Pool) -> None:
        run.counts.workers_replaced = 1
        run.coordinator.handle(0, "take", [])
        await pool.stop()
        assert run.counts.connections == 1

    run.tell("", story)
