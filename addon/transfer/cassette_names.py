"""Which cassette belongs to which test, computed forwards from the test ids, as recorders name their files.

    pytest-recording, pydantic-ai   tests/cassettes/test_mod/TestA.test_b[x].yaml
    pytest-vcr                      tests/cassettes/TestA.test_b[x].yaml
    langchain                       tests/cassettes/TestA.test_b[x].yaml.gz, for tests in any folder below tests/

(pytest_recording/plugin.py, `get_default_cassette_name`; pytest_vcr.py, `vcr_cassette_name`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

__all__ = ["tests_by_cassette"]

_FORBIDDEN = r"<>?%*:|\"'/\\"
_ENDINGS = (".yaml", ".yml", ".yaml.gz", ".json")


def tests_by_cassette(ids: Iterable[str], root: Path) -> dict[Path, list[str]]:
    """The tests of each path at which a test's cassette may lie.

    `ids` are test ids as pytest prints them, relative to `root`. Lines without `::` are passed over: pytest prints
    a summary after the ids.
    """
    found: dict[Path, list[str]] = {}
    for line in ids:
        test = line.strip()
        if "::" not in test:
            continue
        for path in _cassettes(test):
            tests = found.setdefault(root / path, [])
            if test not in tests:
                tests.append(test)
    return found


def _cassettes(test: str) -> Iterator[PurePosixPath]:
    """Every path at which the cassette of `test` may lie."""
    head, bracket, parameters = test.partition("[")
    file, *classes, name = head.split("::")
    name += bracket + parameters
    module = PurePosixPath(file)
    full = f"{classes[-1]}.{name}" if classes else name
    names = dict.fromkeys((_clean(full), full.replace("/", "-")))
    for folder in module.parents:
        for one in names:
            for ending in _ENDINGS:
                yield folder / "cassettes" / module.stem / f"{one}{ending}"
                yield folder / "cassettes" / f"{one}{ending}"


def _clean(name: str) -> str:
    return "".join("-" if char in _FORBIDDEN else char for char in name)
