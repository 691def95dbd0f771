"""One file per entry."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, TransferError
from cache_store.transfer.files import from_file, is_exported, plain_files, read_file, to_file, write_files

LABEL = {"method": "POST", "host": "api.openai.com", "path": "/v1/chat/completions", "model": "gpt-4.1"}


def _entry(number: int = 1, body: bytes = b'{"a": 1}', **label: str) -> Entry:
    return Entry(
        f"pp1-{number:064x}", 200, "OK", ((b"X-A", b"\xe9"), (b"x-a", b"2")), body, 1700000000.123456, 0.25, "run",
        LABEL | label, "chat", b'{"method":"POST","body":{"n":1.50}}',
    )  # fmt: skip


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b"\xff", b"", b"a\nb", b'data: {"a": 1}\n\n', b'{"a": "\\ud800"}']
)
def test_an_entry_comes_back_from_its_file(body: bytes) -> None:
    """Every byte and every field."""
    entry = _entry(body=body)
    assert from_file(to_file(entry), 0.0) == entry
    assert to_file(from_file(to_file(entry), 0.0)) == to_file(entry)


def test_a_refresh_changes_the_end_of_a_file_alone() -> None:
    """Another recording of the same answer differs in the last block; the text of a stream is there to be read."""
    body = b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"choices":[{"delta":{"content":"lo"}}]}\n\n'
    kind = (b"content-type", b"text/event-stream")
    texts = []
    for number, at in enumerate((1.5, 2.5)):
        volatile = tuple(
            (name, b"%d" % number) for name in (b"Date", b"x-request-id", b"openai-processing-ms")
        )
        entry = replace(
            _entry(body=body), headers=(volatile[0], kind, *volatile[1:]), recorded_at=at, elapsed=at
        )
        assert from_file(to_file(entry), 0.0) == entry
        texts.append(to_file(entry).decode())
    contents, recordings = zip(*(text.split('  "recording": {') for text in texts), strict=True)
    assert contents[0] == contents[1]
    assert recordings[0] != recordings[1]
    assert '"said": {\n      "text": "Hello"\n    },' in contents[0]


def test_a_file_of_the_first_format_is_read() -> None:
    """There the time, the duration, the run and the digest lay among the rest."""
    value = json.loads(to_file(_entry()))
    recording = value.pop("recording")
    value["response"]["headers"] = [["X-A", "\u00e9"], ["x-a", "2"]]
    del recording["headers"]
    older = json.dumps(value | recording | {"provider_proxy": 1}).encode()
    assert from_file(older, 0.0) == _entry()


def test_the_timing_of_a_stream_is_kept_with_the_recording() -> None:
    """Where it changes with each recording; what cannot be one is left out."""
    entry = replace(_entry(), timing="ab+/ZZ==")
    data = to_file(entry)
    assert from_file(data, 0.0) == entry
    assert json.loads(data)["recording"]["timing"] == "ab+/ZZ=="
    assert from_file(data.replace(b"ab+/ZZ==", b"a b"), 0.0).timing == ""


@pytest.mark.parametrize(
    ("label", "path"),
    [
        ({}, "api.openai.com/v1/chat/completions/gpt-4.1--000000000000.json"),
        (
            {"model": "../../etc/passwd"},
            "api.openai.com/v1/chat/completions/__.._etc_passwd--000000000000.json",
        ),
        ({"host": "..", "path": "/../a/.git/./%2e"}, "_/_/a/_git/_/_2e/gpt-4.1--000000000000.json"),
        ({"host": "", "path": ""}, "_/gpt-4.1--000000000000.json"),
        ({"host": "a:1", "path": "/\0\n "}, "a_1/___/gpt-4.1--000000000000.json"),
    ],
)
def test_a_path_leads_nowhere_else(tmp_path: Path, label: dict[str, str], path: str) -> None:
    """Labels come from requests: they name, and never steer."""
    write_files([_entry(**label)], tmp_path / "a" / "b")
    (written,) = plain_files(tmp_path)
    assert str(written.relative_to(tmp_path / "a" / "b")) == path


def test_a_long_path_is_shortened(tmp_path: Path) -> None:
    """No part is longer than a file system takes, and there are not many."""
    write_files([_entry(model="m" * 500, path="/x" * 100 + "/" + "y" * 500)], tmp_path)
    (written,) = plain_files(tmp_path)
    path = written.relative_to(tmp_path)
    assert len(path.parts) <= 14
    assert all(len(part) <= 120 for part in path.parts)


def test_equal_short_keys_have_two_files(tmp_path: Path) -> None:
    """The second is under its whole key."""
    one, two = _entry(1), _entry(2)
    assert write_files([two, one], tmp_path) == 2
    entries = {read_file(path, 0.0).key for path in plain_files(tmp_path)}
    assert entries == {one.key, two.key}


def test_links_are_neither_followed_nor_written_through(tmp_path: Path) -> None:
    """A directory from elsewhere may hold links to anywhere."""
    outside, folder = tmp_path / "outside", tmp_path / "fixtures"
    outside.mkdir()
    folder.mkdir()
    (folder / "api.openai.com").symlink_to(outside)
    with pytest.raises(TransferError, match="remove the link"):
        write_files([_entry()], folder)
    assert list(outside.iterdir()) == []
    (outside / "x.json").write_bytes(to_file(_entry()))
    (folder / "y.json").symlink_to(outside / "x.json")
    assert list(plain_files(folder)) == []


@pytest.mark.parametrize("written", [None, "soon", -1, 1_700_000_000_123])
def test_a_foreign_time_is_understood(written: object) -> None:
    """A value that is not a usable time means now."""
    value = json.loads(to_file(_entry()))
    value["recording"]["recorded_at"] = written
    now = time.time()
    entry = from_file(json.dumps(value).encode(), now)
    assert entry.recorded_at == now


@pytest.mark.parametrize(
    "change",
    [
        {"provider_proxy": 3}, {"provider_proxy": 1}, {"recording": 7}, {"key": None, "response": None}, {"label": []}, {"recording": {"elapsed": "x"}}, {"request": 1},
        {"response": {"status": 99, "reason": "", "headers": [], "body": {"text": ""}}},
        {"response": {"status": 200, "reason": "", "headers": [["a", "b\r\nc: d"]], "body": {"text": ""}}},
        {"response": {"status": 200, "reason": "", "headers": [["世", "b"]], "body": {"text": ""}}},
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """By itself, and by its name where a directory is read."""
    data = json.dumps(json.loads(to_file(_entry())) | change).encode()
    with pytest.raises(CorruptEntry):
        from_file(data, 0.0)
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(TransferError, match=r"bad\.json"):
        read_file(tmp_path / "bad.json", 0.0)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 50_000, b"null"])
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(CorruptEntry):
        from_file(data, 0.0)


@pytest.mark.parametrize("edit", [("body", {"text": "changed"}), ("status", 201), ("reason", "Fine")])
def test_an_edited_file_says_so(edit: tuple[str, object]) -> None:
    """A changed answer is marked, an untouched one is not, and the mark survives another export."""
    entry = _entry()
    value = json.loads(to_file(entry))
    assert from_file(json.dumps(value).encode(), 0.0).edited is False
    value["response"] |= dict([edit])
    edited = from_file(json.dumps(value).encode(), 0.0)
    assert edited.edited is True
    assert from_file(to_file(edited), 0.0) == edited


def test_a_file_of_an_older_version_is_not_taken_for_edited(tmp_path: Path) -> None:
    """It has no digest to compare with; it is recognised as an exported entry all the same."""
    value = json.loads(to_file(_entry()))
    del value["recording"]["sha256"]
    assert from_file(json.dumps(value).encode(), 0.0).edited is False
    (tmp_path / "a.json").write_bytes(to_file(_entry()))
    assert is_exported(tmp_path / "a.json")


def test_entries_of_tests_have_files_of_their_own(tmp_path: Path) -> None:
    """Each test's answers to one request, in order, beside the plain one; also if the short names meet."""
    key = f"pp2-{'a' * 64}"
    tests = ("@" + "1" * 32, "@" + "1" * 16 + "2" * 16)
    keys = {key + test + number for test in ("", *tests) for number in ("", ".2", ".12345")}
    assert write_files([replace(_entry(), key=one) for one in keys], tmp_path) == len(keys)
    read = {read_file(path, time.time()).key for path in tmp_path.rglob("*.json")}
    assert read == keys


def test_volatile_values_travel_with_a_file() -> None:
    """In the block of what changes with each recording: without them an answer could not be adapted."""
    entry = replace(_entry(), bindings=(("uuid", 1, "123e4567-e89b-12d3-a456-426614174000"),))
    data = to_file(entry)
    assert from_file(data, 1.0) == entry
    assert json.loads(data)["recording"]["bindings"] == [["uuid", 1, "123e4567-e89b-12d3-a456-426614174000"]]
    for bad in (b"1", b'[["uuid"]]', b'[["uuid", "x", "y"]]'):
        damaged = re.sub(rb'"bindings": \[.*?\]\s*\]', b'"bindings": ' + bad, data, flags=re.DOTALL)
        assert damaged != data
        with pytest.raises(CorruptEntry):
            from_file(damaged, 1.0)
