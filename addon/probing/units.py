"""Which tests can notice an alteration: those that run while it may be seen."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["RUN", "is_shared", "is_within", "watchers"]

RUN = ""
"""In the place of a test: the whole run. What becomes of it is the exit status of its command."""

_SHARED = ("<session>", "<package>", "<module>", "<class>")


def is_shared(name: str) -> bool:
    """Whether it is a fixture's scope, such as `tests/test_a.py::<module>`, which the tests below it share."""
    return name.endswith(_SHARED)


def is_within(test: str, name: str) -> bool:
    """Whether `test` may see what the test or shared scope `name` was answered."""
    if name in (RUN, test):
        return True
    place, _, scope = name.rpartition("::")
    if scope not in _SHARED:
        return False
    place = place.removesuffix("/__init__.py")
    return place in ("", test) or test.startswith((f"{place}::", f"{place}/"))


def watchers(name: str, tests: Collection[str]) -> frozenset[str]:
    """Those of `tests`, whose outcomes are known, that may notice an alteration of an answer of `name`.

    Where the outcome of a test is not known, its runner does not tell any, and the exit status decides.
    """
    if name in tests and name != RUN:
        return frozenset({name})
    if not is_shared(name):
        return frozenset(tests)
    return frozenset(test for test in tests if test != RUN and is_within(test, name))
