"""Which tests have used an entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache_store.disk.used_by import forget_used_by, note_used_by, noted_name, read_used_by


def test_the_note_only_grows(tmp_path: Path) -> None:
    """A test that no longer uses an entry is still named; what is noted is returned."""
    note_used_by(tmp_path, {"a": ["x", "y"], "b": ["y"]})
    assert note_used_by(tmp_path, {"a": ["y"]}) == {"x": {"a"}, "y": {"a", "b"}}
    assert note_used_by(tmp_path, {}) == read_used_by(tmp_path) == {"x": {"a"}, "y": {"a", "b"}}
    assert (tmp_path / "used-by.json").stat().st_mode & 0o777 == 0o600


def test_what_was_removed_is_forgotten(tmp_path: Path) -> None:
    """With the tests that used nothing else; where there is no note, none is made."""
    forget_used_by(tmp_path, {"x"})
    assert list(tmp_path.iterdir()) == []
    note_used_by(tmp_path, {"a": ["x"], "b": ["y"]})
    forget_used_by(tmp_path, {"x", "z"})
    assert read_used_by(tmp_path) == {"y": {"b"}}
    assert '"a"' not in (tmp_path / "used-by.json").read_text()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "[" * 100_000, '{"tests": 1}', '{"tests": ["a"], "used": {"x": ["a"]}}', '{"used": {}}'],
)
def test_what_cannot_be_read_says_nothing(tmp_path: Path, content: str) -> None:
    """And does not stop the next run from writing."""
    (tmp_path / "used-by.json").write_text(content)
    assert read_used_by(tmp_path) == {}
    assert note_used_by(tmp_path, {"a": ["x"]}) == {"x": {"a"}}
    assert read_used_by(tmp_path) == {"x": {"a"}}


def test_a_number_that_names_no_test_is_left_out(tmp_path: Path) -> None:
    """Anybody may have written the file."""
    (tmp_path / "used-by.json").write_text('{"tests": ["a"], "used": {"x": [0, 1, -1]}}')
    assert read_used_by(tmp_path) == {"x": {"a"}}


def test_a_directory_that_is_gone_fails_nothing(tmp_path: Path) -> None:
    """The run's own knowledge is returned all the same."""
    assert note_used_by(tmp_path / "none", {"a": ["x"]}) == {"x": {"a"}}


def test_long_names_stay_apart() -> None:
    """pytest makes names of whole prompts."""
    one, other = noted_name("x" * 5000 + "1"), noted_name("x" * 5000 + "2")
    assert one != other
    assert len(one) <= 1000
    assert noted_name("short") == "short"
