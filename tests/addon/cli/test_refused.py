"""The list of answers that were not stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from addon.cli.contents import ls
from addon.exchange.refused_answers import RefusedAnswers
from addon.judging.reasons import NotStored


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache directory whose last run refused two answers."""
    answers = RefusedAnswers(tmp_path)
    label = {"method": "POST", "host": "api.openai.com", "path": "/v1/\x1b[31mx", "model": "m"}
    answers.note("pp2-aaaaaaaaaaaa", NotStored.STATUS, 404, label, test="t::a")
    answers.note(
        "pp2-bbbbbbbbbbbb", NotStored.FAILED, 200, {"method": "GET", "host": "h.example", "path": "/j"}
    )
    answers.save()
    return tmp_path


def test_each_refused_answer_is_listed_with_what_to_do(folder: Path) -> None:
    """In a pipe one line of fields, otherwise JSON; nothing that a note contains acts on a terminal."""
    result = CliRunner().invoke(ls, ["--refused", "--cache-dir", str(folder)])
    assert result.exit_code == 0
    first, second = (line.split("\t") for line in result.stdout.splitlines())
    assert (first[0], *first[2:7]) == (
        "pp2-aaaaaaaaaaaa",
        "status 404",
        "POST",
        "api.openai.com",
        "/v1/\\x1b[31mx",
        "m",
    )
    assert first[7].startswith("set PROVIDER_PROXY_STORE_ERRORS=404 ")
    assert (first[8:], second[8:]) == (["t::a"], [""])
    assert (second[2], second[5]) == ("failed", "/j")
    assert "2 refused answers" in result.stderr
    listed = json.loads(CliRunner().invoke(ls, ["--refused", "--json", "--cache-dir", str(folder)]).stdout)
    assert [(item["reason"], item["status"], item["path"]) for item in listed] == [
        ("status", 404, "/v1/\x1b[31mx"),
        ("failed", 200, "/j"),
    ]


def test_the_filters_of_ls_apply(folder: Path, tmp_path: Path) -> None:
    """By host, and a cache without a note lists nothing."""
    result = CliRunner().invoke(ls, ["--refused", "--host", "*.example", "--cache-dir", str(folder)])
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["pp2-bbbbbbbbbbbb"]
    empty = CliRunner().invoke(ls, ["--refused", "--cache-dir", str(tmp_path / "none")])
    assert (empty.exit_code, empty.stdout) == (0, "")
