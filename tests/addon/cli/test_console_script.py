"""When the proxy's own process runs with -O."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from addon.cli import console_script
from addon.cli.console_script import optimised_command


@pytest.fixture(autouse=True)
def _files_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.mark.parametrize("arguments", [["serve"], ["run", "--", "pytest"], ["serve", "--background"]])
def test_the_proxy_itself_is_optimised(arguments: list[str]) -> None:
    """`serve` and `run` are executed anew with -O, with the same arguments."""
    assert optimised_command(arguments) == [sys.executable, "-O", "-m", "addon.cli", *arguments]


@pytest.mark.parametrize(
    "arguments", [[], ["ls"], ["serve", "--web"], ["serve", "--", "-s", "their.py"], ["doctor"]]
)
def test_other_commands_and_other_peoples_code_are_not(arguments: list[str]) -> None:
    """Other commands, mitmweb, and addons of other people, whose assertions must hold, run as they are."""
    assert optimised_command(arguments) is None


def test_not_where_compiled_files_could_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing may be written and nothing is there, compiling at every start would cost more than it gains."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(console_script.importlib.util, "cache_from_source", lambda *_, **__: "/no/such/file")
    assert optimised_command(["serve"]) is None


def test_the_users_command_is_not_touched(tmp_path: Path) -> None:
    """The command that `run` starts has its assertions: -O is not in its environment."""
    command = [
        sys.executable,
        "-c",
        "import sys; from addon.cli.console_script import main; sys.argv[1:] = sys.argv[1:]; main()",
        "run",
        "--",
        sys.executable,
        "-c",
        "import os, sys; print(sys.flags.optimize, os.environ.get('PYTHONOPTIMIZE'))",
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROVIDER_PROXY")}
    environ |= {"XDG_DATA_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.stdout.strip() == "0 None", done.stderr
