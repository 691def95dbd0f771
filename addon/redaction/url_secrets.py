"""Finds the credentials in URLs: user information, query parameters that grant access, secrets in path segments.

The keys in connection strings of Azure are found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from addon.redaction.member_names import credential_kind, is_uuid, looks_secret
from addon.redaction.rare_letters import rare_letter
from addon.redaction.shapes import Finding

__all__ = ["find", "has_secret", "in_path", "in_query"]

_SLASH, _COLON = ord("/"), ord(":")
_SCHEME_END = b"://"
# Possessive and over one class of bytes: every byte is read once.
_URL = re.compile(rb"://([^\s\"'<>\\`\x00-\x20]++)")
# A URL in the query of another, encoded once or more.
_ENCODED_URL = re.compile(rb"(?i)%(?:25)*3a%(?:25)*2f%(?:25)*2f([^\s\"'<>\\`&\x00-\x20]++)")
_ENCODED_EQUALS = re.compile(rb"%(?:25)*3[Dd]")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_ROUNDS, _LONGEST_ENCODED = 3, 64 * 1024
# A quick test: most URLs have neither user information nor parameters.
_MAY_HOLD = re.compile(rb"[@=]|/bot[0-9]|/services/T|/webhooks/|(?i:token|key|secret|password|sig)")
_AUTHORITY_ENDS = re.compile(rb"[/?#;]")
_PARAMETER = re.compile(
    rb"[?&#]([A-Za-z0-9_.%-]{1,64}+)=([^&;#]++)|[/;]([A-Za-z0-9_.%-]{1,64}+)=([^?&;#/]++)"
)
# Azure Storage and Service Bus; emulators have keys of any length.
_CONNECTION_KEY = re.compile(rb"(?:Account|SharedAccess)Key=([A-Za-z0-9+/_-]{8,}+)")
# In a sentence or in Markdown, these follow a URL.
_AFTER_URL = b").,;:!]}*"
_SIGNATURES = frozenset(
    {"sig", "signature", "x-amz-signature", "x-goog-signature", "upload_id", "x-ms-signature"}
)
_SHORT_LIVED = frozenset({"code", "auth", "hmac", "ticket", "pass", "sk", "ak"})
# Telegram bots, Slack and Discord webhooks, and what follows a segment that names a credential.
_IN_PATH = re.compile(
    rb"(?i)/bot(?P<bot>[0-9]{3,20}(?::|%3A)[^/?#&\"\\\s<>]{3,})"
    rb"|/services/T[A-Z0-9]{5,20}/B[A-Z0-9]{5,20}/(?P<hook>[A-Za-z0-9]{8,64})"
    rb"|/webhooks/[0-9]{10,24}/(?P<webhook>[\w-]{20,128})"
    rb"|/(?:access[_-]?token|api[_-]?key|auth[_-]?token|key|token|secret|password|sig|signature)"
    rb"/(?P<named>[^/?#&\"\\\s<>]{8,2048})"
)


def find(data: bytes) -> list[Finding]:
    """Every credential in a URL with a scheme in `data`, in order. Takes time linear in `len(data)`."""
    findings = _in_urls(data)
    if b"2F%" in data or b"2f%" in data:
        for match in _ENCODED_URL.finditer(data):
            text, places = _decoded(match[1])
            at = match.start(1)
            findings += (
                Finding(kind, at + places[start], at + places[end]) for kind, start, end in _in_url(text)
            )
        findings = sorted(set(findings), key=lambda finding: finding.start)
    if b"Key=" in data:
        findings += (Finding("account-key", *match.span(1)) for match in _CONNECTION_KEY.finditer(data))
        findings.sort(key=lambda finding: finding.start)
    return findings


def _in_urls(data: bytes) -> list[Finding]:
    if _SLASH not in data or not _has_scheme(data):
        return []
    findings: list[Finding] = []
    for match in _URL.finditer(data):
        text, at = match[1], match.start(1)
        if _MAY_HOLD.search(text):
            findings += (Finding(kind, at + start, at + end) for kind, start, end in _in_url(text))
    return findings


def _has_scheme(data: bytes) -> bool:
    colons = rare_letter(data, _COLON)
    if colons is not None:
        return any(data.startswith(_SCHEME_END, at) for at in colons)
    # Searching from the end is several times faster than from the start.
    return data.rfind(_SCHEME_END) >= 0


def _in_url(text: bytes) -> list[Finding]:
    """The credentials in what follows a URL's `://`."""
    ends = _AUTHORITY_ENDS.search(text)
    start = ends.start() if ends else len(text)
    findings = [*_in_userinfo(text[:start]), *in_path(text, start), *in_query(text, start)]
    findings.sort(key=lambda finding: finding.start)
    return findings


