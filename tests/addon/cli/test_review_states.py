"""States of recordings: where they are, which of their recordings count, and which tests use these."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from addon.accounting.receipts import receipt_text
from addon.accounting.run_end import UsedEntry
from addon.cli.git_objects import git_objects
from addon.cli.progress import Progress
from addon.cli.review_states import State, read_state, with_tests
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.used_by import note_used_by
from cache_store.entry import Entry
from cache_store.errors import ProviderProxyError, UsageError
from cache_store.transfer.files import write_files
from cache_store.transfer.pack import write_pack
from tests.addon.reviewing.states import chat

ONE, TWO = chat("one"), chat("two")
SILENT = Progress(lambda what, done: None)


def lock_of(*entries: Entry, **tests: list[Entry]) -> str:
    """The lock file of a run that used these entries, by its tests."""
    used = [
        UsedEntry(e.key, e.encode()[-32:].hex(), e.recorded_at, "POST api.openai.com/v1 gpt-4.1")
        for e in entries
    ]
    rows = [{"test": test, "entries": {e.key: 1 for e in mine}} for test, mine in tests.items()]
    return receipt_text(used, upstream=False, tests=rows)


def git(*arguments: str) -> None:
    """Run git in the working directory as a user who has set nothing up."""
    identity = {
        f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environ = {**os.environ, "HOME": str(Path.cwd()), "GIT_CONFIG_NOSYSTEM": "1", **identity}
    subprocess.run(["git", *arguments], env=environ, capture_output=True, check=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with nothing in it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PROVIDER_PROXY")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Path:
    """A repository whose first commit has an exported folder with ONE, a lock file, and what is neither."""
    write_files([ONE], folder / "recordings")
    (folder / "recordings" / "other.json").write_text("{}")
    (folder / "recordings" / ".hidden.json").write_text('{"provider_proxy": 2')
    (folder / "recordings" / "link.json").symlink_to("/etc/passwd")
    (folder / "run.lock").write_text(lock_of(ONE, a=[ONE]))
    (folder / "broken.lock").write_text(lock_of() + "nonsense\n")
    (folder / "text").write_text("text")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return folder


def keys(state: State) -> set[str]:
    """The keys of its recordings."""
    return {recording.key for recording in state.recordings}


def test_every_kind_of_state(repository: Path) -> None:
    """The same entries, wherever they are; a revision has what was committed, not what lies there now."""
    store = DiskStore(repository / "cache")
    store.open()
    store.put(ONE)
    store.put(TWO)
    store.close()
    write_pack((entry.encode() for entry in (ONE, TWO)), repository / "x.ppack")
    write_files([ONE, TWO], repository / "recordings")
    (repository / "run.lock").write_text(lock_of(ONE, TWO, a=[ONE], b=[ONE, TWO]))
    for spec in ("cache", "x.ppack", "recordings", "run.lock"):
        assert keys(read_state(spec, None, SILENT)) == {ONE.key, TWO.key}
    for spec in ("HEAD:recordings", "HEAD:run.lock"):
        assert keys(read_state(spec, None, SILENT)) == {ONE.key}
    assert read_state("run.lock", None, SILENT).tests == {ONE.key: {"a", "b"}, TWO.key: {"b"}}
    assert read_state("HEAD:run.lock", None, SILENT).tests == {ONE.key: {"a"}}


def test_a_subfolder_reads_the_same_revision(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path is that in the repository; `./` begins one in the working directory."""
    monkeypatch.chdir(repository / "recordings")
    assert keys(read_state("HEAD:recordings", None, SILENT)) == {ONE.key}
    assert keys(read_state("HEAD:./", None, SILENT)) == {ONE.key}


def test_filters_and_attributes_of_a_repository_do_nothing(repository: Path) -> None:
    """Neither a filter that would run a program nor one that leaves files out."""
    (repository / ".gitattributes").write_text("*.json filter=evil export-ignore\n")
    git("add", ".gitattributes")
    git("commit", "-q", "-m", "second")
    git("config", "filter.evil.smudge", "touch ran; cat")
    assert keys(read_state("HEAD:recordings", None, SILENT)) == {ONE.key}
    assert not (repository / "ran").exists()


def test_a_recording_that_cannot_be_read_is_noted(repository: Path) -> None:
    """In a folder and in a revision; the others are compared."""
    write_files([ONE, TWO], repository / "recordings")
    (repository / "recordings" / "bad.json").write_text('{"provider_proxy": 2, "key": 1}')
    git("add", ".")
    git("commit", "-q", "-m", "bad")
    for spec in ("recordings", "HEAD:recordings"):
        state = read_state(spec, None, SILENT)
        assert keys(state) == {ONE.key, TWO.key}
        assert len(state.notes) == 1
        assert "bad.json: it is not an exported entry" in state.notes[0]


