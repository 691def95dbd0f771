"""What the README says is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import readme_tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(readme_tables.tables()))
def test_tables_are_the_codes(name: str) -> None:
    """Every table is what the code says now (`python tests/readme_tables.py` writes them)."""
    assert readme_tables.block(README, name) == readme_tables.tables()[name]


def test_every_command_has_help() -> None:
    """`--help` works for every command, and has more than a usage line."""
    from click.testing import CliRunner

    from addon.cli.commands import COMMANDS, cli

    for name in COMMANDS:
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0, name
        assert len(result.output.splitlines()) > 4, name


def test_commands_that_the_readme_names_exist() -> None:
    """Each `provider-proxy WORD` and `run-proxy.sh WORD` is a command or a word of the wrapper."""
    from addon.cli.commands import COMMANDS

    words = re.findall(r"(?:(?<![\w/-])provider-proxy|run-proxy\.sh) ([a-z][a-z-]*)(?![\w.-])", README)
    wrapper = {"web", "ci", "stop"}
    unknown = {w for w in words if w not in COMMANDS and w not in wrapper} - {"needs", "stands", "addon"}
    assert unknown == set()


def test_variables_that_the_readme_names_exist() -> None:
    """Each PROVIDER_PROXY_… in the README is a setting."""
    from addon.settings.settings import SETTINGS

    named = set(re.findall(r"PROVIDER_PROXY_[A-Z_]+(?<!_)", README))
    assert named - {setting.variable for setting in SETTINGS} == set()


def test_the_two_commands_of_the_readme_are_there() -> None:
    """`./run-proxy.sh` and `./tests/run.sh` can be run."""
    for script in ("run-proxy.sh", "tests/run.sh"):
        assert os.access(ROOT / script, os.X_OK)
        assert f"./{script}" in README


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_examples_parse(code: str) -> None:
    """The Python examples are Python."""
    compile(code, "README.md", "exec")


def test_shell_examples_parse() -> None:
    """The shell examples are shell."""
    for code in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        subprocess.run(["sh", "-n"], input=code, text=True, check=True)


def test_pytest_leaves_the_checked_out_tool_alone(tmp_path: Path) -> None:
    """The CI examples' bare `pytest` collects the suite's tests, and none of the tool that lies beside them."""
    folders = re.findall(r"provider-proxy, path: (\S+) }|provider-proxy\.git\" (\S+)", README)
    assert len(folders) == 3
    for folder in [found for pair in folders for found in pair if found]:
        theirs = tmp_path / folder / "tests" / "test_tool.py"
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_text("import nothing_of_that_name")
    (tmp_path / "test_suite.py").write_text("def test_own(): pass")
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-c", os.devnull, "--rootdir", "."]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stdout.splitlines()[0]) == (0, "test_suite.py::test_own")


def test_a_merge_queue_replays_from_a_bucket() -> None:
    """No example has a merge queue look for a pull request's recordings in actions/cache, where it cannot see them."""
    workflows = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert any("merge_group" in text and "pull --optional" in text for text in workflows)
    assert not any("merge_group" in text and "actions/cache" in text for text in workflows)


def test_a_proxy_that_does_not_start_ends_the_gitlab_job(tmp_path: Path) -> None:
    """The example's tests are not reached without a proxy: they would go live."""
    (example,) = re.findall(r"# \.gitlab-ci\.yml\n.*?script:\n(.*?)```", README, re.DOTALL)
    script = "\n".join(
        line.strip().removeprefix("- ") for line in example.splitlines() if "git clone" not in line
    )
    wrapper = tmp_path / ".tools" / "provider-proxy" / "run-proxy.sh"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/bin/sh\nexit 2\n")
    wrapper.chmod(0o755)
    told = script.replace("pytest", "echo went live")
    assert "echo went live" in told
    # As GitLab's runner does.
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", told], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_the_filter_that_finds_hits_is_mitmproxys() -> None:
    """What the README says to type into mitmweb's search box finds a flow that was answered from an entry."""
    from mitmproxy import flowfilter
    from mitmproxy.test import tflow

    (words,) = re.findall(r"\(`(~[a-z]+)` in the search box", README)
    hit, miss = tflow.tflow(resp=True), tflow.tflow(resp=True)
    hit.is_replay = "response"
    assert [flowfilter.match(words, flow) for flow in (hit, miss)] == [True, False]
