"""Reads a state of recordings for `review`: a cache, a pack, an exported folder, a lock file, or a git revision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from addon.accounting.receipts import Receipt, is_receipt, parse_receipt
from addon.cli.context import open_store_for_reading, read_settings
from addon.cli.git_objects import git_objects
from addon.cli.progress import Progress
from addon.reviewing.recordings import Recording, listed, recording_of
from addon.settings.state_folder import STATE_FOLDER
from cache_store.disk.database_check import DATABASE
from cache_store.disk.used_by import noted_name, read_used_by
from cache_store.entry import Entry
from cache_store.errors import EntryError, TransferError, UsageError
from cache_store.transfer.files import (
    MAX_FILE,
    from_file,
    is_exported,
    is_exported_text,
    plain_files,
    read_file,
)

__all__ = ["State", "read_state", "with_tests"]

_MOST_NOTES = 100
_MAX_PACK_START = 64


@dataclass(slots=True)
class State:
    """The recordings of a state, the tests that it says use them, and a line for each file that cannot be read.

    `locked` are the keys in its lock file, None without one.
    """

    recordings: list[Recording] = field(default_factory=list)
    tests: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    locked: set[str] | None = None


def read_state(spec: str, lock: str | None, shown: Progress, before: Iterable[Recording] = ()) -> State:
    """Read the state that `spec` names: a path, or `REV:path` for a folder or lock file of a git revision.

    `lock` is the path of the lock file that says which test uses which entry. What `before` holds already is not
    held again. Raises UsageError, TransferError and StoreError.
    """
    if not spec or spec.startswith("-"):
        raise UsageError(f"{spec!r} names no recordings; give a path, or REV:path for a git revision")
    state = State()
    known = {recording.key: recording for recording in before}
    revision, colon, _ = spec.partition(":")
    is_path = Path(spec).exists()
    if not is_path and not (colon and revision):
        raise UsageError(f"{spec} does not exist; give a path, or REV:path for a git revision")
    entries = _of_path(Path(spec), state) if is_path else _of_revision(spec, state)
    for entry in shown.over(entries, "entries read"):
        there = known.get(entry.key)
        same = there is not None and there.digest == entry.pieces()[-1].hex()
        state.recordings.append(there if there is not None and same else recording_of(entry))
    if lock is not None:
        name = lock if is_path else f"{revision}:{lock}"
        try:
            receipt = _lock_at(name, is_path=is_path)
        except UsageError as error:
            state.notes.append(f"the tests of {spec}: {error}")
        else:
            _name_tests(state, receipt.tests)
            state.locked = set(receipt.digests)
    return state


def with_tests(state: State, cache_dir: str | None, *, is_current: bool) -> tuple[list[Recording], int]:
    """The recordings of a state with their tests, and how many are left out because no test asks for them any more.

    The tests are those of the state's lock file, else those that the cache has noted. What the lock file does not
    list is left out. Without one, so is what all tests that ever used it did not use in the last run, if the state
    `is_current`.
    """
    folder = read_settings(cache_dir=cache_dir).cache_dir
    noted = {**(read_used_by(folder) if folder is not None else {}), **state.tests}
    is_dead = _unlisted(state.locked) if state.locked is not None else _dead(noted) if is_current else None
    kept = [one for one in state.recordings if is_dead is None or not is_dead(one.key)]
    tests = state.tests if state.locked is not None else noted
    named = [replace(one, tests=tuple(sorted(tests[one.key]))) if one.key in tests else one for one in kept]
    return named, len(state.recordings) - len(kept)


def _unlisted(locked: set[str]) -> Callable[[str], bool]:
    return lambda key: key not in locked


def _dead(noted: Mapping[str, set[str]]) -> Callable[[str], bool]:
    from addon.report.publishing import read_last_run

    try:
        rows = read_last_run(STATE_FOLDER)["tests"]
    except UsageError:
        rows = []
    ran = {noted_name(row["test"]) for row in rows}
    used = {key for row in rows for key in row["entries"]}
    return lambda key: key not in used and key in noted and noted[key] <= ran


def _of_path(path: Path, state: State) -> Iterator[Entry]:
    if path.is_dir() and (path / DATABASE).exists():
        state.tests = read_used_by(path)
        with open_store_for_reading(str(path)) as store:
            yield from store.local.iterate()
    elif path.is_dir():
        yield from _of_folder(path, state)
    else:
        yield from _of_file(path, state)


def _of_folder(folder: Path, state: State) -> Iterator[Entry]:
    now, found = time.time(), False
    for file in plain_files(folder):
        try:
            if file.suffix == ".json" and is_exported(file):
                found = True
                yield read_file(file, now)
        except (TransferError, OSError) as error:
            _note(state, str(error))
    if not found:
        raise UsageError(f"{folder} holds no recordings; `provider-proxy export` writes a folder of them")


def _of_file(path: Path, state: State) -> Iterator[Entry]:
    from cache_store.transfer.pack import MAGIC, read_pack

    try:
        with path.open("rb") as file:
            start = file.read(_MAX_PACK_START)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith(MAGIC):
        yield from read_pack(path)
    elif is_receipt(start):
        _list(state, _lock_at(str(path), is_path=True))
    else:
        raise UsageError(f"{path} is neither a pack nor a lock file")


def _of_revision(spec: str, state: State) -> Iterator[Entry]:
    now, found = time.time(), False
    with git_objects() as objects:
        tree, kind, data = objects.read(spec, MAX_FILE)
        if kind == "blob" and is_receipt(data):
            _list(state, parse_receipt(data, spec))
            return
        if kind == "commit":
            raise UsageError(f"{spec} is a whole revision; write {spec}:path")
        if kind != "tree":
            raise UsageError(f"{spec} is neither a folder that `export` wrote nor a lock file")
        for path, name in objects.files(tree):
            if not path.endswith(".json") or any(part.startswith(".") for part in path.split("/")):
                continue
            try:
                data = objects.read(name, MAX_FILE)[2]
                if is_exported_text(data):
                    found = True
                    yield from_file(data, now)
            except EntryError as error:
                _note(state, f"{path}: {error}")
    if not found:
        raise UsageError(f"{spec} holds no recordings; `provider-proxy export` writes a folder of them")


def _list(state: State, receipt: Receipt) -> None:
    _name_tests(state, receipt.tests)
    state.recordings += [listed(key, digest, receipt.labels[key]) for key, digest in receipt.digests.items()]


def _name_tests(state: State, tests: dict[str, list[str]]) -> None:
    state.tests = {key: set(names) for key, names in tests.items()}


def _lock_at(name: str, *, is_path: bool) -> Receipt:
    if not is_path:
        with git_objects() as objects:
            return parse_receipt(objects.read(name, MAX_FILE)[2], name)
    from addon.accounting.receipts import read_receipt

    return read_receipt(Path(name))


def _note(state: State, line: str) -> None:
    if len(state.notes) < _MOST_NOTES:
        state.notes.append(line)
