"""`help` and `--version`."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from addon.cli import help as help_command
from addon.cli.commands import cli

ROOT = Path(__file__).parents[3]


def _said(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("modes", "read-only-require-hit is for the merge queue"),
        ("key", "A key is the SHA-256 of a request's identity"),
        ("secrets", "Never stored are:"),
        ("misses", "The error names the nearest recorded request"),
    ],
)
def test_a_topic_is_a_part_of_the_docs(topic: str, words: str) -> None:
    """Each topic shows its part of a page, without markup, and no more than that part."""
    said = _said("help", topic)
    assert words in said
    assert "##" not in said
    assert "<!--" not in said
    assert len(said) < 8000


def test_a_wheel_has_the_pages() -> None:
    """Every page of a topic is packed, where `help` looks for it in a wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    packed = {page for page, place in included.items() if place == f"addon/pages/{page}"}
    assert packed == {page for page, _ in help_command.TOPICS.values()}


def test_commands_and_unknown_topics() -> None:
    """Without a topic the commands and topics are listed; a command's name shows its help."""
    assert "Topics: modes, key, secrets, misses" in _said("help")
    assert _said("help", "stop") == _said("stop", "--help")
    result = CliRunner().invoke(cli, ["help", "mode"])
    assert "mode is neither a topic nor a command" in str(result.exception)


def test_version_names_what_it_runs_on() -> None:
    """A bug report needs mitmproxy's version too."""
    said = _said("--version")
    assert said.startswith(
        f"provider-proxy, version {version('provider-proxy')} (mitmproxy {version('mitmproxy')}, "
    )
