"""Cache modes: what each may serve, forward and store."""

from __future__ import annotations

import enum
from typing import NamedTuple

from cache_store.errors import UsageError

__all__ = ["MODE_HEADER", "Mode", "Serves", "mode_for_request", "parse_mode"]

MODE_HEADER = "x-provider-proxy-mode"


class Serves(enum.Enum):
    """Which entries a mode answers from."""

    NOTHING = "nothing"
    ANY = "any entry"
    OLD = "entries that this run did not record"


class _Rule(NamedTuple):
    serves: Serves
    forwards: bool
    stores: bool


class Mode(enum.StrEnum):
    """A cache mode; the value is the name that users type."""

    OFF = "off"
    READ_ONLY = "read-only"
    REQUIRE_HIT = "read-only-require-hit"
    READ_WRITE = "read-write"
    READ_OLD_WRITE_NEW = "read-old-write-new"
    WRITE_ONLY = "write-only"

    @property
    def serves(self) -> Serves:
        """Which entries it answers from."""
        return _RULES[self].serves

    @property
    def forwards(self) -> bool:
        """Whether a miss goes to the provider."""
        return _RULES[self].forwards

    @property
    def stores(self) -> bool:
        """Whether a whole success becomes an entry."""
        return _RULES[self].stores


_RULES = {
    Mode.OFF: _Rule(Serves.NOTHING, forwards=True, stores=False),
    Mode.READ_ONLY: _Rule(Serves.ANY, forwards=True, stores=False),
    Mode.REQUIRE_HIT: _Rule(Serves.ANY, forwards=False, stores=False),
    Mode.READ_WRITE: _Rule(Serves.ANY, forwards=True, stores=True),
    Mode.READ_OLD_WRITE_NEW: _Rule(Serves.OLD, forwards=True, stores=True),
    Mode.WRITE_ONLY: _Rule(Serves.NOTHING, forwards=True, stores=True),
}

_ALIASES = {"on": Mode.READ_WRITE}


def parse_mode(text: str) -> Mode:
    """The mode called `text`: case does not matter, `_` counts as `-`, `on` is read-write.

    Raises UsageError that lists the valid names.
    """
    name = text.strip().lower().replace("_", "-")
    if name in _ALIASES:
        return _ALIASES[name]
    try:
        return Mode(name)
    except ValueError:
        valid = ", ".join([*Mode, *_ALIASES])
        raise UsageError(f"{text!r} is not a cache mode; use one of: {valid}") from None


def mode_for_request(run_mode: Mode, asked: str | None) -> Mode:
    """The mode for one request that carries `asked` in its mode header.

    A request may narrow what its run does, never widen it. Raises UsageError for an unknown mode, and for one
    that forwards or stores although the run's mode does not.
    """
    if asked is None:
        return run_mode
    mode = parse_mode(asked)
    if mode.forwards > run_mode.forwards or mode.stores > run_mode.stores:
        allowed = ", ".join(
            m for m in Mode if m.forwards <= run_mode.forwards and m.stores <= run_mode.stores
        )
        raise UsageError(
            f"{MODE_HEADER}: {mode} would do more than this run's {run_mode} allows; use one of: {allowed}"
        )
    return mode
