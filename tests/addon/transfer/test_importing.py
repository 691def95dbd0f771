"""All that is named, or nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.settings.settings import Settings
from addon.transfer.formats import Format
from addon.transfer.importing import import_paths
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import TransferError, UsageError
from cache_store.transfer.files import write_files
from cache_store.transfer.pack import write_pack

SETTINGS = Settings.parse({})


def _entry(number: int, recorded_at: float = 1000.0) -> Entry:
    headers = ((b"content-type", b"application/json"),)
    sent = WireRequest(
        "POST", "https", "api.openai.com", 443, "/v1/x", headers, json.dumps({"n": number}).encode()
    )
    identity = identify(sent, IdentityRules())
    return Entry(
        identity.key, 200, "OK", (), b"{}", recorded_at, 0.1, "run", identity.label, "", identity.request_json
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    """The cache that is imported into."""
    with contextlib.closing(DiskStore(tmp_path / "cache")) as opened:
        opened.open()
        yield opened


def _pack(path: Path, *entries: Entry) -> Path:
    write_pack((entry.encode() for entry in entries), path)
    return path


def test_several_sources_are_merged(store: DiskStore, tmp_path: Path) -> None:
    """A pack, a directory and a cache in one call; the newer recording wins."""
    pack = _pack(tmp_path / "a.ppack", _entry(1), _entry(2))
    write_files([_entry(2, 2000.0), _entry(3)], tmp_path / "files")
    with contextlib.closing(DiskStore(tmp_path / "other")) as other:
        other.open()
        other.put(_entry(4))
    done = import_paths(store, [pack, tmp_path / "files", tmp_path / "other"], SETTINGS, "run")
    assert (done.merged.stored, done.merged.kept) == (5, 0)
    assert {entry.key: entry.recorded_at for entry in store.iterate()} == {
        _entry(1).key: 1000.0, _entry(2).key: 2000.0, _entry(3).key: 1000.0, _entry(4).key: 1000.0
    }  # fmt: skip


def test_one_bad_source_merges_none(store: DiskStore, tmp_path: Path) -> None:
    """Damage, and an entry under a foreign key, in the last of them."""
    good = _pack(tmp_path / "good.ppack", _entry(1))
    foreign = _pack(tmp_path / "foreign.ppack", _entry(2), replace(_entry(3), key=_entry(4).key))
    cut = tmp_path / "cut.ppack"
    cut.write_bytes(good.read_bytes()[:-5])
    for bad in (foreign, cut):
        with pytest.raises(TransferError):
            import_paths(store, [good, bad], SETTINGS, "run")
        assert store.stats().entries == 0


def test_a_format_can_be_given(store: DiskStore, tmp_path: Path) -> None:
    """A name that tells nothing is wrong usage without it, as is a name of nothing."""
    odd = _pack(tmp_path / "odd", _entry(1))
    with pytest.raises(UsageError, match="--format"):
        import_paths(store, [odd], SETTINGS, "run")
    with pytest.raises(UsageError, match="no such file"):
        import_paths(store, [tmp_path / "none"], SETTINGS, "run")
    assert import_paths(store, [odd], SETTINGS, "run", Format.PACK).merged.stored == 1
