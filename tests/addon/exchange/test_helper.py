"""The process for work on big bodies."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.exchange import helper as helper_module
from addon.exchange.helper import Helper, HelperLost
from cache_store.answers.content_coding import BadCoding, decode

ROOT = Path(__file__).parents[3]


@pytest.fixture
def helper() -> Iterator[Helper]:
    """A helper that ends with the test."""
    made = Helper()
    yield made
    made.close()


def test_a_function_is_called_in_another_process(helper: Helper) -> None:
    """The same one for each call."""
    pid = helper.call(os.getpid)
    assert pid != os.getpid()
    assert helper.call(os.getpid) == pid
    assert helper.call(decode, b"x" * 2**24, "", 2**24) == b"x" * 2**24


def test_an_exception_is_raised_here(helper: Helper) -> None:
    """The helper goes on."""
    with pytest.raises(BadCoding, match="unknown"):
        helper.call(decode, b"x", "unheard-of", 10)
    assert helper.call(len, b"abc") == 3


def test_messages_are_logged_here(helper: Helper, caplog: pytest.LogCaptureFixture) -> None:
    """Under the logger that they were written to, once."""
    with caplog.at_level(logging.WARNING):
        helper.call(logging.warning, "a message with %s", "arguments")
        helper.call(len, b"")
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("root", "a message with arguments")
    ]


def test_a_helper_that_dies_is_replaced(helper: Helper) -> None:
    """The call is lost, and the next one is answered."""
    with pytest.raises(HelperLost, match="ended early"):
        helper.call(os._exit, 1)
    assert helper.call(len, b"abc") == 3


def test_a_call_that_takes_too_long_is_given_up(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is waiting; the process is ended, and the next call has a new one."""
    helper.call(len, b"")
    with monkeypatch.context() as impatient:
        impatient.setattr(helper_module, "_CALL_SECONDS", 0.05)
        with pytest.raises(HelperLost, match="took more than"):
            helper.call(time.sleep, 600)
    assert helper.call(len, b"abc") == 3


def test_an_idle_helper_that_ended_is_not_missed(helper: Helper) -> None:
    """It ends by itself; the next call starts another."""
    pid = helper.call(os.getpid)
    helper.call(_serve_no_longer)
    assert helper._process is not None
    helper._process.wait(60)
    assert helper.call(os.getpid) != pid


def _serve_no_longer() -> None:
    """In the helper: let its next wait for a call end at once."""
    helper_module._IDLE_SECONDS = 0.0


def test_where_no_process_can_be_started_the_work_fails(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reason, and not for ever."""
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(HelperLost, match="No such file"):
            helper.call(len, b"abc")
    assert helper.call(len, b"abc") == 3


def test_nothing_in_the_working_directory_or_on_pythonpath_is_imported(tmp_path: Path) -> None:
    """Files named like our packages, a dependency or the standard library are left alone."""
    for name in ("addon", "cache_store", "orjson", "json", "logging"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from addon.exchange.helper import Helper\n"
        "import os; os.chdir(sys.argv[1])\n"
        "helper = Helper(); print(helper.call(len, b'abc')); helper.close()"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr


def test_a_helper_ends_with_the_process_that_started_it() -> None:
    """A process that is killed leaves none behind, even one that is in the middle of a call."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import threading, time\n"
        "from addon.exchange.helper import Helper\n"
        "helper = Helper(); print(helper.call(__import__('os').getpid), flush=True)\n"
        "helper.call(time.sleep, 600)"
    )
    parent = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=60)
    until = time.monotonic() + 60
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
