"""Replaces secrets in text, so that the text may be saved and two secrets still give two texts.

A secret becomes `<redacted:KIND:HEX8>`, with the first 8 hex digits of its SHA-256. A value that says nothing
about the answer becomes `<redacted:KIND>`. A literal `<redacted:` in a request becomes `<redacted::`: KIND is
never empty, so no request can contain what looks like a redaction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from addon.redaction import shapes
from addon.redaction.credential_places import BODY_FIELDS

__all__ = ["IGNORED", "hashed", "hex8", "may_hold_secrets", "redact_bytes", "redact_text", "redacted"]

_OPEN = b"<redacted:"
_ESCAPED = b"<redacted::"
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


def hex8(value: bytes) -> str:
    """The first 8 hex digits of the SHA-256 of `value`."""
    return hashlib.sha256(value).hexdigest()[:8]


def hashed(value: bytes) -> str:
    """`<sha256:HEX8>`, the saved form of a value that is in the identity but not known to be harmless."""
    return f"<sha256:{hex8(value)}>"


def redacted(kind: str, value: bytes | None = None) -> str:
    """The text that replaces a secret. With `value`, two different secrets give two texts."""
    return f"<redacted:{kind}>" if value is None else f"<redacted:{kind}:{hex8(value)}>"


def may_hold_secrets(data: bytes) -> bool:
    """Whether `redact_text` may change one of the texts in `data` (JSON without spaces).

    No shape but a private key's contains an escape or crosses the end of a text, so a secret in a text is also
    one in the JSON. The reverse does not hold: a private key that ends in another text is reported as well.
    """
    # Searching for one byte is faster than searching for several.
    return (_OPEN[0] in data and _OPEN in data) or bool(shapes.find(data))


def redact_bytes(data: bytes, *, members: bool = False) -> bytes:
    """`data` with every secret shape replaced. Never raises. Different inputs give different results.

    `members` is for text that is not JSON or a form as a whole (JSON lines, a damaged document). It also
    replaces the values of members and pairs whose names are those of credentials, and of a server's headers.
    """
    findings = shapes.find(data)
    if members:
        findings = sorted([*findings, *_members(data)], key=lambda finding: finding.start)
    return _replaced(data, findings) if findings or _OPEN[0] in data else data


def _replaced(data: bytes, findings: list[shapes.Finding]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for kind, start, end in findings:
        if start >= at:
            parts += (data[at:start], redacted(kind, data[start:end]).encode())
            at = end
    parts.append(data[at:])
    if _OPEN in data:
        parts[::2] = [part.replace(_OPEN, _ESCAPED) for part in parts[::2]]
    return b"".join(parts)


def _members(data: bytes) -> Iterator[shapes.Finding]:
    for match in (*_MEMBER.finditer(data), *_PAIR.finditer(data)):
        if kind := BODY_FIELDS.get(match[1].decode()):
            yield shapes.Finding(kind, *match.span(2))
    for headers in _HEADERS.finditer(data):
        for match in _HEADER.finditer(data, *headers.span(1)):
            if match[1]:
                yield shapes.Finding("header", *match.span(1))


def redact_text(text: str, *, members: bool = False) -> str:
    """`redact_bytes` for str."""
    # Most texts are too short for a shape, for a literal `<redacted:` and for a member that holds a credential.
    if len(text) < (len(_OPEN) if members or "<" in text else shapes.SHORTEST):
        return text
    data = text.encode("utf-8", "surrogatepass")
    clean = redact_bytes(data, members=members)
    return text if clean is data else clean.decode("utf-8", "surrogatepass")
