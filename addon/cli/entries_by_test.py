"""Which tests used which entries in the last run, for `ls`, `show` and `rm`."""

from __future__ import annotations

from typing import Any

from addon.printing import program
from addon.scopes.globs import fits_any
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import UsageError

__all__ = ["keys_of_tests", "only_of_tests", "shared_keys", "tests_by_entry", "tests_of"]


def keys_of_tests(globs: tuple[str, ...]) -> set[str]:
    """The keys that tests which fit one of `globs` used in the last run. Raises UsageError if none fits."""
    rows = [row for row in _tests() if fits_any(row["test"], globs)]
    if not rows:
        raise UsageError(
            f"no test of the last run fits {' or '.join(globs)}; run the tests with `{program()} run`, or see "
            f"`{program()} report --json`"
        )
    return {key for row in rows for key in row["entries"]}


def only_of_tests(globs: tuple[str, ...]) -> set[str]:
    """Those of them that nothing else used in the last run. Raises UsageError if no test fits."""
    from addon.report.publishing import read_last_run

    run = read_last_run(STATE_FOLDER)
    others = {key for row in run["tests"] if not fits_any(row["test"], globs) for key in row["entries"]}
    return keys_of_tests(globs) - others - set(run["shared_entries"])


def shared_keys() -> set[str]:
    """The keys that requests of the last run used which belong to no test."""
    from addon.report.publishing import read_last_run

    return set(read_last_run(STATE_FOLDER)["shared_entries"])


def tests_of(key: str) -> list[str]:
    """The tests that used an entry in the last run; none if that is not known."""
    try:
        return list(dict.fromkeys(row["test"] for row in _tests() if key in row["entries"]))
    except UsageError:
        return []


def tests_by_entry() -> dict[str, list[str]]:
    """The tests that used each entry in the last run, by its key; empty if that is not known."""
    found: dict[str, list[str]] = {}
    try:
        for row in _tests():
            for key in row["entries"]:
                found.setdefault(key, []).append(row["test"])
    except UsageError:
        pass
    return found


def _tests() -> list[dict[str, Any]]:
    from addon.report.publishing import read_last_run

    rows: list[dict[str, Any]] = read_last_run(STATE_FOLDER)["tests"]
    return rows
