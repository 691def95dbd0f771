"""Replaces the volatile values of a request by `⟦rule#n⟧`, wherever they stand in it.

Equal values get equal numbers and different values different ones, so the pattern of equal and different values
stays in the identity. A `⟦` that a client sent is written `⟦literal⟧`, which no rule's value can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from addon.redaction.redact import redact_text
from addon.volatile.rules import Place, Rule
from addon.volatile.tokens import token_pattern

__all__ = ["Binding", "Replace", "bind", "texts_of", "with_texts"]

_OPEN = "⟦"
_LITERAL = "⟦literal⟧"
_MOST = 500
# A long text without a blank is data, as a picture in base64, and not a text that names a value.
_DATA = re.compile(r"data:[^\s]{512}|[^\s]{4096}")

# What redaction puts in a value's place (`addon.redaction.redact`): two secrets never become one value.
_REDACTED = re.compile("<(?:redacted|sha256)[^<>]{0,120}>")

type _Text = tuple[Place, str]
type Replace = Callable[[Place, str], str]


class Binding(NamedTuple):
    """A value of a request: the rule that found it, its number in the request, and the value."""

    rule: str
    n: int
    value: str


def bind(
    rules: list[Rule], texts: Iterator[_Text], before: tuple[Binding, ...] = ()
) -> tuple[tuple[Binding, ...], Replace]:
    """The volatile values in `texts`, which are in canonical order, and a function that replaces them in a text.

    `before` are values that are bound already. The stand-ins of redacted values are left alone. A request with more
    than 500 values is left as it is. Without values the function changes nothing.
    """
    by_value = {binding.value: binding for binding in before}
    for place, text in texts:
        if _DATA.match(text):
            continue
        for rule, start, end in _spans(rules, place, text):
            value = text[start:end]
            if value not in by_value and redact_text(value) == value:
                by_value[value] = Binding(rule.name, len(by_value) + 1, value)
                if len(by_value) > _MOST:
                    return (), _unchanged
    if not by_value:
        return (), _unchanged
    whole = re.compile(f"{_REDACTED.pattern}|{token_pattern(by_value)}|{_OPEN}")

    def stand_in(match: re.Match[str]) -> str:
        text = match[0]
        if text == _OPEN:
            return _LITERAL
        binding = by_value.get(text)
        return text if binding is None else f"⟦{binding.rule}#{binding.n}⟧"

    def replaced(place: Place, text: str) -> str:
        return text if place.is_fixed else whole.sub(stand_in, text)

    return tuple(by_value.values()), replaced


def _unchanged(_: Place, text: str) -> str:
    return text


def _spans(rules: list[Rule], place: Place, text: str) -> list[tuple[Rule, int, int]]:
    """The values in a text from left to right; where two overlap, the one of the earlier rule."""
    found = sorted(
        (start, order, end)
        for order, rule in enumerate(rules)
        for start, end in islice(rule.spans(place, text), _MOST * 4)
    )
    redacted = [match.span() for match in _REDACTED.finditer(text)] if found else []
    taken: list[tuple[Rule, int, int]] = []
    for start, order, end in found:
        if any(start < other_end and other_start < end for other_start, other_end in redacted):
            continue
        if taken and start < taken[-1][2]:
            if order < rules.index(taken[-1][0]):
                taken[-1] = (rules[order], start, end)
        else:
            taken.append((rules[order], start, end))
    return taken


def texts_of(value: Any, pointer: tuple[str, ...] = ()) -> Iterator[_Text]:
    """The texts of a JSON value with their places, members by name."""
    if isinstance(value, str):
        yield Place("pointer", pointer=pointer), value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts_of(item, (*pointer, str(index)))
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from texts_of(value[name], (*pointer, name))


def with_texts(value: Any, replace: Callable[[Place, str], str], pointer: tuple[str, ...] = ()) -> Any:
    """A JSON value with each text replaced; names stay."""
    if isinstance(value, str):
        return replace(Place("pointer", pointer=pointer), value)
    if isinstance(value, list):
        return [with_texts(item, replace, (*pointer, str(at))) for at, item in enumerate(value)]
    if isinstance(value, dict):
        return type(value)(
            (name, with_texts(item, replace, (*pointer, name))) for name, item in value.items()
        )
    return value
