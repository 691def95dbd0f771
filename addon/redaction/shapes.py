"""Finds secrets whose format is recognisable, at full length.

Entropy is not used: `encrypted_content`, signatures and ids such as `chatcmpl-…` look random and are not
secrets. A fast search for the first bytes of each shape comes first. The full pattern runs only where they
occur.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from addon.redaction.known_tokens import (
    AFTER_DOT,
    AFTER_EQUALS,
    AFTER_HYPHEN,
    AFTER_UNDERSCORE,
    TELEGRAM,
    TokenShape,
)
from addon.redaction.rare_letters import NOT_IN_RUN, rare_letter

__all__ = ["Finding", "find", "find_in_answer"]


class Finding(NamedTuple):
    """A secret's kind and position: `data[start:end]`."""

    kind: str
    start: int
    end: int


# A secret starts at the start of a word, or after an escape such as `\n` or `%20`, which ends in a letter or
# digit.
_BEFORE = (
    r"(?:(?<![A-Za-z0-9_-]{0})|(?<=\\[bfnrt]{0})|(?<=%[0-9A-Fa-f][0-9A-Fa-f]{0})"
    r"|(?<=\\u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]{0}))"
)


_PEM_BEGINS = b"-----BEGIN"
_PEM_RARE = ord("G")
_PEM_ENDS = b"-----END"
# A space may be URL-encoded.
_PEM_BEGIN = re.compile(rb"-----BEGIN(?:[A-Z0-9 +]|%20){0,60}PRIVATE(?: |\+|%20)KEY-----")
_PEM_END = re.compile(rb"-----END(?:[A-Z0-9 +]|%20){0,60}PRIVATE(?: |\+|%20)KEY-----")
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)
_LONGEST_PEM = 64 * 1024
_SHORTEST_PEM_BASE64 = 60  # Ed25519, the shortest in use, has 64; documentation writes `MIIE...`


_SHORTEST_WITHOUT_XS = 20


def _is_sk_key(key: bytes) -> bool:
    """Whether `sk-…` is a key, not a slug (`sk-folding-cube-…`) or a placeholder (`sk-xxxx…`)."""
    rest = key[1:]
    if len(key.rstrip(b"xX_-")) < _SHORTEST_WITHOUT_XS:
        return False
    return rest.isalnum() or any(byte in b"0123456789" for byte in rest)


def _after(first: str) -> str:
    """A pattern for the position after `first` (a pattern), if `first` may start a secret there."""
    return f"(?<={first})" + _BEFORE.replace("{0}", first)


class _Search:
    """Finds shapes whose prefixes end in the same letter. `then`, a lookahead, is tested once at each letter."""

    def __init__(self, letter: str, then: str, shapes: tuple[TokenShape, ...]) -> None:
        self.letter = ord(letter)
        self.kinds = [shape.kind for shape in shapes]
        self.before = [_length(shape.prefix) - 1 for shape in shapes]
        any_of = "|".join(f"({_after(shape.prefix)}{shape.rest})" for shape in shapes)
        self.pattern = re.compile(
            f"{re.escape(letter)}(?<=[A-Za-z0-9]{re.escape(letter)}){then}(?:{any_of})".encode()
        )

    def find(self, data: bytes, start: int, end: int) -> Iterator[Finding]:
        """The tokens in `data[start:end]`."""
        # Finding one byte is cheaper than starting a search.
        if data.find(self.letter, start, end) < 0:
            return
        for match in _matches(self.pattern, data, start, end):
            at = (match.lastindex or 1) - 1
            kind = self.kinds[at]
            if kind != "sk-key" or _is_sk_key(match[0]):
                yield Finding(kind, match.start() - self.before[at], match.end())


