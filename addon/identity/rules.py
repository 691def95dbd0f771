"""The user's ignore rules: values left out of the identity in addition to the built-in denylist."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from addon.volatile.rules import VolatileRules, parse_volatile
from cache_store.errors import UsageError

__all__ = ["ALWAYS_IN", "CacheControl", "IdentityRules", "Pointer", "Profile"]

type Pointer = tuple[str, ...]
"""The tokens of a JSON Pointer (RFC 6901); `*` stands for any index or name."""

_BAD_ESCAPE = re.compile("~(?![01])")
ALWAYS_IN = frozenset({"model", "stream"})
"""Fields that no rule can ignore."""

# Gemini clients ask for a stream with `alt=sse`.
_QUERY_ALWAYS_IN = ALWAYS_IN | {"alt"}
_HEADER = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+\*?")


NO_RULES = parse_volatile()


class CacheControl(enum.StrEnum):
    """How Anthropic's `cache_control` markers count."""

    NORMALISE = "normalise"
    EXACT = "exact"


class Profile(enum.StrEnum):
    """A named set of ignore rules; '' means none."""

    NONE = ""
    AGENTS = "agents"


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Parsed ignore rules. Header names are lower case and may end in `*`; query names are exact."""

    ignore_headers: frozenset[str] = frozenset()
    ignore_query: frozenset[str] = frozenset()
    ignore_fields: tuple[Pointer, ...] = ()
    cache_control: CacheControl = CacheControl.NORMALISE
    profile: Profile = Profile.NONE
    volatile: VolatileRules = NO_RULES

    @classmethod
    def parse(
        cls,
        ignore_headers: str = "",
        ignore_query: str = "",
        ignore_fields: str = "",
        cache_control: str = "normalise",
        profile: str = "",
        volatile: str = "",
        volatile_rules: str = "",
        folders: str = "",
    ) -> IdentityRules:
        """The rules in these settings; lists are comma-separated. Raises UsageError with a one-line message."""
        named = _member(Profile, profile, "PROFILE")
        return cls(
            frozenset(_header(name) for name in _items(ignore_headers)),
            frozenset(_query(name) for name in _items(ignore_query)),
            tuple(dict.fromkeys(_field(text) for text in _items(ignore_fields))),
            _member(CacheControl, cache_control or CacheControl.NORMALISE, "CACHE_CONTROL"),
            named,
            parse_volatile(volatile, volatile_rules, folders if named is Profile.AGENTS else None),
        )


def _pointer(text: str) -> Pointer:
    """The tokens of a JSON Pointer. Raises ValueError if it is invalid."""
    if text and not text.startswith("/"):
        raise ValueError("it does not begin with `/`")
    if _BAD_ESCAPE.search(text):
        raise ValueError("`~` is followed by neither 0 nor 1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def _items(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise UsageError(
            f"IGNORE_HEADERS: {name!r} is not a valid header name (a `*` is allowed at the end of a name only)"
        )
    return name.lower()


def _query(name: str) -> str:
    if name.lower() in _QUERY_ALWAYS_IN:
        raise UsageError(f"IGNORE_QUERY: `{name}` cannot be ignored, because it decides what the answer is")
    if "*" in name or "=" in name or "&" in name:
        raise UsageError(f"IGNORE_QUERY: {name!r} is not a valid parameter name (patterns are not supported)")
    return name


def _field(text: str) -> Pointer:
    # In a list, the empty pointer (the whole body) would be written `""`.
    try:
        pointer = () if text in ('""', "''") else _pointer(text)
    except ValueError as error:
        raise UsageError(
            f"IGNORE_FIELDS: {text!r} is not a JSON Pointer such as /metadata/user_id: {error}"
        ) from error
    if not pointer or pointer == ("*",) or (len(pointer) == 1 and pointer[0] in ALWAYS_IN):
        raise UsageError(
            f"IGNORE_FIELDS: {text!r} covers model or stream, which cannot be ignored; name a deeper field"
        )
    return pointer


def _member[E: enum.StrEnum](kind: type[E], text: str, setting: str) -> E:
    try:
        return kind(text.strip().lower())
    except ValueError:
        valid = ", ".join(member.value or "(nothing)" for member in kind)
        raise UsageError(f"{setting}: {text!r} is not valid; use one of: {valid}") from None
