"""The rules about secrets, run over what is stored: the gate before a cache is uploaded or committed."""

from __future__ import annotations

import re
from typing import NamedTuple

from addon.redaction import carries_credentials, shapes
from addon.redaction.put_together import put_together
from addon.redaction.response_headers import keep_response_headers
from cache_store.answers.media import essence_of
from cache_store.entry import Entry

__all__ = ["Found", "scan_bytes", "scan_entry"]

# A signature in a URL: what the caller asked for, so it is stored, and named here. `&` may be escaped in JSON.
_SIGNATURE = re.compile(
    rb"(?:[?&]|\\u0026)(?:X-Amz-Signature|X-Goog-Signature|sig|Signature)=", re.IGNORECASE
)
_SCHEME = b"://"
_NOT_IN_URL = re.compile(rb"[\s\"'<>]")
_LONGEST_URL = 4096


class Found(NamedTuple):
    """A kind of secret and the part that it stands in; never the secret. A note does not fail a scan."""

    kind: str
    part: str
    note: bool = False


def scan_entry(entry: Entry) -> list[Found]:
    """What must not be in an entry, and signed URLs as notes."""
    found = [Found(kind, "request") for kind in _kinds(shapes.find(entry.request_json))]
    texts = b"\n".join(put_together(entry.body, essence_of(entry.headers)))
    shaped = [*shapes.find_in_answer(entry.body), *shapes.find_in_answer(texts)]
    found += [Found(kind, "answer") for kind in _kinds(shaped)]
    values = b"\n".join((entry.reason.encode("utf-8", "replace"), *(value for _, value in entry.headers)))
    found += [Found(kind, "headers") for kind in _kinds(shapes.find(values))]
    kept = keep_response_headers(entry.headers)
    found += [Found("header", name.decode("latin-1").lower()) for name, value in entry.headers
              if (name, value) not in kept and name.lower() != b"content-length"]  # fmt: skip
    media_type = next((v.decode("latin-1") for n, v in entry.headers if n.lower() == b"content-type"), "")
    credential = carries_credentials(entry.body, media_type)
    if credential:
        found.append(Found(credential, "answer"))
    if _has_signed_url(entry.body):
        found.append(Found("signed-url", "answer", note=True))
    return found


def scan_bytes(data: bytes) -> list[Found]:
    """What must not be in a file that is no cache: secrets by their shape."""
    return [Found(kind, "file") for kind in _kinds(shapes.find_in_answer(data))]


def _kinds(findings: list[shapes.Finding]) -> list[str]:
    return sorted({finding.kind for finding in findings})


def _has_signed_url(data: bytes) -> bool:
    """Whether a URL with a signature is in `data`. Looks back from the signature, which is rarer than URLs."""
    for match in _SIGNATURE.finditer(data):
        before = data[max(match.start() - _LONGEST_URL, 0) : match.start()]
        at = before.rfind(_SCHEME)
        if at >= 0 and not _NOT_IN_URL.search(before, at):
            return True
    return False