def test_what_the_first_state_holds_is_not_held_again(folder: Path) -> None:
    """The same recording is the same object; another one under its key is not."""
    write_files([ONE, TWO], folder / "a")
    write_files([ONE, replace(TWO, recorded_at=TWO.recorded_at + 1)], folder / "b")
    before = read_state("a", None, SILENT).recordings
    after = read_state("b", None, SILENT, before).recordings
    same = [one.key for one in after if any(one is other for other in before)]
    assert same == [ONE.key]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("HEAD:nothing", "git has no HEAD:nothing"),
        ("nothing:x", "git has no nothing:x"),
        ("HEAD:a\nHEAD:text", "is not the name of a file in a git revision"),
        ("nothing", "nothing does not exist; give a path, or REV:path"),
        (":recordings", "does not exist; give a path, or REV:path"),
        ("-x:y", "'-x:y' names no recordings"),
        ("--output=x", "'--output=x' names no recordings"),
        ("", "'' names no recordings"),
        ("HEAD:text", "HEAD:text is neither a folder that `export` wrote nor a lock file"),
        ("HEAD:broken.lock", "HEAD:broken.lock is broken at line 3"),
        ("text", "text is neither a pack nor a lock file"),
        ("empty", "empty holds no recordings"),
    ],
)
def test_what_is_no_state(spec: str, said: str, repository: Path) -> None:
    """One line says what to give instead."""
    (repository / "empty").mkdir()
    with pytest.raises(UsageError) as error:
        read_state(spec, None, SILENT)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_outside_of_a_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is no git."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    with pytest.raises(UsageError, match="git finds no repository here"):
        read_state("HEAD:x", None, SILENT)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(UsageError, match="git cannot be run"):
        read_state("HEAD:x", None, SILENT)


def test_objects_are_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their size and their number."""
    with git_objects() as objects:
        assert objects.read("HEAD:text", 4)[1:] == ("blob", b"text")
        tree = objects.read("HEAD:recordings", 1000)[0]
        assert [path for path, _ in objects.files(tree) if "/" not in path] == [".hidden.json", "other.json"]
        with pytest.raises(ProviderProxyError, match="has 4 bytes"):
            objects.read("HEAD:text", 3)
    monkeypatch.setattr("addon.cli.git_objects._MOST_FILES", 1)
    with git_objects() as objects, pytest.raises(ProviderProxyError, match="more than 1 files"):
        list(objects.files(tree))


def named(state: State, *, is_current: bool = False) -> tuple[dict[str, tuple[str, ...]], int]:
    """The tests of each recording that counts, and how many do not."""
    recordings, left_out = with_tests(state, None, is_current=is_current)
    return {one.key: one.tests for one in recordings}, left_out


def test_a_lock_file_says_which_recordings_count(repository: Path) -> None:
    """Of a revision it is that of the revision; one that is not there yet is noted, and then all count."""
    write_files([ONE, TWO], repository / "recordings")
    (repository / "new.lock").write_text(lock_of(TWO, b=[TWO]))
    assert named(read_state("recordings", "new.lock", SILENT)) == ({TWO.key: ("b",)}, 1)
    assert named(read_state("HEAD:recordings", "run.lock", SILENT)) == ({ONE.key: ("a",)}, 0)
    state = read_state("HEAD:recordings", "new.lock", SILENT)
    assert named(state) == ({ONE.key: ()}, 0)
    assert state.notes == ["the tests of HEAD:recordings: git has no HEAD:new.lock; see `git ls-tree`"]


def test_without_one_the_cache_knows_the_tests(folder: Path) -> None:
    """What all tests that used it did not use in the last run does not count any more, in the current state only."""
    cache = folder / ".provider-proxy" / "cache"
    cache.mkdir(parents=True)
    note_used_by(cache, {"a": [ONE.key, TWO.key], "b": [TWO.key]})
    write_files([ONE, TWO], folder / "recordings")
    state = read_state("recordings", None, SILENT)
    both = {ONE.key: ("a",), TWO.key: ("a", "b")}
    assert named(state, is_current=True) == (both, 0)
    last = {"tests": [{"test": "a", "entries": {}}]}
    (folder / ".provider-proxy" / "last-run.json").write_text(json.dumps(last))
    assert named(state, is_current=True) == ({TWO.key: ("a", "b")}, 1)
    assert named(state) == (both, 0)
