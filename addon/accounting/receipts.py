"""Receipts: a sorted text file that lists the entries a run was answered from, for reviewers.

    # provider-proxy receipt 1
    upstream: none
    pp2-<64 hex>  sha256:<64 hex>  2026-11-21T08:22:50Z  POST api.openai.com/v1/chat/completions gpt-4.1

One line per key, sorted by request, so that a diff shows what changed. The digest is that of the stored entry. A
run that knows its tests adds a section for each, with the keys that it used:

    test "tests/test_a.py::test_b"
      pp2-<64 hex>
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addon.accounting.figures import named
from addon.accounting.run_end import UsedEntry
from cache_store.atomic_file import replace_file
from cache_store.errors import UsageError

__all__ = [
    "Receipt",
    "is_receipt",
    "keys_in_receipts",
    "lock_failures",
    "parse_receipt",
    "read_receipt",
    "receipt_text",
    "rekey_receipt",
]

_HEAD = "# provider-proxy receipt 1"
# A key may be one of a test (`@…`) and of a sequence (`.2`).
_KEY = r"pp\d+[ruv]?-[0-9a-f]{64}(?:@[0-9a-f]{32})?(?:\.\d+)?"
_LINE = re.compile(rf"({_KEY})  sha256:([0-9a-f]{{64}})  (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)  (\S.*)")
_KEY_OF_TEST = re.compile(rf"  ({_KEY})")
_UPSTREAM = {"none": False, "opened": True}
_MOST_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Receipt:
    """A lock file: digests by key, and whether a connection to a provider was opened.

    `labels` has each key's request in one line, and `tests` the tests that used it, where that is known.
    """

    digests: dict[str, str]
    upstream: bool
    labels: dict[str, str] = field(default_factory=dict)
    tests: dict[str, list[str]] = field(default_factory=dict)


def receipt_text(
    used: Iterable[UsedEntry], *, upstream: bool, tests: Iterable[Mapping[str, Any]] = ()
) -> str:
    """The text of a receipt, without entries that are gone; `tests` are the run's verdicts as JSON values."""
    used = [entry for entry in used if entry.digest]
    lines = sorted(
        (
            entry.label,
            entry.key,
            f"{entry.key}  sha256:{entry.digest}  {_time(entry.recorded_at)}  {entry.label or '?'}",
        )
        for entry in used
    )
    head = [_HEAD, f"upstream: {'opened' if upstream else 'none'}"]
    sections = _sections(tests, {entry.key for entry in used})
    return "\n".join([*head, *(line for *_, line in lines), *sections]) + "\n"


def _sections(tests: Iterable[Mapping[str, Any]], there: set[str]) -> list[str]:
    keys: dict[str, set[str]] = {}
    for row in tests:
        keys.setdefault(row["test"], set()).update(there & row["entries"].keys())
    return [
        line
        for test, used in sorted(keys.items())
        if used
        for line in (f"test {json.dumps(test)}", *(f"  {key}" for key in sorted(used)))
    ]


def is_receipt(data: bytes) -> bool:
    """Whether a file that begins with `data` is meant to be a lock file."""
    return data.startswith(_HEAD.encode())


def read_receipt(path: Path) -> Receipt:
    """Read the lock file at `path`. Raises UsageError, with the broken line's number."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the lock file {path} cannot be read: {error.strerror}") from error
    return parse_receipt(data, str(path))


def parse_receipt(data: bytes, name: str) -> Receipt:
    """Read the content of the lock file `name`. Raises UsageError, with the broken line's number."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not a lock file; write one with run --receipt") from error
    upstream = _UPSTREAM.get(lines[1].removeprefix("upstream: ")) if len(lines) > 1 else None
    if lines[0] != _HEAD or upstream is None or len(data) > _MOST_BYTES:
        raise UsageError(f"{name} is not a lock file; write one with run --receipt")
    receipt = Receipt({}, upstream)
    test: str | None = None
    for number, line in enumerate(lines[2:], 3):
        if line.startswith("test "):
            test = _test_in(line)
            is_sound = test is not None
        elif test is not None and (match := _KEY_OF_TEST.fullmatch(line)):
            receipt.tests.setdefault(match[1], []).append(test)
            is_sound = True
        elif test is None and (match := _LINE.fullmatch(line)) and match[1] not in receipt.digests:
            receipt.digests[match[1]] = match[2]
            receipt.labels[match[1]] = match[4]
            is_sound = True
        else:
            is_sound = not line and number == len(lines)
        if not is_sound:
            raise UsageError(f"{name} is broken at line {number}; write it anew with run --receipt")
    return receipt


def _test_in(line: str) -> str | None:
    """The test that a section's first line names; None if it is broken."""
    try:
        test = json.loads(line.removeprefix("test "))
    except (ValueError, RecursionError):
        return None
    return test if isinstance(test, str) else None


def rekey_receipt(path: Path, moved: Mapping[str, tuple[str, str]]) -> None:
    """Rewrite the lock file at `path` in one step: `moved` has new key and new digest by old key.

    Raises UsageError if it is not a lock file or cannot be written.
    """
    read_receipt(path)
    head, upstream, *lines = path.read_text("utf-8").split("\n")
    start = next((number for number, line in enumerate(lines) if line.startswith("test ")), len(lines))
    sections = [_moved(line, moved) for line in filter(None, lines[start:])]
    rewritten: set[tuple[str, str, str]] = set()
    for line in filter(None, lines[:start]):
        key, digest, recorded, label = line.split("  ", 3)
        key, digest = moved.get(key, (key, digest.removeprefix("sha256:")))
        rewritten.add((label, key, f"{key}  sha256:{digest}  {recorded}  {label}"))
    text = "\n".join([head, upstream, *(line for *_, line in sorted(rewritten)), *sections]) + "\n"
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise UsageError(f"the lock file {path} cannot be written: {error.strerror}") from error


def _moved(line: str, moved: Mapping[str, tuple[str, str]]) -> str:
    """A line of a test's section with its key's new form."""
    key = line.strip()
    return f"  {moved[key][0]}" if key in moved else line


def lock_failures(receipt: Receipt, used: Iterable[UsedEntry]) -> list[str]:
    """One line for each way in which a run differs from its lock file."""
    used = list(used)
    unlisted = [entry for entry in used if entry.key not in receipt.digests]
    differ = [e for e in used if e.key in receipt.digests and e.digest != receipt.digests[e.key]]
    kinds = ((unlisted, "not in the lock file"), (differ, "not what the lock file says"))
    return [_failed(entries, what) for entries, what in kinds if entries]


def keys_in_receipts(paths: Iterable[Path]) -> set[str]:
    """The keys in all of the lock files. Raises UsageError."""
    return {key for path in paths for key in read_receipt(path).digests}


def _failed(entries: list[UsedEntry], what: str) -> str:
    names = [f"{entry.key[:12]}… {entry.label}".strip() for entry in entries]
    return f"--locked: {named(names, 'entry', 'entries')} {'is' if len(names) == 1 else 'are'} {what}"


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
