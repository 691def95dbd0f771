"""Secrets that tell themselves by their shape, at full length (issue "Request identity and secrets").

No entropy guessing: `encrypted_content`, signatures and ids such as `chatcmpl-…` look random and are no secrets.
The cheap part is a search for each shape's first bytes; only what starts like a secret is looked at closely.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Finding", "find"]


class Finding(NamedTuple):
    """A secret's kind and where it is: `data[start:end]`."""

    kind: str
    start: int
    end: int


# What stands before a secret is no part of a word, or is the end of an escape such as `\n` or `%20`, which looks
# like one.
_BEFORE = (
    r"(?:(?<![A-Za-z0-9_-]{0})|(?<=\\[bfnrt]{0})|(?<=%[0-9A-Fa-f][0-9A-Fa-f]{0})"
    r"|(?<=\\u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]{0}))"
)


_PEM_END = b"-----END "
_PEM_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_PEM_CLOSE = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)
_LONGEST_PEM = 64 * 1024
_SHORTEST_PEM_BASE64 = 60  # Ed25519, the shortest in use, has 64; documentation writes `MIIE...`


def _is_sk_key(found: bytes) -> bool:
    """Whether `sk-…` is a key rather than a slug (`sk-folding-cube-…`) or a placeholder (`sk-xxxx…`)."""
    rest = found[1:]
    if not found.rpartition(b"-")[2].strip(b"xX"):
        return False
    return rest.isalnum() or any(byte in b"0123456789" for byte in rest)


class _Shape(NamedTuple):
    kind: str
    pattern: re.Pattern[bytes]
    before: int


def _shape(kind: str, first: str, rest: str) -> _Shape:
    """A shape whose first letters (a pattern) end in a rare one, which `re` searches for at the speed of memchr."""
    behind = _BEFORE.replace("{0}", first)
    length = len(re.sub(r"\[[a-zA-Z]+\]", "?", first))
    return _Shape(kind, re.compile(f"{first[-1]}(?<={first}){behind}{rest}".encode()), length - 1)


_B64URL = "[A-Za-z0-9_-]"
_END = "(?![A-Za-z0-9_-])"
# Possessive: where the end does not fit, a shorter match cannot either.
_SHAPES = (
    _shape("sk-key", "sk-", rf"(?:ant-{_B64URL}{{24,256}}+|(?!ant-){_B64URL}{{32,256}}+){_END}"),
    _shape("google-key", "AIz", "a" + _B64URL + "{35}+" + _END),
    _shape("groq-key", "gsk_", "[A-Za-z0-9]{40,80}+" + _END),
    _shape("aws-key-id", "A[KS]I", "A[A-Z0-9]{16}+" + _END),
    _shape("google-token", "ya29", r"\.[A-Za-z0-9_.-]{24,4096}+"),
    _shape("jwt", "eyJ", rf"{_B64URL}{{8,}}+\.eyJ{_B64URL}{{8,}}+\.{_B64URL}{{16,}}+"),
    _shape("github-token", "gh[pousr]_", "[A-Za-z0-9]{36,255}+" + _END),
    _shape("slack-token", "xox", "[bp]-[A-Za-z0-9-]{20,255}+(?![A-Za-z0-9_])"),
)


def find(data: bytes) -> list[Finding]:
    """Every secret shape in `data`, in order, without overlaps. Linear in `len(data)`."""
    found = [
        Finding(kind, match.start() - before, match.end())
        for kind, pattern, before in _SHAPES
        for match in pattern.finditer(data)
        if kind != "sk-key" or _is_sk_key(match[0])
    ]
    if b"-----BEGIN " in data:
        found.extend(_private_keys(data))
    if len(found) < 2:
        return found
    found.sort(key=lambda finding: finding.start)
    return [after for before, after in pairwise([Finding("", 0, 0), *found]) if after.start >= before.end]


def _private_keys(data: bytes) -> Iterator[Finding]:
    at = data.find(b"-----BEGIN ")
    end = -1
    while at >= 0:
        begin = _PEM_BEGIN.match(data, at)
        if begin:
            # One search serves every BEGIN before it, so that many BEGINs without an END stay linear.
            if end < at:
                end = data.find(_PEM_END, at)
            stop = _private_key_end(data, begin.end(), end if end >= 0 else len(data))
            if stop is not None:
                yield Finding("private-key", at, stop)
                at = stop - 1
        at = data.find(b"-----BEGIN ", at + 1)


def _private_key_end(data: bytes, start: int, stop: int) -> int | None:
    """Where the key that starts at `start` ends; a missing END line does not make it less of a secret."""
    stop = min(stop, start + _LONGEST_PEM)
    again = data.find(b"-----BEGIN ", start, stop)
    content = data[start : stop if again < 0 else again]
    if len(content.translate(None, _NOT_BASE64)) < _SHORTEST_PEM_BASE64:
        return None
    close = _PEM_CLOSE.match(data, start + len(content))
    return close.end() if close else start + len(content)
