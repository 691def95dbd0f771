"""TensorZero's cache files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from addon.transfer.admit import Exchange, Refused
from addon.transfer.tensorzero import read_tensorzero
from cache_store.errors import TransferError

NAME = f"api.openai.com-{0:064x}"
HEAD = {"status": 200, "headers": {"a": "1", "b": ["2", "3"], "c": [104, 105]}, "version": "HTTP/1.1"}
SENT = {
    "method": "POST",
    "uri": "https://api.openai.com/v1/x",
    "headers": {"host": "h"},
    "version": "HTTP/1.1",
}


def _write(folder: Path, *lines: object, name: str = NAME) -> None:
    (folder / name).write_text("\n".join(json.dumps(line) for line in lines))


def test_a_file_is_an_exchange(tmp_path: Path) -> None:
    """Bodies as text or numbers, headers as text, numbers or lists; the file's time."""
    _write(tmp_path, {"head": HEAD, "body": [255, 0]}, {"head": SENT, "body": "ask"})
    (found,) = read_tensorzero(tmp_path)
    assert isinstance(found, Exchange)
    assert (found.request.target, found.request.body, found.answer.body) == ("/v1/x", b"ask", b"\xff\x00")
    assert found.answer.headers == ((b"a", b"1"), (b"b", b"2"), (b"b", b"3"), (b"c", b"hi"))
    assert found.recorded_at == (tmp_path / NAME).stat().st_mtime


def test_without_a_request_it_is_refused_by_name(tmp_path: Path) -> None:
    """It could lie under no key of ours."""
    _write(tmp_path, {"head": HEAD, "body": ""})
    (found,) = read_tensorzero(tmp_path)
    assert found == Refused("no-saved-request", f"{NAME}: it has no saved request; record it again")


@pytest.mark.parametrize(
    "line",
    [1, None, [], {}, {"head": 1, "body": ""}, {"head": HEAD, "body": 1}, {"head": HEAD, "body": [999]}],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, line: object) -> None:
    """And no other with it."""
    _write(tmp_path, line, {"head": SENT, "body": ""})
    (found,) = read_tensorzero(tmp_path)
    assert isinstance(found, Refused)
    assert NAME in found.what


def test_only_their_names_are_read(tmp_path: Path) -> None:
    """Other files, folders and links are not theirs; a directory that is not there is told."""
    _write(tmp_path, 1, name="notes.txt")
    (tmp_path / f"a-{1:064x}").mkdir()
    (tmp_path / f"b-{1:064x}").symlink_to(tmp_path / "notes.txt")
    assert list(read_tensorzero(tmp_path)) == []
    with pytest.raises(TransferError):
        list(read_tensorzero(tmp_path / "none"))
