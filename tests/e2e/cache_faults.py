"""Faults of a cache directory, made while proxies use it and taken back: each is a context manager."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cache_store.disk.database_check import DATABASE
from cache_store.disk.disk_store import DiskStore

# Root may write whatever permissions say, unless this is taken from it.
OBEYS_PERMISSIONS = (
    ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override") if os.geteuid() == 0 else ()
)
_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    database.execute(statement)
print("locked", flush=True)
sys.stdin.read()
"""
_FOR_ALL = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "BEGIN EXCLUSIVE",
    "UPDATE Settings SET value = value WHERE key = 'hits'",
)


def mounts(*arguments: str) -> bool:
    """Whether `mount` with these arguments did its work."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def unmount(*folders: Path) -> None:
    """Unmount, whoever still has files open there."""
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A file system of that size at `folder`; False, and a plain folder, where mounting is not allowed."""
    folder.mkdir()
    mounted = mounts("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            unmount(folder)


@contextlib.contextmanager
def disk_full(cache: Path) -> Iterator[None]:
    """The file system on which the cache lies has no byte left."""
    filler = cache.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only_mount(cache: Path) -> Iterator[None]:
    """The cache lies on a file system that is read-only."""
    other = cache.with_name("read-only")
    other.mkdir()
    try:
        assert mounts("-t", "tmpfs", "tmpfs", str(other))
        copy(cache, other)
        assert mounts("-o", "remount,ro", str(other))
        assert mounts("--bind", str(other), str(cache))
        yield
    finally:
        unmount(cache, other)
        other.rmdir()


@contextlib.contextmanager
def no_permission(cache: Path) -> Iterator[None]:
    """Nobody may write in the directory or to its files; who has them open goes on."""
    paths = [cache, *cache.rglob("*")]
    modes = [(path, path.stat().st_mode) for path in paths]
    for path, mode in modes:
        path.chmod(mode & 0o7555)
    try:
        yield
    finally:
        for path, mode in modes:
            if path.exists():
                path.chmod(mode)


@contextlib.contextmanager
def locked_to_writers(cache: Path) -> Iterator[None]:
    """Another process is in the middle of a write."""
    with _locked(cache / DATABASE, ("BEGIN IMMEDIATE",)):
        yield


@contextlib.contextmanager
def locked_to_all(cache: Path) -> Iterator[None]:
    """Another process holds the database for itself. It cannot take one that is open here: it has one of its own,
    which it puts in the place of ours."""
    theirs, ours = cache.with_name("theirs"), cache.with_name("ours")
    copy(cache, theirs)
    with _locked(theirs / DATABASE, _FOR_ALL):
        cache.rename(ours)
        theirs.rename(cache)
        yield
    shutil.rmtree(ours)


@contextlib.contextmanager
def _locked(database: Path, statements: tuple[str, ...]) -> Iterator[None]:
    command = [sys.executable, "-c", _LOCK, str(database), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        try:
            assert locker.stdout.readline() == b"locked\n"
            yield
        finally:
            locker.kill()


def copy(cache: Path, to: Path) -> None:
    """Copy a cache that is in use."""
    with contextlib.closing(sqlite3.connect(cache / DATABASE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(cache, to, dirs_exist_ok=True)


@contextlib.contextmanager
def deleted(cache: Path) -> Iterator[None]:
    """Somebody removes the directory, and puts a copy back in the end."""
    backup = cache.with_name("backup")
    copy(cache, backup)
    shutil.rmtree(cache, ignore_errors=True)  # the proxy may create its index anew meanwhile
    try:
        yield
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        backup.rename(cache)


def change_row(cache: Path, sql: str, *values: object) -> None:
    """Change rows of entries in place."""
    with contextlib.closing(sqlite3.connect(cache / DATABASE, timeout=120)) as database, database:
        database.execute(sql, values)


def value_file(cache: Path, key: str) -> Path:
    """The file in which the entry under `key` lies."""
    with contextlib.closing(sqlite3.connect(cache / DATABASE, timeout=120)) as database:
        ((name,),) = database.execute("SELECT filename FROM Cache WHERE key = ?", (key,))
    return cache / name


def readable_keys(cache: Path) -> set[str]:
    """The keys of a cache, every entry of which can be read."""
    store = DiskStore(cache)
    keys = set(store.keys())
    assert all(store.get(key) is not None for key in keys)
    store.close()
    return keys
