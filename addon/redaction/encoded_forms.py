"""The forms in which a known secret may turn up again: plain, base64, URL-encoded, JSON-escaped, hex."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, quote_plus

__all__ = ["encoded_forms"]


def encoded_forms(secret: bytes) -> set[bytes]:
    """Byte strings of which at least one occurs wherever `secret` occurs in one of these encodings.

    base64 (RFC 4648 4 and 5) depends on what stands before: for each of the three alignments it is the run of
    characters that `secret` alone determines.
    """
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        core = encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        forms |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    for coded in (quote(secret, safe=""), quote(secret, safe="/"), quote_plus(secret)):
        forms |= {coded.encode(), re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), coded).encode()}
    text = secret.decode("utf-8", "replace")
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        forms |= {escaped.encode(), escaped.replace("/", "\\/").encode()}
    return forms
