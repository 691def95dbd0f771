"""Keys of recordings whose recorder left headers out, and the keys that a request may find them by.

A cassette without `anthropic-version` says nothing about that header's value, and no real request has the key of
its request. Such a recording lies under a key of its own kind, `pp2u-`: the hash of its request as it was recorded.
A request that missed is looked for without some of its headers, the fewest first. Issue 16, imports no. 6.
A saved request only says whether a credential was sent, so that one counts as a header more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from addon.identity.denylist import Verdict, header_verdict
from addon.identity.families import family_of, is_provider
from addon.identity.saved_form import dump_header_pairs, key_of
from addon.messages import WireRequest
from cache_store.entry import Entry

__all__ = [
    "EVERY",
    "UNKNOWN_PREFIX",
    "Variant",
    "fits",
    "key_like",
    "marked",
    "plain_key",
    "unknown_headers",
    "variants",
]

UNKNOWN_PREFIX = "pp2u-"
"""How the keys of recordings with unknown headers begin."""

EVERY = "*"
"""Stands for every header that a recording does not have."""

_PLAIN_PREFIX = "pp2-"
_LABEL = "unknown"  # the member of an entry's label that names them
_HEADERS = b'"headers":'
# What follows the headers in a saved request.
_SENT, _NOT_SENT = b',"credential":true', b',"credential":false'
_CREDENTIAL = ":credential"  # stands for the credential among the left-out headers; no header has such a name
_MOST_HEADERS = 5  # of a request with more, only the whole set, or the credential, is left out
_LONG = 1024 * 1024  # bytes; each variant of a request is hashed


class Variant(NamedTuple):
    """A request without some of its headers: the key to look under, and what was left out."""

    key: str
    left_out: tuple[tuple[str, str], ...]


def unknown_headers(request: WireRequest, named: frozenset[str]) -> tuple[str, ...]:
    """The headers that a recorder has certainly, or by the user's word in `named`, left out of a recording.

    Anthropic refuses a request without `anthropic-version`, and every client says what a body is. Where one of
    these is missing the recorder keeps some headers only, so that any may be missing.
    """
    present = {name.lower().decode("latin-1") for name, _ in request.headers}
    family = family_of(request.host)
    no_version = family is not None and family.name == "Anthropic" and "anthropic-version" not in present
    no_type = is_provider(family) and bool(request.body) and "content-type" not in present
    if no_version or no_type or EVERY in named:
        return (EVERY,)
    return tuple(sorted(named - present))


def marked(entry: Entry, names: tuple[str, ...]) -> Entry:
    """The entry as a recording of which the headers `names` are unknown; itself if there are none.

    One whose request has volatile values keeps its key: only headers that it has count.
    """
    if not names or not entry.key.startswith(_PLAIN_PREFIX):
        return entry
    key = UNKNOWN_PREFIX + entry.key.partition("-")[2]
    return replace(entry, key=key, label=entry.label | {_LABEL: " ".join(names)})


def fits(entry: Entry, left_out: tuple[tuple[str, str], ...]) -> bool:
    """Whether every header that was left out to find `entry` is unknown of it."""
    names = entry.label.get(_LABEL, "").split()
    if EVERY in names:
        return True
    as_sent = [name.encode("latin-1", "replace") for name in names]
    if any(header_verdict(name, is_provider=False)[0] is Verdict.CREDENTIAL for name in as_sent):
        names.append(_CREDENTIAL)
    return all(name in names for name, _ in left_out)


def plain_key(key: str) -> str:
    """The key that the saved request of an entry under `key` has."""
    return _PLAIN_PREFIX + key.removeprefix(UNKNOWN_PREFIX) if key.startswith(UNKNOWN_PREFIX) else key


def key_like(old: str, key: str) -> str:
    """The `key` of a request, of the kind of `old`: one of a recording with unknown headers stays one."""
    return UNKNOWN_PREFIX + key.removeprefix(_PLAIN_PREFIX) if old.startswith(UNKNOWN_PREFIX) else key


def variants(request_json: bytes) -> Iterator[list[Variant]]:
    """The variants of a request with 0, 1, 2, … headers left out, as lists of equally many."""
    start = request_json.find(_HEADERS) + len(_HEADERS)
    text = request_json[start:].decode("utf-8", "surrogatepass") if start >= len(_HEADERS) else ""
    try:
        pairs, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return
    before, after = request_json[:start], text[end:].encode("utf-8", "surrogatepass")
    names = tuple(sorted({name for name, _ in pairs}))
    credential = (_CREDENTIAL,) if after.startswith(_SENT) else ()
    if len(names) <= _MOST_HEADERS and len(request_json) <= _LONG:
        places = names + credential
        groups = [list(combinations(places, count)) for count in range(len(places) + 1)]
    else:
        groups = [[gone] for gone in dict.fromkeys([(), credential, names, names + credential])]
    for group in groups:
        yield [_variant(before, pairs, after, frozenset(gone)) for gone in group]


def _variant(before: bytes, pairs: list[list[str]], after: bytes, gone: frozenset[str]) -> Variant:
    kept = dump_header_pairs([pair for pair in pairs if pair[0] not in gone])
    left_out = tuple((name, str(value)) for name, value in pairs if name in gone)
    if _CREDENTIAL in gone:
        after = _NOT_SENT + after.removeprefix(_SENT)
        left_out += ((_CREDENTIAL, ""),)
    key = key_of(before + kept + after).partition("-")[2]
    return Variant(UNKNOWN_PREFIX + key, left_out)
