"""Compares two saved requests as structures, in the order in which a person would look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import Any

from addon.diagnosis.kinds import Kind, kind_of_member, kind_of_text
from addon.diagnosis.shortening import shared_start, shortened, shown_apart, text_of
from addon.redaction.redact import IGNORED
from cache_store.nearest.sketch import conversation_of

__all__ = ["MOST", "Difference", "differences", "json_body", "parse_saved", "pattern_of", "shared_messages"]

MOST = 20
"""How many differences are searched for; two requests with more are hardly related."""

_LONGEST_JSON = 2**22  # bytes
_POINTER = 160
_HEAD = ("method", "scheme", "host", "port", "path")
_HASHED = "<sha256:"
_API_VERSION = re.compile(r"v\d[\w.-]*")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the recorded request (`old`) and the new one (`new`) differ.

    `place` is a JSON Pointer into the body, or `header NAME`, `query NAME`, `path` and so on. `old` and `new` are
    shortened; None means that the request has nothing there. Both begin with the same `same` characters. `value`
    is a digest that identifies the new value without showing it.
    """

    place: str
    kind: Kind
    old: str | None
    new: str | None
    same: int = 0
    value: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The difference as JSON, without `value`."""
        return {name: value for name, value in asdict(self).items() if name != "value"}


class _Number(str):
    """A number as it is written, as a type of its own so that it never equals text with the same digits."""

    __slots__ = ()


def pattern_of(place: str) -> str:
    """`place` with `*` for every array index of a JSON Pointer."""
    return re.sub(r"/\d+(?=/|$)", "/*", place) if place.startswith("/") else place


def parse_saved(request_json: bytes) -> dict[str, Any] | None:
    """Parse a saved request. Returns None if it is missing, too long or damaged; never raises."""
    if len(request_json) > _LONGEST_JSON:
        return None
    try:
        saved = json.loads(request_json, parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):
        return None
    return saved if isinstance(saved, dict) and "path" in saved else None


def json_body(saved: dict[str, Any]) -> Any:
    """The JSON body of a saved request; None if it has none."""
    body = saved.get("body")
    return body.get("value") if isinstance(body, dict) and body.get("kind") == "json" else None


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """At most MOST places where the requests differ: the conversation first, then the body, then the head."""
    try:
        return list(islice(_all(old, new), MOST))
    except RecursionError:
        return []


def shared_messages(old: dict[str, Any], new: dict[str, Any]) -> int:
    """The number of messages that both conversations begin with."""
    pairs = zip(conversation_of(json_body(old)), conversation_of(json_body(new)), strict=False)
    count = 0
    for a, b in pairs:
        if not _equal(a, b):
            break
        count += 1
    return count


def _all(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    a, b = json_body(old), json_body(new)
    if a is not None and b is not None:
        yield from _trees("", a, b)
    else:
        yield from _bodies(old.get("body"), new.get("body"))
    for name in _HEAD:
        before, now = old.get(name), new.get(name)
        if not _equal(before, now):
            yield _changed(name, before, now, _kind_of_head(name, before, now))
    for part, title in (("query", "query"), ("headers", "header")):
        yield from _pairs(title, _grouped(old.get(part)), _grouped(new.get(part)))
    if old.get("credential") != new.get("credential"):
        yield _changed("credential", old.get("credential"), new.get("credential"), None)
    before, now = old.get("cache_control", []), new.get("cache_control", [])
    if not _equal(before, now):
        yield _changed("cache_control markers", before, now, None)


def _bodies(old: Any, new: Any) -> Iterator[Difference]:
    """Compare two bodies that are not both JSON."""
    if _equal(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and old.get("kind") == new.get("kind"):
        for difference in _trees("", old, new):
            yield replace(difference, place=f"body {difference.place}")
    else:
        kinds = [body.get("kind") if isinstance(body, dict) else "none" for body in (old, new)]
        yield _changed("body", kinds[0], kinds[1], None)


def _kind_of_head(name: str, old: Any, new: Any) -> Kind:
    """The kind of a changed method, host or path. In a path, it depends on the first segment that differs."""
    if name != "path" or not isinstance(old, str) or not isinstance(new, str):
        return Kind.CHANGED
    before = ""
    for a, b in zip(old.split("/"), new.split("/"), strict=False):
        if a != b:
            if _API_VERSION.fullmatch(a) and _API_VERSION.fullmatch(b):
                return Kind.API_VERSION
            names_model = before in ("model", "models", "deployments")
            return Kind.MODEL if names_model and a.partition(":")[0] != b.partition(":")[0] else Kind.CHANGED
        before = a
    return Kind.CHANGED


def _grouped(pairs: Any) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            grouped.setdefault(str(pair[0]), []).append(pair[1])
    return grouped


def _pairs(title: str, old: dict[str, list[Any]], new: dict[str, list[Any]]) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        if not _equal(old.get(name), new.get(name)):
            a, b = (", ".join(map(str, side[name])) if name in side else None for side in (old, new))
            kind = Kind.API_VERSION if a and b and ("version" in name or "beta" in name) else None
            if a and b and (a.startswith(_HASHED) or b.startswith(_HASHED)):
                kind = Kind.CHANGED  # the text is our hash, and tells nothing about the value
            yield _changed(f"{title} {shortened(name)}", a, b, kind)


def _trees(place: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _objects(place, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(place, old, new)
    elif not _equal(old, new):
        yield _changed(place, old, new, kind_of_member(place.rpartition("/")[2]))


def _objects(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    names = list(dict.fromkeys([*old, *new]))
    if not place:  # the conversation first
        talks = [(side, conversation_of(side)) for side in (old, new)]
        names.sort(key=lambda name: not any(side.get(name) is talk for side, talk in talks))
    for name in names:
        there = f"{place}/{_token(name)}"
        if name not in old:
            yield _one_sided(there, Kind.ADDED, new[name], name)
        elif name not in new:
            yield _one_sided(there, Kind.REMOVED, old[name], name)
        else:
            yield from _trees(there, old[name], new[name])
    if list(old) != list(new) and place.endswith("/properties") and old.keys() == new.keys():
        yield _changed(place, list(old), list(new), Kind.REORDERED)


def _lists(place: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    shortest = min(len(old), len(new))
    start = next((at for at in range(shortest) if not _equal(old[at], new[at])), shortest)
    end = 0
    while end < shortest - start and _equal(old[-1 - end], new[-1 - end]):
        end += 1
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    if len(a) == len(b) > 1 and sorted(map(_digest, a)) == sorted(map(_digest, b)):
        yield _changed(f"{place}/{start}", a, b, Kind.REORDERED)
        return
    if a and b and place.endswith("/tools") and all(map(_tool_name, a + b)):
        yield from _tools(place, start, a, b)
        return
    paired, item = min(len(a), len(b)), _ITEM_OF.get(place, "")
    for at in range(paired):
        yield from _trees(f"{place}/{start + at}", a[at], b[at])
    for at in range(paired, len(b)):
        yield _one_sided(f"{place}/{start + at}", Kind.ADDED, b[at], item)
    for at in range(paired, len(a)):
        yield _one_sided(f"{place}/{start + at}", Kind.REMOVED, a[at], item)


def _tools(place: str, start: int, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    """Compare tools by name, in any order."""
    by_name = {_tool_name(tool): tool for tool in old}
    for at, tool in enumerate(new, start):
        before = by_name.pop(_tool_name(tool), None)
        if before is None:
            yield _one_sided(f"{place}/{at}", Kind.ADDED, tool, "tools")
        else:
            yield from _trees(f"{place}/{at}", before, tool)
    for at, tool in enumerate(old, start):
        if _tool_name(tool) in by_name:
            yield _one_sided(f"{place}/{at}", Kind.REMOVED, tool, "tools")


def _tool_name(tool: Any) -> str:
    if not isinstance(tool, dict):
        return ""
    inner = tool.get("function")
    name = tool.get("name") or (inner.get("name") if isinstance(inner, dict) else "")
    return name if isinstance(name, str) else ""


_ITEM_OF = {"/messages": "messages", "/input": "messages", "/contents": "messages", "/tools": "tools"}
_ITEMS = {
    ("messages", Kind.ADDED): Kind.MESSAGE_ADDED,
    ("messages", Kind.REMOVED): Kind.MESSAGE_REMOVED,
    ("tools", Kind.ADDED): Kind.TOOL_ADDED,
    ("tools", Kind.REMOVED): Kind.TOOL_REMOVED,
}


def _one_sided(place: str, kind: Kind, value: Any, item: str) -> Difference:
    name = _tool_name(value) if item == "tools" else ""
    shown = shortened(name or shortened(_plain(value)))
    kind = _ITEMS.get((item, kind), kind)
    old, new = (None, shown) if "added" in kind else (shown, None)
    return Difference(_cut(place), kind, old, new, 0, _digest(value))


def _changed(place: str, old: Any, new: Any, kind: Kind | None) -> Difference:
    if _is_ignored(old) != _is_ignored(new):
        marks = [IGNORED if _is_ignored(value) else None for value in (old, new)]
        return Difference(_cut(place), Kind.IGNORED, marks[0], marks[1])
    same = 0
    if isinstance(old, str) and isinstance(new, str) and type(old) is type(new) is str:
        same = shared_start(old, new)
        shown = shown_apart(old, new, same)
        kind = kind or kind_of_text(old, new, same)
    else:
        a, b = text_of(_plain(old)), text_of(_plain(new))
        kind = kind or kind_of_text(a, b, shared_start(a, b))
        shown = shortened(a), shortened(b)
    return Difference(
        _cut(place),
        kind or (Kind.ADDED if old is None else Kind.REMOVED if new is None else Kind.CHANGED),
        None if old is None else shown[0],
        None if new is None else shown[1],
        same,
        _digest(new),
    )


def _is_ignored(value: Any) -> bool:
    """Whether an ignore rule was applied to a value of the saved request."""
    return isinstance(value, str) and IGNORED in value


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, _Number) else value


def _digest(value: Any) -> str:
    return sha256(text_of(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _token(name: str) -> str:
    """Escape one step of a JSON Pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _cut(place: str) -> str:
    return shortened(place, _POINTER)


def _equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal, type included: 1 equals neither "1" nor true."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(value, b[name]) for name, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
