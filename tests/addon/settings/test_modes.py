"""The rules of each mode, and how a request may narrow its run's mode."""

from __future__ import annotations

import pytest

from addon.settings.modes import MODE_HEADER, Mode, Serves, mode_for_request, parse_mode
from cache_store.errors import UsageError

# design, section 3: serves, forwards a miss, stores
TABLE = {
    "off": (Serves.NOTHING, True, False),
    "read-only": (Serves.ANY, True, False),
    "read-only-require-hit": (Serves.ANY, False, False),
    "read-write": (Serves.ANY, True, True),
    "read-old-write-new": (Serves.OLD, True, True),
    "write-only": (Serves.NOTHING, True, True),
}

# Which modes a request may ask for, by its run's mode: whatever forwards and stores no more than that.
MAY_ASK = {
    "off": {"off", "read-only", "read-only-require-hit"},
    "read-only": {"off", "read-only", "read-only-require-hit"},
    "read-only-require-hit": {"read-only-require-hit"},
    "read-write": set(TABLE),
    "read-old-write-new": set(TABLE),
    "write-only": set(TABLE),
}


def test_every_mode_is_in_the_table() -> None:
    """The six modes of the design and no other."""
    assert {str(mode) for mode in Mode} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_what_a_mode_serves_forwards_and_stores(name: str) -> None:
    """Each mode does exactly what its row says."""
    mode = Mode(name)
    assert (mode.serves, mode.forwards, mode.stores) == TABLE[name]


@pytest.mark.parametrize("name", TABLE)
def test_names_are_read_leniently(name: str) -> None:
    """Case does not matter, `_` counts as `-`, and blanks around a name are nothing."""
    for text in (name, name.upper(), name.replace("-", "_"), f"  {name.title()} \n"):
        assert parse_mode(text) is Mode(name)


@pytest.mark.parametrize("text", ["on", "ON", " On "])
def test_on_is_read_write(text: str) -> None:
    """`on` is the one alias."""
    assert parse_mode(text) is Mode.READ_WRITE


@pytest.mark.parametrize(
    "text", ["", " ", "read", "readonly", "of", "true", "read-write,off", "read only", "REQUIRE_HIT"]
)
def test_anything_else_lists_the_valid_names(text: str) -> None:
    """An unknown name is refused in one line with every name that is valid."""
    with pytest.raises(UsageError) as refused:
        parse_mode(text)
    message = str(refused.value)
    assert repr(text) in message
    assert all(name in message for name in [*TABLE, "on"])
    assert "\n" not in message


@pytest.mark.parametrize("run", TABLE)
@pytest.mark.parametrize("asked", TABLE)
def test_a_request_narrows_and_never_widens(run: str, asked: str) -> None:
    """A request gets the mode that it asks for where its run may do as much, and is refused where not."""
    if asked in MAY_ASK[run]:
        assert mode_for_request(Mode(run), asked) is Mode(asked)
        return
    with pytest.raises(UsageError) as refused:
        mode_for_request(Mode(run), asked)
    _, _, valid = str(refused.value).partition("use one of: ")
    assert set(valid.split(", ")) == MAY_ASK[run]
    assert MODE_HEADER in str(refused.value)


@pytest.mark.parametrize("run", TABLE)
def test_without_the_header_the_runs_mode_holds(run: str) -> None:
    """A request that asks for nothing gets its run's mode; an empty header is an unknown mode."""
    assert mode_for_request(Mode(run), None) is Mode(run)
    with pytest.raises(UsageError):
        mode_for_request(Mode(run), "")
