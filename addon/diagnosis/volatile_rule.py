"""Names the volatile setting or rule that covers a difference in one recognisable value, ready to paste."""

from __future__ import annotations

import json
import re
from typing import Any

from addon.diagnosis.differences import Difference, json_body
from addon.diagnosis.kinds import Kind
from addon.diagnosis.shortening import shared_start
from addon.volatile.kinds import KINDS
from addon.volatile.own_time import asks_about, states_own_time
from addon.volatile.rules import Place

__all__ = ["covering_rule"]

_KINDS = frozenset({Kind.UUID, Kind.TIMESTAMP, Kind.DATE, Kind.HEX, Kind.PATH})
# Any small number looks like a port.
_VAGUE = "port"
_REACH = 400  # characters on each side of the difference that are searched
_ANCHOR = re.compile(r"(?:[^\s…⟦⟧]{1,30} ){1,5}$")


def covering_rule(difference: Difference, old: dict[str, Any], new: dict[str, Any]) -> str:
    """What to set so that the only difference of two saved requests no longer counts.

    '' if it is not one recognisable value in the text of a body.
    """
    pointer = _pointer(difference.place)
    if difference.kind not in _KINDS or pointer is None or not Place("pointer", pointer=pointer).is_text:
        return ""
    texts = [_text_at(json_body(saved), pointer) for saved in (old, new)]
    if not all(texts):
        return ""
    at = shared_start(*texts)
    for name, kind in KINDS.items():
        spans = [span for text in texts if (span := _span(kind.pattern, text, at))]
        if name == _VAGUE or len(spans) < 2:
            continue
        if kind.is_plain:
            return f"PROVIDER_PROXY_VOLATILE={name}"
        start = spans[0][0]
        anchor = _ANCHOR.search(texts[0], max(0, start - 160), start)
        if anchor is None or start != spans[1][0] or not states_own_time(anchor[0]):
            return ""
        if any(asks_about(text, end) for text, (_, end) in zip(texts, spans, strict=True)):
            return ""
        rule = {
            "name": f"the-{name}", "host": new["host"], "path": new["path"], "pointer": difference.place,
            "kind": name, "anchor": f"{anchor[0]}⟦…⟧",
        }  # fmt: skip
        members = ", ".join(
            f"{member} = {json.dumps(text, ensure_ascii=False)}" for member, text in rule.items()
        )
        return f"volatile = [{{{members}}}] in provider-proxy.toml"
    return ""


def _pointer(place: str) -> tuple[str, ...] | None:
    """The names and indices of a JSON Pointer (RFC 6901); None if `place` is not one."""
    if not place.startswith("/"):
        return None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:])


def _text_at(value: Any, pointer: tuple[str, ...]) -> str:
    for name in pointer:
        if isinstance(value, dict):
            value = value.get(name)
        else:
            value = (
                value[int(name)]
                if isinstance(value, list) and name.isdecimal() and int(name) < len(value)
                else None
            )
    return value if isinstance(value, str) else ""


def _span(pattern: str, text: str, at: int) -> tuple[int, int] | None:
    """Where the value is that contains position `at`."""
    start = max(0, at - _REACH)
    found = (match.span() for match in re.compile(pattern).finditer(text, start, at + _REACH))
    return next((span for span in found if span[0] <= at < span[1]), None)
