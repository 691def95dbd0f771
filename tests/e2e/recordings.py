"""Entries that look like recorded ones: their key is that of their saved request, so they may be pulled and imported."""

from __future__ import annotations

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from cache_store.entry import Entry


def file_content(number: int, body: bytes, recorded_at: float = 1000.0) -> Entry:
    """The content of file `number`, as OpenAI's API hands it out: any bytes are a whole answer."""
    path = f"/v1/files/file-{number}/content"
    headers = ((b"authorization", b"Bearer test"),)
    identity = identify(
        WireRequest("GET", "https", "api.openai.com", 443, path, headers, b""), IdentityRules()
    )
    return Entry(
        identity.key,
        200,
        "OK",
        ((b"content-type", b"application/octet-stream"),),
        body,
        recorded_at,
        0.1,
        "run",
        identity.label,
        "transport",
        identity.request_json,
    )


def number_of(entry: Entry) -> int:
    """The number that `file_content` made `entry` from."""
    return int(entry.label["path"].split("/")[-2].removeprefix("file-"))