def _in_userinfo(authority: bytes) -> Iterator[Finding]:
    """The user information of an authority, unless it is only a user's name (`git@`)."""
    userinfo, at, _ = authority.rpartition(b"@")
    _, colon, password = userinfo.partition(b":")
    if at and ((colon and password) or looks_secret(userinfo.decode("latin-1"))):
        yield Finding("userinfo", 0, len(userinfo))


def in_query(text: bytes, start: int = 0) -> Iterator[Finding]:
    """The values of parameters that grant access, after `?`, `&`, `;`, `#` or `/`, also in encoded URLs."""
    plain = list(_in_parameters(text, start))
    yield from plain
    if _ENCODED_EQUALS.search(text, start):
        found = {finding.start for finding in plain}
        decoded, places = _decoded(text[start:])
        for kind, begin, end in _in_parameters(decoded, 0):
            if start + places[begin] not in found:
                yield Finding(kind, start + places[begin], start + places[end])


def _decoded(text: bytes) -> tuple[bytes, list[int]]:
    """`text` with its escapes undone, and where each byte and the end stand in `text`. Only of its beginning."""
    text = text[:_LONGEST_ENCODED]
    places = list(range(len(text) + 1))
    for _ in range(_ROUNDS):
        decoded, kept, at = bytearray(), list[int](), 0
        for match in _ESCAPE.finditer(text):
            decoded += text[at : match.start()]
            decoded.append(int(match[1], 16))
            kept += places[at : match.start() + 1]
            at = match.end()
        if not at:
            break
        text, places = bytes(decoded + text[at:]), kept + places[at:]
    return text, places


def _in_parameters(text: bytes, start: int) -> Iterator[Finding]:
    for match in _PARAMETER.finditer(text, start):
        group = match.lastindex or 2
        if name := _parameter_name(match[group - 1]):
            value = match[group].rstrip(_AFTER_URL)
            if _grants_access(name, value):
                yield Finding("query", match.start(group), match.start(group) + len(value))


@lru_cache(maxsize=1024)
def _parameter_name(name: bytes) -> str | None:
    """The name of a parameter that may grant access, in lower case, or None."""
    text = unquote_to_bytes(name).decode("latin-1")
    lower = text.lower()
    if lower in _SIGNATURES or lower in _SHORT_LIVED:
        return lower
    # A value that passes for a secret: only the name matters here.
    return text if credential_kind(text, "a1b2c3d4e5f6g7h8i9j0") else None


def _grants_access(name: str, value: bytes) -> bool:
    text = value.decode("latin-1")
    if not value or text.startswith("<redacted:"):
        return False
    if name in _SIGNATURES:
        return True
    if name.lower() == "key" and is_uuid(text):
        return True
    return looks_secret(text, 8) if name in _SHORT_LIVED else credential_kind(name, text) is not None


def in_path(text: bytes, start: int = 0) -> Iterator[Finding]:
    """The secrets in the segments of a path: `/bot<token>/`, webhooks, `/token/<secret>`."""
    for match in _IN_PATH.finditer(text, start):
        group = match.lastgroup
        assert group is not None
        if group != "named" or looks_secret(match[group].decode("latin-1"), 12):
            yield Finding("path", *match.span(group))


def has_secret(url: str) -> bool:
    """Whether a URL, absolute or relative, contains a credential or a signature."""
    data = url.encode("utf-8", "surrogatepass")
    return bool(find(data)) or any(in_query(data)) or any(in_path(data))
