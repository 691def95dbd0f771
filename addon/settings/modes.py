"""Cache modes: what each may serve, forward and store."""

from __future__ import annotations

import enum
from typing import Self

from cache_store.errors import UsageError

__all__ = ["MODE_HEADER", "Mode", "Serves", "mode_for_request", "parse_mode"]

MODE_HEADER = "x-provider-proxy-mode"


class Serves(enum.Enum):
    """Which entries a mode answers from."""

    NOTHING = "nothing"
    ANY = "any entry"
    OLD = "entries that this run did not record"


class Mode(enum.StrEnum):
    """A cache mode; the value is the name that users type.

    `serves` says which entries it answers from, `forwards` whether a miss goes to the provider, and `stores`
    whether a whole success becomes an entry.
    """

    serves: Serves
    forwards: bool
    stores: bool

    def __new__(cls, value: str, serves: Serves, forwards: bool, stores: bool) -> Self:
        mode = str.__new__(cls, value)
        mode._value_ = value
        mode.serves, mode.forwards, mode.stores = serves, forwards, stores
        return mode

    OFF = "off", Serves.NOTHING, True, False
    READ_ONLY = "read-only", Serves.ANY, True, False
    REQUIRE_HIT = "read-only-require-hit", Serves.ANY, False, False
    READ_WRITE = "read-write", Serves.ANY, True, True
    READ_OLD_WRITE_NEW = "read-old-write-new", Serves.OLD, True, True
    WRITE_ONLY = "write-only", Serves.NOTHING, True, True


_BY_NAME = {**{mode.value: mode for mode in Mode}, "on": Mode.READ_WRITE}


def parse_mode(text: str) -> Mode:
    """The mode called `text`: case does not matter, `_` counts as `-`, `on` is read-write.

    Raises UsageError that lists the valid names.
    """
    name = text.strip().lower().replace("_", "-")
    if name not in _BY_NAME:
        raise UsageError(f"{text!r} is not a cache mode; use one of: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def mode_for_request(run_mode: Mode, asked: str | None, where: str = MODE_HEADER) -> Mode:
    """The mode for one request that carries `asked` in its mode header, or that a test asks for, as `where` says.

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
            f"{where}: {mode} would do more than this run's {run_mode} allows; use one of: {allowed}"
        )
    return mode
