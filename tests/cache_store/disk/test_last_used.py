"""When entries were last used."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

import pytest

from cache_store import plain_files
from cache_store.disk.last_used import forget_last_used, note_used, read_last_used


def test_runs_add_to_one_another(tmp_path: Path) -> None:
    """A later use replaces an earlier one; the rest stays."""
    note_used(tmp_path, ["a", "b"], 100.9)
    note_used(tmp_path, ["b", "c"], 200.0)
    note_used(tmp_path, [], 300.0)
    assert read_last_used(tmp_path) == {"a": 100, "b": 200, "c": 200}


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"a": "x"}'])
def test_what_cannot_be_read_was_never_used(tmp_path: Path, content: str) -> None:
    """And does not stop the next run from writing."""
    (tmp_path / "last-used.json").write_text(content)
    assert read_last_used(tmp_path) == {}
    note_used(tmp_path, ["a"], 1.0)
    assert read_last_used(tmp_path) == {"a": 1}


def test_a_directory_that_is_gone_fails_nothing(tmp_path: Path) -> None:
    """A run's end is never spoiled by it."""
    note_used(tmp_path / "none", ["a"], 1.0)
    assert read_last_used(tmp_path / "none") == {}


def test_what_was_removed_is_forgotten(tmp_path: Path) -> None:
    """The note shrinks with the cache; where there is none, none is made."""
    forget_last_used(tmp_path, {"a"})
    assert list(tmp_path.iterdir()) == []
    note_used(tmp_path, ["a", "b", "c"], 100.0)
    forget_last_used(tmp_path, {"a", "c", "x"})
    assert read_last_used(tmp_path) == {"b": 100}


def test_a_held_lock_costs_a_short_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The note stays as it is, and one line says so; when the lock is free, the note is written again."""
    monkeypatch.setattr(plain_files, "_LOCK_SECONDS", 0.05)
    note_used(tmp_path, ["a"], 1.0)
    with (tmp_path / "last-used.json.lock").open("ab") as other, caplog.at_level(logging.WARNING):
        fcntl.flock(other, fcntl.LOCK_EX)
        note_used(tmp_path, ["a"], 2.0)
    assert read_last_used(tmp_path) == {"a": 1}
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/last-used.json was not updated: another program holds its lock"
    ]
    note_used(tmp_path, ["a"], 3.0)
    assert read_last_used(tmp_path) == {"a": 3}


def test_a_pipe_under_its_name_is_replaced(tmp_path: Path) -> None:
    """It would block whoever opens it."""
    os.mkfifo(tmp_path / "last-used.json")
    assert read_last_used(tmp_path) == {}
    note_used(tmp_path, ["a"], 1.0)
    assert read_last_used(tmp_path) == {"a": 1}
