"""Finds the credentials in the parameters of a header that is kept: `accept: application/json; token=…`.

Parameters are those of RFC 9110, 5.6.6; `name=value` in a list counts too.
"""

from __future__ import annotations

import re

from addon.redaction.member_names import SUSPECT, credential_kind, is_redacted
from addon.redaction.redact import redacted
from addon.redaction.shapes import Finding

__all__ = ["find", "redact_parameters"]

# Each alternative begins with another character, so the search takes linear time.
_PARAMETER = re.compile(
    rb'(?<![\w-])([A-Za-z][\w-]{0,63}+)[ \t]{0,8}+=[ \t]{0,8}+(?:"((?:[^"\\]|\\.)*+)"|([^;,\s"]++))'
)


def find(value: bytes) -> list[Finding]:
    """The values of parameters whose names are those of credentials."""
    if b"=" not in value or not SUSPECT.search(value.lower().decode("latin-1")):
        return []
    found = []
    for match in _PARAMETER.finditer(value):
        group = match.lastindex or 3
        name, text = match[1].decode("latin-1"), match[group].decode("latin-1")
        kind = None if is_redacted(text) else credential_kind(name, text)
        if kind is not None:
            found.append(Finding(kind, *match.span(group)))
    return found


def redact_parameters(value: str) -> str:
    """A header's value, as saved, with those values replaced by their hashes."""
    data = value.encode("utf-8", "surrogatepass")
    for kind, start, end in reversed(find(data)):
        data = data[:start] + redacted(kind, data[start:end]).encode() + data[end:]
    return data.decode("utf-8", "surrogatepass")
