"""Applies the rules about secrets to stored entries and files, before a cache is uploaded or committed."""

from __future__ import annotations

import re
from typing import NamedTuple

from addon.redaction import carries_credentials, shapes
from addon.redaction.put_together import put_together
from addon.redaction.response_headers import keep_response_headers
from cache_store.answers.media import essence_of
from cache_store.entry import Entry

__all__ = ["Leak", "scan_bytes", "scan_entry"]

# Signed URLs in answers are stored, because the caller asked for them, and reported as notes. JSON may escape
# `&`.
_SIGNATURE = re.compile(
    rb"(?:[?&]|\\u0026)(?:X-Amz-Signature|X-Goog-Signature|sig|Signature)=", re.IGNORECASE
)
_SCHEME = b"://"
_NOT_IN_URL = re.compile(rb"[\s\"'<>]")
_LONGEST_URL = 4096


class Leak(NamedTuple):
    """A kind of secret and the part of an entry that contains it, never the secret. Notes do not fail a scan."""

    kind: str
    part: str
    note: bool = False


def scan_entry(entry: Entry) -> list[Leak]:
    """The secrets in an entry, and its signed URLs as notes."""
    leaks = [Leak(kind, "request") for kind in _kinds(shapes.find(entry.request_json))]
    texts = b"\n".join(put_together(entry.body, essence_of(entry.headers)))
    shaped = [*shapes.find_in_answer(entry.body), *shapes.find_in_answer(texts)]
    leaks += [Leak(kind, "answer") for kind in _kinds(shaped)]
    values = b"\n".join((entry.reason.encode("utf-8", "replace"), *(value for _, value in entry.headers)))
    leaks += [Leak(kind, "headers") for kind in _kinds(shapes.find(values))]
    kept = keep_response_headers(entry.headers)
    leaks += [
        Leak("header", name.decode("latin-1").lower())
        for name, value in entry.headers
        if (name, value) not in kept and name.lower() != b"content-length"
    ]
    media_type = next((v.decode("latin-1") for n, v in entry.headers if n.lower() == b"content-type"), "")
    credential = carries_credentials(entry.body, media_type)
    if credential:
        leaks.append(Leak(credential, "answer"))
    if _has_signed_url(entry.body):
        leaks.append(Leak("signed-url", "answer", note=True))
    return leaks


def scan_bytes(data: bytes) -> list[Leak]:
    """The secrets in a file that is not a cache, by shape."""
    return [Leak(kind, "file") for kind in _kinds(shapes.find_in_answer(data))]


def _kinds(findings: list[shapes.Finding]) -> list[str]:
    return sorted({finding.kind for finding in findings})


def _has_signed_url(data: bytes) -> bool:
    """Whether `data` contains a URL with a signature. Looks back from the signature, which is rarer than URLs."""
    for match in _SIGNATURE.finditer(data):
        before = data[max(match.start() - _LONGEST_URL, 0) : match.start()]
        at = before.rfind(_SCHEME)
        if at >= 0 and not _NOT_IN_URL.search(before, at):
            return True
    return False
