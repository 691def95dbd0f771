"""Finds and replaces the credentials in texts that are JSON themselves, such as the arguments of a tool call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from addon.redaction.member_names import is_redacted, rule_of
from addon.redaction.members import sightings
from addon.redaction.redact import redacted

__all__ = ["may_name_one_inside", "redact_json_texts", "secrets_inside"]

# A member's name in a JSON text within a JSON text, however often it is escaped.
_NAME = re.compile(rb'\\"([A-Za-z0-9_. -]{2,64}+)\\++"\s{0,8}+:')
_ESCAPED_QUOTE, _ESCAPED_LETTER = b'\\"', b"\\\\u00"
_DEPTH = 3
_SHORTEST, _MOST = 4, 64


def may_name_one_inside(text: bytes) -> bool:
    """Whether a text in the JSON `text` may be JSON with a member of a credential's name: a fast test."""
    if _ESCAPED_QUOTE not in text:
        return False
    return _ESCAPED_LETTER in text or any(rule_of(name.decode()) for name in set(_NAME.findall(text)))


def secrets_inside(value: Any, depth: int = _DEPTH) -> Iterator[tuple[str, str]]:
    """Kind and text of each credential in the texts of a JSON value that are JSON, also within each other."""
    for holder, place in _json_texts(value):
        yield from _secrets(holder[place], depth)


def redact_json_texts(value: Any) -> bool:
    """Replace the credentials in the texts of `value` that are JSON, in place. Returns whether there were any."""
    changed = False
    for holder, place in list(_json_texts(value)):
        text = holder[place]
        holder[place] = _redacted(text)
        changed |= holder[place] != text
    return changed


def _secrets(text: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return
    for holder, place, _, kind in sightings(inner):
        secret = holder[place]
        if isinstance(secret, str):
            yield kind, secret
        elif isinstance(secret, int | float) and not isinstance(secret, bool):
            yield kind, json.dumps(secret)
    if depth > 1:
        yield from secrets_inside(inner, depth - 1)


def _redacted(text: str) -> str:
    kinds: dict[str, str] = {}
    found = [(kind, secret) for kind, secret in _secrets(text, _DEPTH) if not is_redacted(secret)]
    if any(len(secret) < _SHORTEST or not secret.strip("-.0123456789eE") for _, secret in found):
        return redacted("json", _bytes(text))  # a short text, or a number, stands elsewhere too
    for kind, secret in found:
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            kinds.setdefault(form, kind)
    if not kinds:
        return text
    if len(kinds) <= _MOST:
        forms = re.compile("|".join(map(re.escape, sorted(kinds, key=len, reverse=True))))
        safe = forms.sub(lambda match: redacted(kinds[match[0]], _bytes(match[0])), text)
        if not any(_secrets(safe, _DEPTH)):
            return safe
    # Too many, or written in another way.
    return redacted("json", _bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _json_texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where the texts are that look like an object or a list in JSON."""
    stack = [value]
    while stack:
        holder = stack.pop()
        for place, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(item, dict | list):
                stack.append(item)
            elif isinstance(item, str) and '"' in item and item.lstrip()[:1] in ("{", "["):
                yield holder, place
