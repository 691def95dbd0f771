"""Applies the rules about secrets to stored entries and files, before a cache is uploaded or committed."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from addon.redaction import carries_credentials, header_parameters, shapes, url_secrets
from addon.redaction.member_names import credential_kind, is_credential_header, is_redacted, looks_secret
from addon.redaction.members import Sighting, sightings
from addon.redaction.nested_json import secrets_inside
from addon.redaction.put_together import put_together
from addon.redaction.response_headers import keep_response_headers
from addon.redaction.text_members import members_in
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
    leaks = [Leak(kind, "request") for kind in _kinds_in_request(entry.request_json)]
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


def _kinds_in_request(saved: bytes) -> list[str]:
    """The kinds of credentials in a saved request, by the rules under which requests are saved today."""
    kinds = {finding.kind for finding in (*shapes.find(saved), *url_secrets.find(saved))}
    try:
        request = json.loads(saved)
    except (ValueError, RecursionError):
        return sorted(kinds | {finding.kind for finding in members_in(saved)})
    kinds |= {sighting.kind for sighting in sightings(request) if _is_secret(sighting)}
    kinds |= {finding.kind for finding in url_secrets.in_path(str(request.get("path", "")).encode())}
    kinds |= {
        finding.kind
        for _, value in request.get("headers", ())
        for finding in header_parameters.find(str(value).encode("utf-8", "surrogatepass"))
    }
    kinds |= {kind for kind, secret in secrets_inside(request) if not is_redacted(secret)}
    body = request.get("body")
    if isinstance(body, dict):
        for name, value in [
            *request.get("query", ()),
            *body.get("pairs", ()),
            *map(_field, body.get("parts", ())),
        ]:
            if value and not is_redacted(value) and (kind := credential_kind(name or "", value)):
                kinds.add(kind)
        if body.get("kind") == "text":
            kinds |= {
                finding.kind
                for finding in members_in(str(body.get("value")).encode("utf-8", "surrogatepass"))
            }
    return sorted(kinds)


def _is_secret(sighting: Sighting) -> bool:
    """Whether a sighting is one; an MCP server's headers are redacted as a precaution."""
    value = sighting.holder[sighting.place]
    if sighting.kind != "header" or is_credential_header(sighting.name):
        return True
    return isinstance(value, str) and looks_secret(value)


def _field(part: dict[str, Any]) -> tuple[str | None, str | None]:
    return part.get("name"), part.get("text")


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
