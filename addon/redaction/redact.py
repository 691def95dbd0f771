"""Replaces secrets in text, so that the text may be saved and two secrets still give two texts.

A secret becomes `<redacted:KIND:HEX>`, where HEX is the first 32 hex digits (128 bits) of its SHA-256. A literal
`<redacted:` in a request becomes `<redacted::`, and KIND is never empty, so nothing that a client sends can be
confused with a redaction. The same holds for `⟦minted:`, which stands for an id that a provider has minted.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from addon.redaction import shapes, url_secrets
from addon.redaction.text_members import members_in

__all__ = [
    "IGNORED",
    "Redaction",
    "hashed",
    "hides_secrets",
    "minted",
    "redact_bytes",
    "redact_path",
    "redact_query_value",
    "redact_text",
    "redacted",
    "redactions",
]

_OPEN = b"<redacted:"
_MINTED = "⟦minted:".encode()
_LITERALS = (_OPEN, _MINTED)
_SHORTEST_TEXT = len("x://a:b@c")
_QUOTE = b'"'
_BACKSLASH = ord("\\")

IGNORED = "<redacted:ignored>"
"""Replaces a value that an ignore rule of the user removed."""


def _hex(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:32]


def hashed(value: bytes) -> str:
    """`<sha256:HEX>`, the saved form of a value that is in the identity but not known to be harmless."""
    return f"<sha256:{_hex(value)}>"


def redacted(kind: str, value: bytes) -> str:
    """The text that replaces the secret `value`; two different secrets give two texts."""
    return f"<redacted:{kind}:{_hex(value)}>"


def minted(key: str) -> str:
    """The text that stands for an id that was minted in the answer to the request with `key`."""
    return f"⟦minted:{key}⟧"


class Redaction(NamedTuple):
    """A text in JSON that `redact_text` changes: `data[start:end]` with its quotes, decoded, and redacted."""

    start: int
    end: int
    text: str
    safe: str


def redactions(data: bytes) -> list[Redaction]:
    """The texts in `data` (JSON without spaces) that `redact_text` changes, in order.

    No shape but a private key's contains an escape or crosses the end of a text, so a secret in a text is also
    one in the JSON, and only the texts around those have to be read. The reverse does not hold: a private key that
    ends in another text covers all texts in between, which may stay as they are.
    """
    places = [(start, end) for _, start, end in (*shapes.find(data), *url_secrets.find(data))]
    for literal in _LITERALS:
        # Searching for one byte, or from the end, is faster than searching for several from the start.
        if literal[0] in data and data.rfind(literal) >= 0:
            places += (match.span() for match in re.finditer(literal, data))
    found = []
    for start, end in _texts_at(data, sorted(places)) if places else ():
        text = json.loads(data[start:end])
        safe = redact_text(text)
        if safe != text:
            found.append(Redaction(start, end, text, safe))
    return found


def _texts_at(data: bytes, places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where the texts are that overlap `places`, which are sorted and each begin within a text.

    Reads every byte once, however many places there are.
    """
    done = 0
    for start, end in places:
        opening = data.find(_QUOTE, done, end) if start < done else data.rfind(_QUOTE, done, start)
        while start >= done and _is_escaped(data, opening):
            opening = data.rfind(_QUOTE, done, opening)
        while 0 <= opening < end:
            closing = data.index(_QUOTE, opening + 1)
            while _is_escaped(data, closing):
                closing = data.index(_QUOTE, closing + 1)
            done = closing + 1
            yield opening, done
            opening = data.find(_QUOTE, done, end)


def _is_escaped(data: bytes, quote: int) -> bool:
    before = quote
    while data[before - 1] == _BACKSLASH:
        before -= 1
    return (quote - before) % 2 == 1


def hides_secrets(data: bytes) -> bool:
    """Whether `data` contains secrets in UTF-16 or UTF-32, in which `redact_bytes` does not find them."""
    if b"\0" not in data:
        return False
    plain = data.replace(b"\0", b"")
    return bool(shapes.find(plain) or url_secrets.find(plain)) or any(True for _ in members_in(plain))


def redact_bytes(data: bytes, *, members: bool = False, is_saved: bool = False) -> bytes:
    """`data` with every secret shape and every credential in a URL replaced.

    Never raises; two different inputs stay different. `members` is for text that is not JSON or a form as a whole
    (JSON lines, a damaged document). It also replaces the values that stand under names of credentials. `is_saved`
    is for text that has been redacted before: its redactions stay as they are.
    """
    findings = shapes.find(data) + url_secrets.find(data)
    if members:
        findings += members_in(data)
    return _replaced(data, findings, () if is_saved else tuple(text for text in _LITERALS if text in data))


def _replaced(data: bytes, findings: list[shapes.Finding], literals: tuple[bytes, ...] = ()) -> bytes:
    """`data` with the findings replaced, and `literals` escaped between them."""
    if not findings and not literals:
        return data
    parts: list[bytes] = []
    at = 0
    for kind, start, end in _merged(findings):
        parts += (data[at:start], redacted(kind, data[start:end]).encode())
        at = end
    parts.append(data[at:])
    for literal in literals:
        parts[::2] = [part.replace(literal, literal + b":") for part in parts[::2]]
    return b"".join(parts)


def _merged(findings: list[shapes.Finding]) -> list[shapes.Finding]:
    """The findings in order. Those that overlap are one."""
    merged: list[shapes.Finding] = []
    for finding in sorted(findings, key=lambda finding: finding.start):
        if merged and finding.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, finding.end))
        else:
            merged.append(finding)
    return merged


def redact_text(text: str, *, members: bool = False, is_saved: bool = False) -> str:
    """`text` with secrets replaced; the options are those of `redact_bytes`."""
    # Most texts are too short for a shape, a URL or a member, and contain no literal.
    if len(text) < _SHORTEST_TEXT and not ("<" in text or "⟦" in text):
        return text
    data = text.encode("utf-8", "surrogatepass")
    safe = redact_bytes(data, members=members, is_saved=is_saved)
    return text if safe is data else safe.decode("utf-8", "surrogatepass")


def redact_path(path: str) -> str:
    """A path in normal form with the secrets in its segments replaced, such as `/bot<token>/sendMessage`."""
    data = path.encode("utf-8", "surrogatepass")
    findings = [*url_secrets.in_path(data), *url_secrets.in_query(data)]
    return _replaced(data, findings).decode("utf-8", "surrogatepass")


def redact_query_value(value: str) -> str:
    """The value of a query parameter with the credentials in it replaced: those in a URL, or after a `;`."""
    data = value.encode("utf-8", "surrogatepass")
    return _replaced(data, list(url_secrets.in_query(data))).decode("utf-8", "surrogatepass")
