"""Shortens keys for people, and finds the key that a shortened one means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cache_store.errors import UsageError

__all__ = ["full_key", "matches", "short_key"]

_HEX = 8  # digits that listings show
# Version, hash, digest of the test, number in a sequence.
_KEY = re.compile(r"(?:pp\d+[uv]?-)?([0-9a-f]*)(@[0-9a-f]*)?(\.\d+)?")


def short_key(key: str) -> str:
    """The key as listings show it: `77172b45`, or `77172b45.2` for the second answer of a sequence."""
    parts = _KEY.fullmatch(key)
    if parts is None:
        return key[:_HEX]
    digits, test, number = parts.groups("")
    return digits[:_HEX] + test[: _HEX + 1] + number


def matches(key: str, short: str) -> bool:
    """Whether `short` means `key`: its version may be left out, its hash cut, and its suffixes left out."""
    whole, part = _KEY.fullmatch(key), _KEY.fullmatch(short)
    if whole is None or part is None:
        return key.startswith(short)
    if "-" in short and key.partition("-")[0] != short.partition("-")[0]:
        return False
    digits, test, number = whole.groups("")
    return digits.startswith(part[1]) and test.startswith(part[2] or "") and number == (part[3] or number)


def full_key(keys: Iterable[str], short: str) -> str:
    """The only key that `short` means. Of a sequence, a short key without a number means the first answer.

    Raises UsageError for none or several.
    """
    found = [key for key in keys if matches(key, short)]
    if short in found:
        return short
    if not found:
        raise UsageError(f"no key begins with {short!r}; `provider-proxy ls` lists the keys")
    firsts = {key.partition(".")[0] for key in found}
    if len(firsts) > 1:
        raise UsageError(f"{len(found)} keys begin with {short!r}; type more of the key")
    return min(found, key=len)
