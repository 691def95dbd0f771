"""The normal form of a request's headers (RFC 9110, 5): lower-case names, sorted, repeats in order."""

from __future__ import annotations

import re
from functools import lru_cache

from addon.identity.denylist import Verdict, header_verdict
from addon.redaction.redact import hashed
from cache_store.entry import Headers

__all__ = ["KeptHeaders", "keep_headers", "media_type", "normal_headers", "value_of"]

type KeptHeaders = list[tuple[bytes, bytes]]

_USUAL_NAMES = 2048  # bytes of all names together; longer lists are not cached
_ANY_FORMAT = frozenset({"*/*", "application/json"})
# Types whose text is always UTF-8 (RFC 8259, 8.1; WHATWG URL, 5.1).
_UTF8_TYPES = re.compile(r"application/(?:[\w.+-]+\+)?json|application/x-www-form-urlencoded")
# Starts at the first space only, because a search that restarts at each would take quadratic time.
_QUALITY = re.compile(r"(?<![ \t])[ \t]*;[ \t]*q=[0-9.]+$", re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)', re.ASCII)
_OWS = " \t"  # RFC 9110, 5.6.3; `str.strip` would remove more


def keep_headers(headers: Headers, *, is_provider: bool) -> tuple[KeptHeaders, bool]:
    """The headers that the key depends on (lower-case name, value as sent), and whether a credential was sent.

    `is_provider` if the request goes to a provider's own API (see `families`).
    """
    names = tuple([name for name, _ in headers])
    is_usual = sum(map(len, names)) <= _USUAL_NAMES
    find = _places if is_usual else _places.__wrapped__
    places, credentials = find(names, is_provider)
    credential = bool(b"".join([headers[at][1] for at in credentials]).strip())
    return [(name, headers[at][1]) for at, name in places], credential


@lru_cache(maxsize=256)
def _places(names: tuple[bytes, ...], is_provider: bool) -> tuple[list[tuple[int, bytes]], list[int]]:
    """The positions (and lower-case names) of the headers that are kept, and the positions of credentials.

    Cached, because a client sends the same names with every request. Values are never passed to this function.
    """
    kept: list[tuple[int, bytes]] = []
    credentials: list[int] = []
    for at, name in enumerate(names):
        verdict, lower = header_verdict(name, is_provider=is_provider)
        if verdict is Verdict.CREDENTIAL:
            credentials.append(at)
        elif verdict is not Verdict.OUT:
            kept.append((at, lower))
    return kept, credentials


def value_of(kept: KeptHeaders, name: bytes) -> str:
    """A header's value, repeats joined by commas (RFC 9110, 5.3); '' if it is absent."""
    values = [value.decode("latin-1").strip(_OWS) for kept_name, value in kept if kept_name == name]
    return ", ".join(values) if values else ""


def normal_headers(
    kept: KeptHeaders, *, has_body: bool, is_multipart: bool, is_decoded: bool
) -> list[list[str]]:
    """Pairs of name and value as they are saved, sorted by name.

    With `is_multipart` the body was read as parts, so its boundary is left out; with `is_decoded` its
    content-encoding was undone, so that header is left out.
    """
    pairs: list[list[str]] = []
    sets: dict[bytes, set[str]] = {}
    for name, raw in kept:
        verdict, _ = header_verdict(name, is_provider=False)  # those left out are gone already
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
    # Repeated lines form one list: `*/*` beside `text/event-stream` must not be dropped.
    pairs += [[name.decode(), value] for name, of in _CHOICES.items() if (value := of(value_of(kept, name)))]
    pairs.sort(key=lambda pair: pair[0])
    return pairs


_SPECIAL = frozenset({b"content-type", b"content-encoding"})


def _special(name: bytes, value: str, has_body: bool, is_multipart: bool, is_decoded: bool) -> str:
    if not has_body or (name == b"content-encoding" and is_decoded):
        return ""
    return _content_type(value, is_multipart) if name == b"content-type" else value.lower()


def _accept(value: str) -> str:
    """'' if only JSON or any type is accepted; otherwise the accepted types in order."""
    if '"' in value:
        return value  # a quoted string may contain commas, and its case may matter
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
    """Type and parameters, without a redundant charset and without the boundary of a body that was read."""
    kind, _, rest = value.partition(";")
    kind = kind.strip(_OWS).lower()
    items = [(name.lower(), parameter.strip(_OWS)) for name, parameter in _PARAMETER.findall(";" + rest)]
    if _PARAMETER.sub("", ";" + rest).strip("; \t") or len(dict(items)) < len(items):
        return value
    parameters = []
    for item in items:
        if is_multipart and item[0] == "boundary":
            continue
        if item[0] == "charset":
            item = ("charset", item[1].strip('"').lower())
            if item[1] == "utf-8" and _UTF8_TYPES.fullmatch(kind):
                continue
        parameters.append("; {}={}".format(*item))
    return kind + "".join(sorted(parameters))
