"""The normal form of a request's headers (RFC 9110, 5): names in lower case, sorted, repeats in order."""

from __future__ import annotations

import re
from functools import lru_cache

from addon.identity.denylist import Verdict, header_verdict
from addon.redaction.redact import hashed
from cache_store.entry import Headers

__all__ = ["Kept", "keep_headers", "media_type", "normal_headers", "value_of"]

type Kept = list[tuple[bytes, bytes]]

_USUAL_NAMES = 2048  # bytes of all names together; more is not remembered
_ANY_FORMAT = frozenset({"*/*", "application/json"})
# Types whose text is UTF-8 anyway (RFC 8259 8.1; WHATWG URL, 5.1).
_UTF8_TYPES = re.compile(r"application/(?:[\w.+-]+\+)?json|application/x-www-form-urlencoded")
# From the first space on: a search that begins at each takes quadratic time.
_QUALITY = re.compile(r"(?<![ \t])[ \t]*;[ \t]*q=[0-9.]+$", re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)', re.ASCII)
_OWS = " \t"
"""All that may stand around a value and is no part of it (RFC 9110, 5.6.3); `str.strip` takes more."""


def keep_headers(headers: Headers) -> tuple[Kept, bool]:
    """What of the headers the key may depend on (name in lower case, value as sent), and whether any other one
    carried a credential."""
    names = tuple([name for name, _ in headers])
    is_usual = sum(map(len, names)) <= _USUAL_NAMES
    places, credentials = _places(names) if is_usual else _places.__wrapped__(names)
    credential = bool(b"".join([headers[at][1] for at in credentials]).strip())
    return [(name, headers[at][1]) for at, name in places], credential


@lru_cache(maxsize=256)
def _places(names: tuple[bytes, ...]) -> tuple[list[tuple[int, bytes]], list[int]]:
    """Where headers of these names are kept (and the name in lower case), and where they are credentials.

    Remembered, as a client sends the same names with every request; values are never seen here.
    """
    kept: list[tuple[int, bytes]] = []
    credentials: list[int] = []
    for at, name in enumerate(names):
        verdict, lower = header_verdict(name)
        if verdict is Verdict.CREDENTIAL:
            credentials.append(at)
        elif verdict is not Verdict.OUT:
            kept.append((at, lower))
    return kept, credentials


def value_of(kept: Kept, name: bytes) -> str:
    """A header's value, repeats joined by commas (RFC 9110 5.3); '' where it is absent."""
    values = [value.decode("latin-1").strip(_OWS) for found, value in kept if found == name]
    return ", ".join(values) if values else ""


def normal_headers(kept: Kept, *, has_body: bool, is_multipart: bool, is_decoded: bool) -> list[list[str]]:
    """Pairs of name and value as they are saved, by name.

    `is_multipart` says that the body was read as parts, so that the boundary is out; `is_decoded` that the
    body's content-encoding was undone, so that it is out.
    """
    pairs: list[list[str]] = []
    sets: dict[bytes, set[str]] = {}
    for name, raw in kept:
        verdict, _ = header_verdict(name)
        value = raw.decode("latin-1").strip(_OWS)
        if verdict is Verdict.SET:
            sets.setdefault(name, set()).update(
                item for part in value.split(",") if (item := part.strip(_OWS))
            )
            continue
        if name in _CHOICES:
            continue
        if verdict is not Verdict.CLEAR:
            value = hashed(raw.strip(_OWS.encode()))
        elif name in _SPECIAL and (value := _special(name, value, has_body, is_multipart, is_decoded)) == "":
            continue
        pairs.append([name.decode("latin-1"), value])
    pairs += [[name.decode("latin-1"), ",".join(sorted(items))] for name, items in sets.items() if items]
    # Several lines are one list: of `*/*` beside `text/event-stream` neither goes.
    pairs += [[name.decode(), value] for name, of in _CHOICES.items() if (value := of(value_of(kept, name)))]
    pairs.sort(key=lambda pair: pair[0])
    return pairs


_SPECIAL = frozenset({b"content-type", b"content-encoding"})


def _special(name: bytes, value: str, has_body: bool, is_multipart: bool, is_decoded: bool) -> str:
    if not has_body or (name == b"content-encoding" and is_decoded):
        return ""
    return _content_type(value, is_multipart) if name == b"content-type" else value.lower()


def _accept(value: str) -> str:
    """'' where nothing but JSON or anything is asked for; else what is asked for, in order."""
    if '"' in value:
        return value  # it may hold commas, and case may matter
    items = [_type_in_lower_case(item) for part in value.split(",") if (item := part.strip(_OWS))]
    return "" if all(_QUALITY.sub("", item) in _ANY_FORMAT for item in items) else ", ".join(items)


def _type_in_lower_case(item: str) -> str:
    kind, semicolon, parameters = item.partition(";")
    return kind.lower() + semicolon + parameters


def _accept_language(value: str) -> str:
    return "" if value == "*" else value


_CHOICES = {b"accept": _accept, b"accept-language": _accept_language}


def media_type(content_type: str) -> str:
    """The type and subtype of a content-type, in lower case."""
    return content_type.partition(";")[0].strip(_OWS).lower()


@lru_cache(maxsize=256)
def _content_type(value: str, is_multipart: bool) -> str:
    """Type and parameters; without the boundary of a body that was read, and a charset that says nothing."""
    kind, _, rest = value.partition(";")
    kind = kind.strip(_OWS).lower()
    found = [(name.lower(), parameter.strip(_OWS)) for name, parameter in _PARAMETER.findall(";" + rest)]
    if _PARAMETER.sub("", ";" + rest).strip("; \t") or len(dict(found)) < len(found):
        return value
    parameters = []
    for item in found:
        if is_multipart and item[0] == "boundary":
            continue
        if item[0] == "charset":
            item = ("charset", item[1].strip('"').lower())
            if item[1] == "utf-8" and _UTF8_TYPES.fullmatch(kind):
                continue
        parameters.append("; {}={}".format(*item))
    return kind + "".join(sorted(parameters))