def _matches(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    """`pattern.finditer(data, start, end)` in steps: no other thread runs during one search."""
    for at in range(start, end, _STEP):
        stop = min(at + _STEP + _LONGEST, end)
        for match in pattern.finditer(data, at, stop):
            if match.start() >= at + _STEP:
                break
            whole = match if match.end() < stop or stop == end else pattern.match(data, match.start(), end)
            if whole is not None:
                yield whole


def _length(prefix: str) -> int:
    """How many characters a prefix of fixed length matches."""
    one = re.sub(r"\(\?:(\w+)[^)]*\)", r"\1", prefix)
    return len(re.sub(r"\[[A-Za-z]+\]|\\.", "?", one))


_B64URL = "[A-Za-z0-9_-]"
_END = "(?![A-Za-z0-9_-])"
# Quantifiers are possessive: if the end does not match, a shorter match cannot match either. These two consist
# of base64 letters only, and the id of an AWS key is as short as some words, so no cheaper test excludes them.
# One search looks for both by their `I`.
_GOOGLE = f"za{_after('AIza')}{_B64URL}{{35}}+{_END}"
_AWS = f"A{_after('A[KS]IA')}[A-Z0-9]{{16}}+{_END}"
_GOOGLE_OR_AWS = re.compile(f"I(?:({_GOOGLE})|{_AWS})".encode())
_IN_BOTH = ord("I")
# Each of these lies within one run of the letters below, at least 25 bytes long (Slack, Stripe), and has a
# letter that base64 has not. After most of these letters fewer than 16 letters follow, or a name in small letters.
_LONG = "(?=[A-Za-z0-9+/=_-]{16})"
_LONG_NOT_A_NAME = _LONG + "(?=[A-Za-z0-9+/=]{16}|[a-z_-]{0,15}[A-Z0-9+/])"
_IN_RUNS = (
    _Search("-", _LONG, AFTER_HYPHEN),
    _Search("_", _LONG_NOT_A_NAME, AFTER_UNDERSCORE),
    _Search(".", _LONG, AFTER_DOT),
    _Search("=", _LONG, AFTER_EQUALS),
)
_JWT = re.compile(f"J{_after('eyJ')}{_B64URL}{{8,}}+\\.eyJ{_B64URL}{{8,}}+\\.{_B64URL}{{16,}}+".encode())
_DOT = ord(".")
_TELEGRAM = re.compile(TELEGRAM.encode())
_COLON = ord(":")
_HYPHEN = ord("-")
_SHORTEST_RUN = bytes(25)
_STEP, _LONGEST = 64 * 1024, 8 * 1024
# After the first few runs, a run shares a span with the bytes that follow it.
_OWN_SPANS, _SPAN = 4, 1024
# Bytes translated at a time, so that a large answer is not in memory twice.
_WINDOW = 256 * 1024


def find(data: bytes) -> list[Finding]:
    """Every secret in `data`, in order, without overlaps. Takes time linear in `len(data)`."""
    findings = [*_google_or_aws(data)] if _IN_BOTH in data else []
    if _is_excluded(data):
        return findings
    # Most prose has no long run, and finding that out is cheaper than these searches.
    for start, end in _spans(data):
        for search in _IN_RUNS:
            findings += search.find(data, start, end)
        # The colon before a run is not part of it.
        if data.find(_COLON, max(start - 1, 0), end) >= 0:
            matches = _matches(_TELEGRAM, data, max(start - 1, 0), end)
            findings += (Finding("telegram-token", *match.span()) for match in matches)
        if data.find(_DOT, start, end) >= 0:
            findings += (Finding("jwt", m.start() - 2, m.end()) for m in _matches(_JWT, data, start, end))
    # Searching from the end is faster: a hyphen is rarer than an `N`.
    if _PEM_RARE in data and data.rfind(_PEM_BEGINS) >= 0:
        findings += _private_keys(data)
    if len(findings) < 2:
        return findings
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda finding: finding.start):
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
    return kept


def _is_excluded(data: bytes) -> bool:
    """Whether a look at the few letters of a body that is mostly base64 excludes all shapes but two.

    Every shape but those of Google's and AWS's keys has one of these letters.
    """
    for search in _IN_RUNS:
        positions = rare_letter(data, search.letter)
        if positions is None or any(search.pattern.match(data, at) for at in positions):
            return False
    return not any(
        (positions := rare_letter(data, letter)) is None
        or any(data.startswith(start, at) for at in positions)
        for letter, start in ((_DOT, b".eyJ"), (_COLON, b":AA"), (_HYPHEN, _PEM_BEGINS))
    )


# In a signed URL (AWS Signature Version 4, and version 2).
_SIGNER = (b"x-amz-credential=", b"awsaccesskeyid=")
_LONGEST_SIGNER = max(map(len, _SIGNER))


def find_in_answer(data: bytes) -> list[Finding]:
    """`find`, without AWS key ids in signed URLs: the caller asked for the URL, and an id alone is harmless."""
    return [
        finding
        for finding in find(data)
        if finding.kind != "aws-key-id"
        or not data[max(finding.start - _LONGEST_SIGNER, 0) : finding.start].lower().endswith(_SIGNER)
    ]


def _google_or_aws(data: bytes) -> Iterator[Finding]:
    for match in _GOOGLE_OR_AWS.finditer(data):
        if match[1]:
            yield Finding("google-key", match.start() - 1, match.end())
        else:
            yield Finding("aws-key-id", match.start() - 2, match.end())


def _spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Spans of `data` that contain its long runs. Runs are never cut. Runs close to each other share a span."""
    window = 0
    spans = 0
    while window < len(data):
        runs = data[window : window + _WINDOW].translate(NOT_IN_RUN)
        following = window + _WINDOW - len(_SHORTEST_RUN) + 1
        start = runs.find(_SHORTEST_RUN)
        while start >= 0:
            spans += 1
            least = start + (_SPAN if spans > _OWN_SPANS else len(_SHORTEST_RUN))
            end = runs.find(1, least)
            if end < 0:
                following = _end_of_run(data, window + max(len(runs), least))
                yield window + start, following
                break
            yield window + start, window + end
            start = runs.find(_SHORTEST_RUN, end)
        window = following


def _end_of_run(data: bytes, at: int) -> int:
    for window in range(at, len(data), _WINDOW):
        end = data[window : window + _WINDOW].translate(NOT_IN_RUN).find(1)
        if end >= 0:
            return window + end
    return len(data)


def _private_keys(data: bytes) -> Iterator[Finding]:
    end = -1
    at = data.find(_PEM_BEGINS)
    while at >= 0:
        start = at
        at = data.find(_PEM_BEGINS, start + 1)
        if begin := _PEM_BEGIN.match(data, start):
            # One search for an END serves every BEGIN before it, so many BEGINs without an END take linear
            # time.
            if end < start:
                end = data.find(_PEM_ENDS, start)
                end = end if end >= 0 else len(data)
            stop = min(end, begin.end() + _LONGEST_PEM, at if at >= 0 else end)
            if len(data[begin.end() : stop].translate(None, _NOT_BASE64)) >= _SHORTEST_PEM_BASE64:
                close = _PEM_END.match(data, stop)
                # A key without its END line is still a secret.
                yield Finding("private-key", start, close.end() if close else stop)
