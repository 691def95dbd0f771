"""`dir`: one pretty-printed JSON file per entry, made to be committed to git and reviewed.

The path says what the entry is: `host/path…/model--<short key>.json`. It is made of the entry's label with every
character that could lead elsewhere replaced, and is never read back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from cache_store.atomic_file import replace_file
from cache_store.entry import Entry, recorded_seconds
from cache_store.errors import CorruptEntry, EntryError, TransferError
from cache_store.transfer.readable import from_readable, to_readable

__all__ = ["entry_path", "from_file", "read_files", "to_file", "write_files"]

FORMAT = 1
_START = b'{\n  "provider_proxy": '
_NAME = re.compile(r".*--[0-9a-f]{12}[0-9a-f.]*\.json")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 80  # characters of one part of a path
_DEEPEST = 12
_MOST = 512 * 2**20  # bytes of one file
_SHORT = 12


def entry_path(entry: Entry, *, full: bool = False) -> PurePosixPath:
    """Where an entry lies in a directory; with `full`, under its whole key."""
    label = entry.label
    parts = [label.get("host", ""), *[part for part in label.get("path", "").split("/") if part][:_DEEPEST]]
    plain, dot, nth = entry.key.partition("-")[2].partition(".")
    key = _UNSAFE.sub("_", (plain if full else plain[:_SHORT]) + dot + nth)[:_LONGEST]
    return PurePosixPath(*map(_safe, parts), f"{_safe(label.get('model', 'entry'))}--{key}.json")


def to_file(entry: Entry) -> bytes:
    """The file's content; the same entry gives the same bytes."""
    value = {
        "provider_proxy": FORMAT,
        "key": entry.key,
        "recorded_at": entry.recorded_at,
        "elapsed": entry.elapsed,
        "run": entry.run,
        "judged": entry.judged,
        "label": entry.label,
        "request": to_readable(entry.request_json),
        "response": {
            "status": entry.status,
            "reason": entry.reason,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in entry.headers],
            "body": to_readable(entry.body),
        },
    }
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        return (json.dumps(value, indent=2) + "\n").encode()


def from_file(data: bytes, now: float) -> Entry:
    """The entry in a file. `now` (Unix seconds) stands for a time of recording that is none.

    Raises CorruptEntry for what is no such file.
    """
    try:
        found = json.loads(data)
        if found["provider_proxy"] != FORMAT:
            raise CorruptEntry("it was written by a newer provider-proxy")
        response = found["response"]
        entry = Entry(
            key=str(found["key"]),
            status=int(response["status"]),
            reason=str(response["reason"]),
            headers=tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in response["headers"]),
            body=from_readable(response["body"]),
            recorded_at=recorded_seconds(found.get("recorded_at"), now),
            elapsed=float(found["elapsed"]),
            run=str(found["run"]),
            label=_texts(found["label"]),
            judged=str(found["judged"]),
            request_json=from_readable(found["request"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CorruptEntry("it is no exported entry") from error
    # The way every entry is read: what cannot be sent or listed is refused here already.
    return Entry.decode(entry.encode())


def write_files(entries: Iterable[Entry], folder: Path) -> int:
    """Write a file per entry, and remove files of ours that stand for none of them; how many were written.

    Raises TransferError.
    """
    written: set[Path] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in sorted(entries, key=lambda entry: entry.key):
            path = folder / entry_path(entry)
            if path in written:
                path = folder / entry_path(entry, full=True)
            _write(path, to_file(entry), folder)
            written.add(path)
        for path in list(_files(folder)):
            if path not in written and _NAME.fullmatch(path.name) and _is_ours(path):
                path.unlink()
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}") from error
    return len(written)


def read_files(folder: Path, now: float) -> Iterator[tuple[Path, Entry]]:
    """The entries in a directory. Raises TransferError for a file that is none, naming it."""
    for path in _files(folder):
        if path.suffix != ".json":
            continue
        try:
            if path.stat().st_size > _MOST:
                raise CorruptEntry("it is larger than any entry")
            yield path, from_file(path.read_bytes(), now)
        except EntryError as error:
            raise TransferError(f"{path}: {error}") from error
        except OSError as error:
            raise TransferError(f"{path} cannot be read: {error.strerror}") from error


def _files(folder: Path) -> Iterator[Path]:
    """Plain files below `folder`, in order; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _write(path: Path, data: bytes, folder: Path) -> None:
    if any(part.is_symlink() for part in (path, *path.parents) if part != folder and folder in part.parents):
        raise TransferError(f"{path} leads elsewhere; remove the link")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_START)) == _START


def _safe(part: str) -> str:
    """A part of a path that leads nowhere else and is not hidden."""
    return re.sub(r"^\.+|^$", "_", _UNSAFE.sub("_", part)[:_LONGEST])


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()}
