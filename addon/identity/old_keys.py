"""Entries of key version 1 (`pp1-`): telling them apart, and whether their saved request says enough for version 2.

Version 1 kept 32 bits of a hash, no hash at all for some credentials, and left the same names out for every host. A
saved request of which something is missing cannot get a key of version 2: its answer could become a wrong hit.
"""

from __future__ import annotations

import hashlib
import re

from addon.identity.families import family_of, is_provider
from addon.identity.rules import IdentityRules
from addon.identity.saved_form import dump_saved, parse_saved, read_head

__all__ = ["OLD_PREFIX", "is_old", "old_key_of_saved", "why_not_carried"]

OLD_PREFIX = "pp1-"
"""The beginning of every key of version 1."""

_SHORT_HASH = re.compile(rb"<sha256:[0-9a-f]{8}>|<redacted:[a-z0-9-]+:[0-9a-f]{8}>")
# `<redacted:ignored>` is an ignore rule's marker, which version 2 writes as well.
_NO_HASH = re.compile(rb"<redacted:(?!ignored>)[a-z0-9-]+>")
_LITERAL = "⟦minted:".encode()


def is_old(key: str) -> bool:
    """Whether `key` is of version 1."""
    return key.startswith(OLD_PREFIX)


def old_key_of_saved(request_json: bytes) -> str:
    """The key of version 1 of a saved request. Raises CorruptEntry if it is invalid."""
    document = parse_saved(request_json)
    head, markers, body = read_head(document.value, IdentityRules())
    is_json = body is not None and body["kind"] == "json"
    saved = dump_saved(head, markers, document.inner(body["value"]) if body and is_json else body)
    return f"{OLD_PREFIX}{hashlib.sha256(b'provider-proxy request identity 1\0' + saved).hexdigest()}"


def why_not_carried(request_json: bytes) -> str:
    """Why a saved request of version 1 cannot get a key of version 2; '' if it can. Raises CorruptEntry."""
    head, _, _ = read_head(parse_saved(request_json).value, IdentityRules())
    if _SHORT_HASH.search(request_json):
        return "a hash of 8 digits stands for one of its values"
    if _NO_HASH.search(request_json):
        return "one of its credentials has no hash"
    if not is_provider(family_of(head["host"])):
        return "its host is not a known provider's, so version 1 left out names that count now"
    if _LITERAL in request_json:
        return "it contains text that version 2 reserves"
    step = next((value for name, value in head["headers"] if name == "x-goog-upload-command"), "start")
    return "" if step == "start" else "the upload that it belongs to is not known"
