"""How the command line is started in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import provider_proxy_start
from addon.cli import console_script
from addon.cli.console_script import own_command_line

START = str(Path(provider_proxy_start.__file__).resolve())
MODULE = "addon.cli.console_script"


@pytest.fixture(autouse=True)
def _files_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.mark.parametrize("arguments", [["serve"], ["run", "--", "pytest"], ["serve", "--background"]])
def test_the_proxy_itself_is_optimised(arguments: list[str]) -> None:
    """`serve` and `run` are executed with -O, with the same arguments."""
    assert own_command_line(arguments) == [sys.executable, "-P", "-O", START, MODULE, *arguments]


@pytest.mark.parametrize(
    "arguments", [[], ["ls"], ["serve", "--web"], ["serve", "--", "-s", "their.py"], ["doctor"]]
)
def test_other_commands_and_other_peoples_code_are_not(arguments: list[str]) -> None:
    """Other commands, mitmweb, and other people's addons, whose assertions must stay, run without -O."""
    assert own_command_line(arguments) == [sys.executable, "-P", START, MODULE, *arguments]


def test_not_if_compiled_files_could_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no file may be written and none is there, compiling at every start would cost more than it gains."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(console_script.importlib.util, "cache_from_source", lambda *_, **__: "/no/such/file")
    assert "-O" not in own_command_line(["serve"])


def test_the_users_command_is_not_affected(tmp_path: Path) -> None:
    """The command that `run` starts keeps its assertions and its environment, but for the pytest plugin."""
    show = "import os, sys; print(sys.flags.optimize, sys.flags.safe_path, *sorted(n for n in os.environ if 'PYTHON' in n))"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROVIDER_PROXY")}
    environ |= {"XDG_DATA_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [*own_command_line(["run"]), "--", sys.executable, "-c", show],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    names = sorted(
        {"PYTHONPATH", *(name for name in environ if "PYTHON" in name)}
    )  # the pytest plugin's folder
    assert done.stdout.split() == ["0", "False", *names], done.stderr
    assert done.stderr == "provider-proxy, mode read-old-write-new, 0 requests\n"
