"""`completion`."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from addon.cli.commands import cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_the_command(shell: str) -> None:
    """It is the shell's language, where that shell is installed, and asks in the way that click answers."""
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"_PROVIDER_PROXY_COMPLETE={shell}_complete" in result.output
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.output, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "found"),
    [("provider-proxy exp", ["explain", "export"]), ("provider-proxy report --form", ["--format"])],
)
def test_commands_and_options_are_completed(words: str, found: list[str]) -> None:
    """A beginning is completed to each name that has it."""
    environ = {"_PROVIDER_PROXY_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environ["COMP_CWORD"] = str(len(words.split()) - 1)
    result = CliRunner(env=environ).invoke(cli, prog_name="provider-proxy")
    names = [line.partition(",")[2] for line in result.output.split()]
    assert sorted(names) == found
