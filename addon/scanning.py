"""The rules about secrets, run over what is stored: the gate before a cache is uploaded or committed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from addon.redaction import carries_credentials, shapes
from addon.redaction.response_headers import keep_response_headers
from cache_store.entry import Entry

__all__ = ["Found", "scan_bytes", "scan_entry"]

# A signature in a URL: what the caller asked for, so it is stored, and named here.
_SIGNED_URL = re.compile(
    rb"https?://[^\s\"'<>\\]{1,2048}[?&](?:X-Amz-Signature|X-Goog-Signature|sig|Signature)=", re.IGNORECASE
)


class Found(NamedTuple):
    """A kind of secret and the part that it stands in; never the secret. A note does not fail a scan."""

    kind: str
    part: str
    note: bool = False


def scan_entry(entry: Entry) -> list[Found]:
    """What must not be in an entry, and signed URLs as notes."""
    found = [Found(kind, "request") for kind in _shapes(entry.request_json)]
    found += [Found(kind, "answer") for kind in _shapes(entry.body)]
    found += [Found(kind, "headers") for kind in _shapes(b"\n".join(value for _, value in entry.headers))]
    kept = keep_response_headers(entry.headers)
    found += [Found("header", name.decode("latin-1").lower()) for name, value in entry.headers
              if (name, value) not in kept and name.lower() != b"content-length"]  # fmt: skip
    media_type = next((v.decode("latin-1") for n, v in entry.headers if n.lower() == b"content-type"), "")
    credential = carries_credentials(entry.body, media_type)
    if credential:
        found.append(Found(credential, "answer"))
    if _SIGNED_URL.search(entry.body):
        found.append(Found("signed-url", "answer", note=True))
    return found


def scan_bytes(data: bytes) -> list[Found]:
    """What must not be in a file that is no cache: secrets by their shape."""
    return [Found(kind, "file") for kind in _shapes(data)]


def _shapes(data: bytes) -> Iterator[str]:
    return iter(sorted({finding.kind for finding in shapes.find(data)}))
