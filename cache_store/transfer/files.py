"""Directories with one pretty-printed JSON file per entry, made to be committed to git and reviewed.

The path tells what the entry is: `host/path…/model--<short key>.json`. It is made of the entry's label, with every
character replaced that could lead elsewhere, and is never read back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from cache_store.answers.text import spoken
from cache_store.atomic_file import replace_file
from cache_store.entry import Entry, account_of, bindings_of, header_value, recorded_seconds, timing_of
from cache_store.errors import CorruptEntry, EntryError, TransferError
from cache_store.transfer.readable import from_readable, to_readable
from cache_store.transfer.volatile import join_headers, split_headers

__all__ = [
    "MAX_FILE",
    "from_file",
    "is_exported",
    "is_exported_text",
    "plain_files",
    "read_file",
    "to_file",
    "write_files",
]

_FORMAT = 2
_FORMATS = (1, _FORMAT)  # in the first one, what is volatile lay among the rest
_START = re.compile(rb'\s*\{\s*"provider_proxy"\s*:')
_NAME = re.compile(r".*--[0-9a-f]{12}[0-9a-f.]*\.json")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_MAX_KEY = 130  # characters of a whole key, with its test and number
_MAX_PART = 80  # characters of one part of a path
_MAX_PARTS = 12
_SHORT_KEY = 12

MAX_FILE = 512 * 2**20
"""The longest file of an entry, in bytes."""


def _path_of(entry: Entry, *, full: bool = False) -> PurePosixPath:
    """The path of an entry's file inside the directory; with `full`, it has the whole key."""
    label = entry.label
    parts = [label.get("host", ""), *[part for part in label.get("path", "").split("/") if part][:_MAX_PARTS]]
    plain, dot, nth = entry.key.partition("-")[2].partition(".")
    digits, at, test = plain.partition("@")  # a test's own entry has a digest of the test after the `@`
    if not full:
        digits, test = digits[:_SHORT_KEY], test[:_SHORT_KEY]
    key = _UNSAFE.sub("_", digits + at + test + dot + nth)[:_MAX_KEY]
    return PurePosixPath(*map(_safe, parts), f"{_safe(label.get('model', 'entry'))}--{key}.json")


def to_file(entry: Entry) -> bytes:
    """The file's content. The same entry gives the same bytes.

    What another recording of the same answer would have anew comes last, under `recording`. Its `sha256` is a
    digest of the exported entry: it tells an edited file from an untouched one. `said` holds the text and the tool
    calls of a stream, for those who read the file; it is not read back.
    """
    headers, volatile = split_headers(entry.headers)
    value = {
        "provider_proxy": _FORMAT,
        "key": entry.key,
        "judged": entry.judged,
        **({"edited": True} if entry.edited else {}),
        **({"ambiguous": True} if entry.ambiguous else {}),
        **({"account": entry.account} if entry.account else {}),
        "label": entry.label,
        "request": to_readable(entry.request_json),
        "response": {
            "status": entry.status,
            "reason": entry.reason,
            "headers": headers,
            **_said(entry),
            "body": to_readable(entry.body),
        },
        "recording": {
            "recorded_at": entry.recorded_at,
            "elapsed": entry.elapsed,
            "run": entry.run,
            "headers": volatile,
            **({"bindings": entry.bindings} if entry.bindings else {}),
            **({"timing": entry.timing} if entry.timing else {}),
            "sha256": _digest(entry),
        },
    }
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        return (json.dumps(value, indent=2) + "\n").encode()


def _said(entry: Entry) -> dict[str, Any]:
    media_type = header_value(entry.headers, b"content-type").lower()
    said = spoken(entry.body, media_type) if "event" in media_type else None
    return {} if said is None else {"said": said.as_dict()}


def from_file(data: bytes, now: float) -> Entry:
    """The entry in a file. `now` (Unix seconds) replaces a recording time that is not usable.

    Raises CorruptEntry if it is not an exported entry.
    """
    try:
        fields = json.loads(data)
        if fields["provider_proxy"] not in _FORMATS:
            raise CorruptEntry("a newer provider-proxy wrote it")
        response = fields["response"]
        recording = fields if fields["provider_proxy"] == 1 else fields["recording"]
        entry = Entry(
            key=str(fields["key"]),
            status=int(response["status"]),
            reason=str(response["reason"]),
            headers=join_headers(response["headers"], recording.get("headers", ())),
            body=from_readable(response["body"]),
            recorded_at=recorded_seconds(recording.get("recorded_at"), now),
            elapsed=float(recording["elapsed"]),
            run=str(recording["run"]),
            label={str(name): str(text) for name, text in fields["label"].items()},
            judged=str(fields["judged"]),
            request_json=from_readable(fields["request"]),
            edited=fields.get("edited") is True,
            ambiguous=fields.get("ambiguous") is True,
            account=account_of(fields.get("account")),
            bindings=bindings_of(recording.get("bindings", ())),
            timing=timing_of(recording.get("timing")),
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CorruptEntry("it is not an exported entry") from error
    if "sha256" in recording and recording["sha256"] != _digest(entry):
        entry = replace(entry, edited=True)
    return Entry.decode(entry.encode())  # refuses what cannot be sent or listed


def write_files(entries: Iterable[Entry], folder: Path) -> int:
    """Write one file per entry, and remove our files of other entries; how many were written.

    Raises TransferError.
    """
    written: set[Path] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in sorted(entries, key=lambda entry: entry.key):
            path = folder / _path_of(entry)
            if path in written:
                path = folder / _path_of(entry, full=True)
            _write(path, to_file(entry), folder)
            written.add(path)
        for path in list(plain_files(folder)):
            if path not in written and _NAME.fullmatch(path.name) and is_exported(path):
                path.unlink()
    except OSError as error:
        raise TransferError(f"{folder} cannot be written: {error.strerror}") from error
    return len(written)


def read_file(path: Path, now: float) -> Entry:
    """The entry in the file at `path`. `now` is as in `from_file`. Raises TransferError if there is none."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise TransferError(f"{path}: it is larger than any entry")
        return from_file(path.read_bytes(), now)
    except EntryError as error:
        raise TransferError(f"{path}: {error}") from error
    except OSError as error:
        raise TransferError(f"{path} cannot be read: {error.strerror}") from error


def plain_files(folder: Path) -> Iterator[Path]:
    """The plain files below `folder`, in order, without hidden ones. Links are not followed."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _write(path: Path, data: bytes, folder: Path) -> None:
    if any(part.is_symlink() for part in (path, *path.parents) if part != folder and folder in part.parents):
        raise TransferError(f"{path} is or contains a link; remove the link")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def is_exported(path: Path) -> bool:
    """Whether a file starts as an exported entry does. Raises OSError."""
    with path.open("rb") as file:
        return is_exported_text(file.read(200))


def is_exported_text(data: bytes) -> bool:
    """Whether a file that begins with `data` starts as an exported entry does."""
    return _START.match(data[:200]) is not None


def _digest(entry: Entry) -> str:
    """A digest of what a person may edit, which does not depend on the version of the entry's own format."""
    digest = hashlib.sha256(f"{entry.key}\n{entry.status} {entry.reason}\n".encode("utf-8", "surrogatepass"))
    for part in (*(part for header in entry.headers for part in header), entry.request_json, entry.body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def _safe(part: str) -> str:
    """`part` as one part of a path that stays inside the directory and is not hidden."""
    return re.sub(r"^\.+|^$", "_", _UNSAFE.sub("_", part)[:_MAX_PART])
