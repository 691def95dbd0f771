"""Replaces ids that earlier answers of a conversation minted in the saved form of a request, paths included."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from addon.identity.canonical_json import Document
from addon.identity.keying import Identity
from addon.identity.rules import IdentityRules
from addon.identity.saved_form import VOLATILE, dump_saved, key_of, parse_saved, read_head
from addon.volatile.binding import Binding, with_texts
from addon.volatile.rules import Place

__all__ = ["follow"]

_OPEN, _LITERAL = "⟦", "⟦literal⟧"
_AS_SAVED = IdentityRules()


def follow(identity: Identity, marks: Mapping[str, str]) -> Identity:
    """The identity of a request in which each id that is a key of `marks` counts as what minted it.

    A mark begins with a small letter and has at most 40 small letters, digits and `-`. The ids become bindings,
    whose rule is the mark. The identity of a request without these ids stays as it is.
    """
    if not marks:
        return identity
    document = parse_saved(identity.request_json)
    head, markers, body = read_head(document.value, _AS_SAVED)
    first = 1 + max((binding.n for binding in identity.bindings), default=0)
    numbers: dict[str, int] = {}
    is_bound = VOLATILE in head
    alternatives = "|".join(map(re.escape, sorted(marks, key=lambda value: (-len(value), value))))
    pattern = re.compile(rf"(?<![A-Za-z0-9_-])(?:{alternatives})(?![A-Za-z0-9_-])|{_OPEN}")

    def stand_in(match: re.Match[str]) -> str:
        if match[0] == _OPEN:
            return _OPEN if is_bound else _LITERAL
        n = numbers.setdefault(match[0], first + len(numbers))
        return f"{_OPEN}{marks[match[0]]}#{n}⟧"

    def replaced(_: Place, text: str) -> str:
        return pattern.sub(stand_in, text)

    def replaced_in(value: Any) -> Any:
        return with_texts(value, replaced)

    head |= {VOLATILE: True, "path": replaced_in(head["path"])}
    head["query"] = [[name, value and replaced_in(value)] for name, value in head["query"]]
    content: Document | dict[str, Any] | None = body
    if body is not None and body["kind"] == "json":
        document = document.inner(body["value"])
        content = document.inner(replaced_in(document.value))
    elif body is not None:
        content = {name: value if name == "kind" else replaced_in(value) for name, value in body.items()}
    if not numbers:
        return identity
    saved = dump_saved(head, markers, content)
    bindings = (*identity.bindings, *(Binding(marks[value], n, value) for value, n in numbers.items()))
    return identity._replace(key=key_of(saved), request_json=saved, bindings=bindings)
