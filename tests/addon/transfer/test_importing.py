"""Files and directories are imported: all that may be stored, with a line for each file that was refused."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from addon.policy.variants import key_of_test, split_key
from addon.settings.settings import Settings
from addon.transfer.formats import Format
from addon.transfer.importing import Imported, import_paths
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import UsageError
from cache_store.transfer.files import to_file, write_files
from cache_store.transfer.pack import write_pack
from tests.addon.transfer.test_own_entries import OK, entry

SETTINGS = Settings.parse({})
URL = "https://api.openai.com/v1/chat/completions"


def _entry(number: int, recorded_at: float = 1000.0) -> Entry:
    return entry(f"question {number}", recorded_at=recorded_at)


def _interaction(question: str = "hi", answer: str = "x", **changes: Any) -> dict[str, Any]:
    ok = {"choices": [{"index": 0, "message": {"content": answer}, "finish_reason": "stop"}]}
    body = {"model": "m", "messages": [{"role": "user", "content": question}]}
    headers = {"content-type": ["application/json"]}
    request = {"method": "POST", "uri": URL, "headers": headers, "body": json.dumps(body)}
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": headers,
        "body": {"string": json.dumps(ok)},
    }
    return {"request": request, "response": response} | changes


def _cassette(path: Path, *interactions: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"interactions": list(interactions), "version": 1}))
    os.utime(path, (1000, 1000))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """The cache that is imported into."""
    with contextlib.closing(DiskStore(tmp_path / "cache")) as opened:
        opened.open()
        yield opened


def _pack(path: Path, *entries: Entry) -> Path:
    write_pack((one.encode() for one in entries), path)
    return path


def _import(store: DiskStore, *paths: Path, **options: Any) -> Imported:
    return import_paths(store, paths, SETTINGS, "run", **options)


def _answers(store: DiskStore) -> set[str]:
    return {json.loads(one.body)["choices"][0]["message"]["content"] for one in store.iterate()}


def test_several_sources_are_merged(store: DiskStore, tmp_path: Path) -> None:
    """A pack, a directory and a cache in one call; the newer recording wins."""
    pack = _pack(tmp_path / "a.ppack", _entry(1), _entry(2))
    write_files([_entry(2, 2000.0), _entry(3)], tmp_path / "files")
    with contextlib.closing(DiskStore(tmp_path / "other")) as other:
        other.open()
        other.put(_entry(4))
    done = _import(store, pack, tmp_path / "files", tmp_path / "other")
    assert (done.merged.stored, done.merged.kept, done.refused) == (4, 0, ())
    assert {one.key: one.recorded_at for one in store.iterate()} == {
        _entry(1).key: 1000.0, _entry(2).key: 2000.0, _entry(3).key: 1000.0, _entry(4).key: 1000.0
    }  # fmt: skip


def test_a_refused_file_stops_no_other(store: DiskStore, tmp_path: Path) -> None:
    """Damage and a wrong key are named with the file; nothing of a damaged pack is stored."""
    good = _pack(tmp_path / "good.ppack", _entry(1))
    foreign = _pack(tmp_path / "foreign.ppack", _entry(2), replace(_entry(3), key=_entry(4).key))
    cut = tmp_path / "cut.ppack"
    cut.write_bytes(_pack(tmp_path / "five.ppack", _entry(5)).read_bytes()[:-5])
    done = _import(store, cut, foreign, good)
    assert set(store.keys()) == {_entry(1).key, _entry(2).key}
    assert len(done.refused) == 2
    assert "cut.ppack" in done.refused[0]
    assert "foreign.ppack" in done.refused[1]
    assert "does not match its saved request" in done.refused[1]


def test_trust_and_size_are_handed_on(store: DiskStore, tmp_path: Path) -> None:
    """An entry without a saved request needs `trust`, a pack that unpacks to much needs `max_size`."""
    unsaved = _pack(tmp_path / "unsaved.ppack", replace(_entry(1), request_json=b"{}"))
    assert "--trust" in _import(store, unsaved).refused[0]
    assert _import(store, unsaved, trust=True).merged.stored == 1
    assert "--max-size" in _import(store, _pack(tmp_path / "a.ppack", _entry(2)), max_size=100).refused[0]


def test_a_directory_of_anything_is_read(store: DiskStore, tmp_path: Path) -> None:
    """Cassettes, packs and exported entries together; other files are ignored, and an empty directory is told."""
    _cassette(tmp_path / "d" / "tests" / "a.yaml", _interaction("one", "1"))
    (tmp_path / "d" / "README.md").write_text("notes")
    (tmp_path / "d" / "x.json").write_bytes(to_file(_entry(1)))
    _pack(tmp_path / "d" / "p.ppack", _entry(2))
    assert _import(store, tmp_path / "d").merged.stored == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing that can be imported"):
        _import(store, tmp_path / "empty")


def test_a_hostile_flow_file_does_not_stop_the_others(store: DiskStore, tmp_path: Path) -> None:
    """A flow file that claims a value of 100 GB is named in one line, and the cassette beside it is read."""
    hostile = tmp_path / "d" / "a.mitm"
    _cassette(tmp_path / "d" / "b.yaml", _interaction("one", "1"))
    hostile.write_bytes(b"99999999999:aaaa,")
    done = _import(store, tmp_path / "d")
    assert done.merged.stored == 1
    assert done.refused == (f"{hostile} is not a flow file of mitmproxy, or is cut short",)


def test_answers_that_lose_are_counted_by_file(store: DiskStore, tmp_path: Path) -> None:
    """Two cassettes that answer one request differently: it says which one is never served."""
    one = _cassette(tmp_path / "one.yaml", _interaction(answer="old"), _interaction("other", "same"))
    two = _cassette(tmp_path / "two.yaml", _interaction(answer="new"), _interaction("other", "same"))
    os.utime(two, (2000, 2000))
    done = _import(store, one, two)
    assert done.replaced == (f"{one}: 1 replaced by {two}",)
    assert _answers(store) == {"new", "same"}


def test_the_first_of_equal_requests_in_a_cassette_is_kept(store: DiskStore, tmp_path: Path) -> None:
    """A recorder plays it first; the others are counted."""
    path = _cassette(tmp_path / "a.yaml", *(_interaction(answer=answer) for answer in "abca"))
    done = _import(store, path)
    assert _answers(store) == {"a"}
    assert done.replaced == (f"{path}: 2 replaced by another answer in the same file",)


def test_a_file_that_was_edited_by_hand_wins(store: DiskStore, tmp_path: Path) -> None:
    """Over the recording that it was exported from, again and again; an untouched file changes nothing."""
    store.put(_entry(1))
    write_files(store.iterate(), tmp_path / "files")
    (file,) = (path for path in (tmp_path / "files").rglob("*.json"))
    assert _import(store, tmp_path / "files").edited == 0
    for words in ("edited", "edited again", "and again"):
        changed = json.loads(json.dumps(OK)) | {"id": words}
        value = json.loads(file.read_bytes())
        value["response"]["body"] = {"json": changed, "style": "spaced"}
        file.write_text(json.dumps(value))
        done = _import(store, tmp_path / "files")
        assert (done.edited, done.merged.stored, done.merged.kept) == (1, 1, 0)
        (kept,) = store.iterate()
        assert json.loads(kept.body)["id"] == words
        assert kept.edited is True
    assert _import(store, tmp_path / "files").merged.stored == 0


def test_a_format_can_be_given(store: DiskStore, tmp_path: Path) -> None:
    """A name that tells nothing is wrong usage without it, as is a name of nothing."""
    odd = _pack(tmp_path / "odd", _entry(1))
    with pytest.raises(UsageError, match="--format"):
        _import(store, odd)
    with pytest.raises(UsageError, match="no such file"):
        _import(store, tmp_path / "none")
    assert _import(store, odd, only=Format.PACK).merged.stored == 1


def test_each_cassette_is_given_to_its_test(store: DiskStore, tmp_path: Path) -> None:
    """The tests keep their own answers to one request, in order; a file of no test is named and serves all of them."""
    one = _cassette(tmp_path / "a.yaml", _interaction(answer="one 1"), _interaction(answer="one 2"))
    two = _cassette(tmp_path / "b.yaml", _interaction(answer="two"))
    other = _cassette(tmp_path / "c.yaml", _interaction("another", "plain"))
    tests = {one: ["t::one"], two: ["t::two", "t::three"]}
    done = _import(store, one, two, other, tests=tests)
    assert (done.merged.stored, done.replaced, done.without_test) == (5, (), (str(other),))
    by_suffix = {split_key(entry.key)[1]: json.loads(entry.body) for entry in store.iterate()}
    said = {suffix: body["choices"][0]["message"]["content"] for suffix, body in by_suffix.items()}
    assert said == {
        key_of_test("", "t::one"): "one 1",
        key_of_test("", "t::one") + ".2": "one 2",
        key_of_test("", "t::two"): "two",
        key_of_test("", "t::three"): "two",
        "": "plain",
    }
