"""What is remembered of answers that were not stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.exchange.refused_answers import RefusedAnswers
from addon.judging.reasons import REMEDIES, NotStored

NAME = "not-stored.json"


@pytest.mark.parametrize("reason", REMEDIES)
def test_a_later_run_says_why_and_what_to_do(tmp_path: Path, reason: NotStored) -> None:
    """The note of one run explains the misses of the next."""
    first = RefusedAnswers(tmp_path)
    first.note("pp2-a", reason)
    first.save()
    line = RefusedAnswers(tmp_path).line("pp2-a")
    assert f"not stored ({reason})" in line
    assert REMEDIES[reason] in line
    assert RefusedAnswers(tmp_path).line("pp2-b") == ""


def test_an_answer_that_is_stored_in_the_end_is_forgotten(tmp_path: Path) -> None:
    """The last poll counts, in the same run and in a later one."""
    first = RefusedAnswers(tmp_path)
    for key in ("pp2-a", "pp2-b"):
        first.note(key, NotStored.NOT_FINISHED)
    first.note("pp2-a", None)
    assert first.line("pp2-a") == ""
    first.save()
    second = RefusedAnswers(tmp_path)
    assert [bool(second.line(key)) for key in ("pp2-a", "pp2-b")] == [False, True]
    second.note("pp2-b", None)
    second.save()
    assert RefusedAnswers(tmp_path).line("pp2-b") == ""
    assert (tmp_path / NAME).read_text() == "{}"


def test_what_recording_again_may_change_is_not_noted(tmp_path: Path) -> None:
    """A client that left and a full disk say nothing about the answer."""
    answers = RefusedAnswers(tmp_path)
    for reason in (NotStored.CLIENT_LEFT, NotStored.STORE_FAILED, NotStored.UNREACHABLE):
        answers.note("pp2-a", reason)
    answers.save()
    assert answers.line("pp2-a") == ""
    assert not (tmp_path / NAME).exists()


def test_two_runs_add_to_one_note(tmp_path: Path) -> None:
    """Processes that end at the same time lose nothing of each other's."""
    one, two = RefusedAnswers(tmp_path), RefusedAnswers(tmp_path)
    one.note("pp2-a", NotStored.ERROR)
    two.note("pp2-b", NotStored.MEDIA)
    one.save()
    two.save()
    third = RefusedAnswers(tmp_path)
    assert third.line("pp2-a")
    assert third.line("pp2-b")


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"pp2-a": 1}', '{"pp2-a": "no-reason"}', '{"pp2-a": "\\u001b[31m"}']
)
def test_a_damaged_note_says_nothing(tmp_path: Path, text: str) -> None:
    """The cache directory may come from elsewhere: only known reasons are ever printed."""
    (tmp_path / NAME).write_text(text)
    answers = RefusedAnswers(tmp_path)
    assert answers.line("pp2-a") == ""
    answers.note("pp2-b", NotStored.ERROR)
    answers.save()
    assert RefusedAnswers(tmp_path).line("pp2-b")


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    """A cache in memory remembers its own run, and a folder that is not there is not made."""
    for folder in (None, tmp_path / "none"):
        answers = RefusedAnswers(folder)
        answers.note("pp2-a", NotStored.ERROR)
        answers.save()
        assert answers.line("pp2-a")
    assert list(tmp_path.iterdir()) == []


def test_the_note_is_private_and_bounded(tmp_path: Path) -> None:
    """Its owner alone reads it, and the oldest of very many keys are forgotten."""
    answers = RefusedAnswers(tmp_path)
    for number in range(5001):
        answers.note(f"pp2-{number}", NotStored.ERROR)
    answers.save()
    later = RefusedAnswers(tmp_path)
    assert [bool(later.line(f"pp2-{number}")) for number in (0, 1, 5000)] == [False, True, True]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
