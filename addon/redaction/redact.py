"""Replaces secrets in text, so that the text may be saved and two secrets still give two texts.

A secret becomes `<redacted:KIND:HEX>`, where HEX is the first 32 hex digits (128 bits) of its SHA-256. A literal
`<redacted:` in a request becomes `<redacted::`, and KIND is never empty, so nothing that a client sends can be
confused with a redaction. The same holds for `⟦minted:`, which stands for an id that a provider has minted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from addon.redaction import shapes
from addon.redaction.credential_places import BODY_FIELDS

__all__ = [
    "IGNORED",
    "hashed",
    "is_redacted",
    "may_hold_secrets",
    "minted",
    "redact_bytes",
    "redact_text",
    "redacted",
]

_OPEN = b"<redacted:"
_MINTED = "⟦minted:".encode()
_LITERALS = (_OPEN, _MINTED)
_MARKER = re.compile(r"<redacted:[a-z0-9-]+(?::[0-9a-f]{32})?>")
# Possessive, because `re` stores 160 bytes for each byte that it could go back to.
_MEMBER = re.compile(rb'"([A-Za-z_-]{4,40})"\s{0,64}:\s{0,64}"((?:[^"\\]++|\\.)++)"', re.DOTALL)
# `headers` of an MCP server in a body that is not parsed as JSON: the lines of a batch, a lone surrogate in a
# prompt.
_HEADERS = re.compile(rb'"headers"\s{0,64}:\s{0,64}\{((?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+)', re.DOTALL)
_HEADER = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"\s{0,64}:\s{0,64}"((?:[^"\\]++|\\.)++)"|"(?:[^"\\]++|\\.)*+"', re.DOTALL
)
# A form that is not parsed as one.
_PAIR = re.compile(rb"(?:\A|&)([A-Za-z_-]{4,40})=([^&\s\"\\]++)")

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


def is_redacted(text: str) -> bool:
    """Whether the whole of `text` is a redaction of ours; always False for text that is not yet redacted."""
    return text.startswith("<redacted:") and _MARKER.fullmatch(text) is not None


def minted(key: str) -> str:
    """The text that stands for an id that was minted in the answer to the request with `key`."""
    return f"⟦minted:{key}⟧"


def may_hold_secrets(data: bytes) -> bool:
    """Whether `redact_text` may change one of the texts in `data` (JSON without spaces).

    No shape but a private key's contains an escape or crosses the end of a text, so a secret in a text is also
    one in the JSON. The reverse does not hold: a private key that ends in another text is reported as well.
    """
    # Searching for one byte is faster than searching for several.
    return (_OPEN[0] in data and _OPEN in data) or _MINTED in data or bool(shapes.find(data))


def redact_bytes(data: bytes, *, members: bool = False, is_saved: bool = False) -> bytes:
    """`data` with every secret shape replaced. Never raises; two different inputs stay different.

    `members` is for text that is not JSON or a form as a whole (JSON lines, a damaged document). It also
    replaces the values of members and pairs whose names are those of credentials, and of a server's headers.
    `is_saved` is for text that has been redacted before: its redactions stay as they are.
    """
    findings = shapes.find(data)
    if members:
        named = _members(data)
        if is_saved:
            named = (f for f in named if not is_redacted(data[f.start : f.end].decode("utf-8", "replace")))
        findings = sorted([*findings, *named], key=lambda finding: finding.start)
    return _replaced(data, findings, () if is_saved else tuple(text for text in _LITERALS if text in data))


def _replaced(data: bytes, findings: list[shapes.Finding], literals: tuple[bytes, ...]) -> bytes:
    """`data` with the findings replaced, and `literals` escaped between them."""
    if not findings and not literals:
        return data
    parts: list[bytes] = []
    at = 0
    for kind, start, end in findings:
        if start >= at:
            parts += (data[at:start], redacted(kind, data[start:end]).encode())
            at = end
    parts.append(data[at:])
    for literal in literals:
        parts[::2] = [part.replace(literal, literal + b":") for part in parts[::2]]
    return b"".join(parts)


def _members(data: bytes) -> Iterator[shapes.Finding]:
    for match in (*_MEMBER.finditer(data), *_PAIR.finditer(data)):
        if kind := BODY_FIELDS.get(match[1].decode()):
            yield shapes.Finding(kind, *match.span(2))
    for headers in _HEADERS.finditer(data):
        for match in _HEADER.finditer(data, *headers.span(1)):
            if match[1]:
                yield shapes.Finding("header", *match.span(1))


def redact_text(text: str, *, members: bool = False, is_saved: bool = False) -> str:
    """`text` with secrets replaced; the options are those of `redact_bytes`."""
    # Most texts are too short for a shape and contain neither a literal nor a member.
    if len(text) < shapes.SHORTEST and not (members or "<" in text or "⟦" in text):
        return text
    data = text.encode("utf-8", "surrogatepass")
    safe = redact_bytes(data, members=members, is_saved=is_saved)
    return text if safe is data else safe.decode("utf-8", "surrogatepass")
