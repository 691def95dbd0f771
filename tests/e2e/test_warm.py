"""A command that is started warm is the same as one that is started from nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e import warm
from tests.e2e.command import cold_provider_proxy, provider_proxy
from tests.e2e.conftest import wait_for
from tests.e2e.crew import is_alive

pytestmark = pytest.mark.skipif(not warm.POSSIBLE, reason="processes are forked on Linux only")

# Says what it was given, as `run`'s command does.
TELL = ("sh", "-c", 'pwd; env | grep ^TEST_ | sort; cat; echo "no" >&2; exit 7')


def pipes(process: warm.Process) -> set[str]:
    """The pipes and sockets that it has open."""
    found = (str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir())
    return {file for file in found if file.startswith(("pipe", "socket"))}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        (),
        ("ls", "--json"),
        ("verify",),
        ("show", "none"),
        ("serve", "--listen", "x"),
    ],
)
def test_output_and_status(arguments: tuple[str, ...], environ: dict[str, str], tmp_path: Path) -> None:
    """What it prints, on which channel, and its exit status."""
    told = [
        start(*arguments, environ=environ, folder=tmp_path) for start in (cold_provider_proxy, provider_proxy)
    ]
    cold, hot = ((done.returncode, done.stdout, done.stderr) for done in told)
    assert hot == cold


def test_environment_and_folder(environ: dict[str, str], tmp_path: Path) -> None:
    """Its own environment and folder, and nothing on stdin."""
    told = []
    for start in (cold_provider_proxy, provider_proxy):
        folder = tmp_path / start.__name__
        folder.mkdir()
        done = start("run", "--", *TELL, environ=environ | {"TEST_MARK": "given"}, folder=folder)
        assert (done.returncode, "no\n" in done.stderr) == (7, True)
        told.append(done.stdout.replace(str(folder), ""))
    assert told[0] == told[1]
    assert "TEST_MARK=given" in told[0]


def test_two_share_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    """One that is started while another runs holds none of the other's pipes: an end of output is an end."""
    command = ["run", "--", "sh", "-c", "echo ready; exec sleep 60"]
    one, other = (warm.Process(command, environ, tmp_path) for _ in range(2))
    try:
        assert [process.stdout.readline() for process in (one, other)] == ["ready\n"] * 2
        assert pipes(one) & pipes(other) == set()
        # Each may still hold the one that a child's start is waited for with.
        assert wait_for(lambda: len(pipes(one)) == len(pipes(other)))
    finally:
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            process.communicate(20)


def test_how_it_ends(environ: dict[str, str], tmp_path: Path) -> None:
    """It has a process id, answers to signals, and ends as Popen's would; waiting has a limit."""
    process = warm.Process(["serve", "--listen", "127.0.0.1:0"], environ, tmp_path)
    assert is_alive(process.pid)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(0.05)
    process.kill()
    assert process.wait(20) == process.poll() == -signal.SIGKILL
    assert not is_alive(process.pid)
    process.send_signal(signal.SIGTERM)  # nobody's
    process.communicate(20)


def test_the_tests_own_environment_is_not_given_on(environ: dict[str, str], tmp_path: Path) -> None:
    """A variable that is not in the given environment is not there, whatever the tests have."""
    assert "PYTEST_CURRENT_TEST" in os.environ
    del environ["PYTEST_CURRENT_TEST"]
    done = provider_proxy("run", "--", "env", environ=environ, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "PYTEST_CURRENT_TEST" not in done.stdout
