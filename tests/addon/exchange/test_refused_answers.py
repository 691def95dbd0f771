"""What is remembered of answers that were not stored."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from pathlib import Path

import pytest

from addon.exchange.refused_answers import RefusedAnswers, read_refused
from addon.judging.reasons import IN_THE_ANSWER, NotStored
from cache_store import plain_files

NAME = "not-stored.json"
LABEL = {"method": "POST", "host": "h.example", "path": "/v1/x", "model": "m"}


def _note(answers: RefusedAnswers, key: str, reason: NotStored | None, status: int = 200) -> None:
    answers.note(key, reason, status, LABEL)


@pytest.mark.parametrize("reason", sorted(IN_THE_ANSWER))
def test_a_later_run_says_why_and_what_to_do(tmp_path: Path, reason: NotStored) -> None:
    """The note of one run explains the misses of the next, with every part that `ls --refused` shows."""
    first = RefusedAnswers(tmp_path)
    noted = first.note("pp2-a", reason, 404, LABEL, allowed=True, test="tests/test_a.py::test_b")
    assert noted is not None
    first.save()
    assert read_refused(tmp_path) == {"pp2-a": noted}
    line = RefusedAnswers(tmp_path).line("pp2-a")
    assert line == f"recorded before, not kept: {noted.why}; {noted.advice}"
    assert noted.advice
    assert noted.place == "POST h.example/v1/x"
    assert RefusedAnswers(tmp_path).line("pp2-b") == ""


def test_an_answer_that_is_stored_in_the_end_is_forgotten(tmp_path: Path) -> None:
    """The last poll counts, in the same run and in a later one."""
    first = RefusedAnswers(tmp_path)
    for key in ("pp2-a", "pp2-b"):
        _note(first, key, NotStored.NOT_FINISHED)
    _note(first, "pp2-a", None)
    assert first.line("pp2-a") == ""
    first.save()
    second = RefusedAnswers(tmp_path)
    assert [bool(second.line(key)) for key in ("pp2-a", "pp2-b")] == [False, True]
    _note(second, "pp2-b", None)
    second.save()
    assert RefusedAnswers(tmp_path).line("pp2-b") == ""
    assert (tmp_path / NAME).read_text() == "{}"


def test_what_recording_again_may_change_is_not_noted(tmp_path: Path) -> None:
    """A client that left and a full disk say nothing about the answer."""
    answers = RefusedAnswers(tmp_path)
    for reason in set(NotStored) - IN_THE_ANSWER:
        _note(answers, "pp2-a", reason)
    answers.save()
    assert answers.line("pp2-a") == ""
    assert not (tmp_path / NAME).exists()


def test_two_runs_add_to_one_note(tmp_path: Path) -> None:
    """Processes that end at the same time lose nothing of each other's."""
    one, two = RefusedAnswers(tmp_path), RefusedAnswers(tmp_path)
    _note(one, "pp2-a", NotStored.ERROR)
    _note(two, "pp2-b", NotStored.MEDIA)
    one.save()
    two.save()
    third = RefusedAnswers(tmp_path)
    assert third.line("pp2-a")
    assert third.line("pp2-b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"pp2-a": 1}',
        '{"pp2-a": "no-reason"}',
        '{"pp2-a": "\\u001b[31m"}',
        '{"pp2-a": {"reason": []}}',
        '{"pp2-a": {"reason": "mode"}}',
        '{"pp2-a": {"status": 404}}',
    ],
)
def test_a_damaged_note_says_nothing(tmp_path: Path, text: str) -> None:
    """The cache directory may come from elsewhere: only known reasons are ever printed."""
    (tmp_path / NAME).write_text(text)
    answers = RefusedAnswers(tmp_path)
    assert answers.line("pp2-a") == ""
    _note(answers, "pp2-b", NotStored.ERROR)
    answers.save()
    assert RefusedAnswers(tmp_path).line("pp2-b")


@pytest.mark.parametrize("status", [0, 99, 600, 10**400, True, "404", None, [], {}])
def test_odd_values_of_a_note_are_passed_over(tmp_path: Path, status: object) -> None:
    """What is left of the note still explains."""
    odd = {"reason": "failed", "status": status, "at": status, "label": {"host": "x" * 999, "path": 1}}
    (tmp_path / NAME).write_text(json.dumps({"pp2-a": odd, "pp2-b": "failed"}))
    refused = read_refused(tmp_path)
    assert (refused["pp2-a"].status, refused["pp2-b"].status) == (0, 0)
    assert refused["pp2-a"].place == f"? {'x' * 300}?"
    assert refused["pp2-a"].line == refused["pp2-b"].line


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    """A cache in memory remembers its own run, and a folder that is not there is not made."""
    for folder in (None, tmp_path / "none"):
        answers = RefusedAnswers(folder)
        _note(answers, "pp2-a", NotStored.ERROR)
        answers.save()
        assert answers.line("pp2-a")
    assert list(tmp_path.iterdir()) == []


def test_the_note_is_private_and_bounded(tmp_path: Path) -> None:
    """Its owner alone reads it, and the oldest of very many keys are forgotten."""
    answers = RefusedAnswers(tmp_path)
    for number in range(5001):
        _note(answers, f"pp2-{number}", NotStored.ERROR)
    answers.save()
    later = RefusedAnswers(tmp_path)
    assert [bool(later.line(f"pp2-{number}")) for number in (0, 1, 5000)] == [False, True, True]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_held_lock_costs_a_short_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The note is skipped with one line; without the lock, a pipe under its name is replaced and not opened."""
    monkeypatch.setattr(plain_files, "_LOCK_SECONDS", 0.05)
    answers = RefusedAnswers(tmp_path)
    _note(answers, "pp2-a", NotStored.STATUS, 429)
    os.mkfifo(tmp_path / NAME)
    assert read_refused(tmp_path) == {}
    with (tmp_path / f"{NAME}.lock").open("ab") as other, caplog.at_level(logging.WARNING):
        fcntl.flock(other, fcntl.LOCK_EX)
        answers.save()
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / NAME} was not updated: another program holds its lock"
    ]
    answers.save()
    assert list(read_refused(tmp_path)) == ["pp2-a"]
