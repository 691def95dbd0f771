"""Notes at a run's end which tests have ever used each entry: for `run --fail-on-unused` and `review`.

The note only grows: a test that used an entry once may need it again. It is one JSON object, with each name once:

    {"tests": ["tests/test_a.py::test_b"], "used": {"pp2-…": [0]}}
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from cache_store.atomic_file import replace_file
from cache_store.plain_files import locked, read_plain

__all__ = ["forget_used_by", "note_used_by", "noted_name", "read_used_by"]

_NAME = "used-by.json"
_MAX_FILE = 2**28  # bytes
_LONGEST_NAME = 1000  # characters
_MOST_TESTS = 100_000

logger = logging.getLogger(__name__)


def noted_name(test: str) -> str:
    """The name of a test as the note has it: a digest takes the place of the end of a long one."""
    if len(test) <= _LONGEST_NAME:
        return test
    return f"{test[: _LONGEST_NAME - 40]}…{hashlib.sha256(test.encode('utf-8', 'replace')).hexdigest()[:32]}"


def note_used_by(cache_dir: Path, used: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Add the keys that each test of a run used; the tests by key afterwards.

    Nothing fails if the note cannot be written.
    """
    new = {(noted_name(test), key) for test, keys in used.items() for key in keys}
    if not new:
        return read_used_by(cache_dir)
    try:
        with locked(cache_dir / f"{_NAME}.lock"):
            tests = read_used_by(cache_dir)
            if any(test not in tests.get(key, ()) for test, key in new):
                _add(tests, new)
                _write(cache_dir, tests)
            return tests
    except TimeoutError:
        logger.warning("%s was not updated: another program holds its lock", cache_dir / _NAME)
    except OSError:
        pass  # a full or read-only disk
    tests = read_used_by(cache_dir)
    _add(tests, new)
    return tests


def forget_used_by(cache_dir: Path, keys: AbstractSet[str]) -> None:
    """Forget `keys`, which were removed. Nothing fails if the note cannot be written."""
    if not (cache_dir / _NAME).exists():
        return
    try:
        with locked(cache_dir / f"{_NAME}.lock"):
            tests = read_used_by(cache_dir)
            _write(cache_dir, {key: names for key, names in tests.items() if key not in keys})
    except OSError as error:  # a TimeoutError is one
        logger.warning("%s was not updated: %s", cache_dir / _NAME, error.strerror)


def read_used_by(cache_dir: Path) -> dict[str, set[str]]:
    """The tests that have used each key; {} if the note cannot be read."""
    try:
        noted = json.loads(read_plain(cache_dir / _NAME, _MAX_FILE))
        names = [str(name) for name in noted["tests"]]
        return {
            key: {names[number] for number in numbers if 0 <= number < len(names)}
            for key, numbers in noted["used"].items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _add(tests: dict[str, set[str]], new: set[tuple[str, str]]) -> None:
    known = {name for names in tests.values() for name in names}
    for test, key in sorted(new):
        if test in known or len(known) < _MOST_TESTS:
            known.add(test)
            tests.setdefault(key, set()).add(test)


def _write(cache_dir: Path, tests: Mapping[str, AbstractSet[str]]) -> None:
    names = sorted({name for used in tests.values() for name in used})
    numbers = {name: number for number, name in enumerate(names)}
    value = {
        "tests": names,
        "used": {key: sorted(numbers[name] for name in used) for key, used in sorted(tests.items())},
    }
    replace_file(cache_dir / _NAME, json.dumps(value, separators=(",", ":")).encode(), 0o600)
