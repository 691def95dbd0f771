"""Replaces the volatile values of a request by `⟦rule#n⟧`, wherever they stand in its texts.

Equal values get equal numbers and different values different ones, so the pattern of equal and different values
stays in the identity. A `⟦` that a client sent is written `⟦literal⟧`, which no rule's value can be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from addon.redaction.redact import redact_text
from addon.volatile.rules import Place, Rule
from addon.volatile.tokens import token_pattern

__all__ = ["Binding", "Replace", "bare", "bind", "texts_of", "with_texts"]

_OPEN = "⟦"
_LITERAL = "⟦literal⟧"
_MOST = 500
_MOST_WORK = 10**9  # values times characters that they are looked for in: some tenths of a second
_BETWEEN = re.compile(r"[\W_]+")
_DISTINCT = 8  # letters and digits: a shorter value is part of many words
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
    rules: list[Rule], texts: Iterable[_Text], whole: str = "", before: tuple[Binding, ...] = ()
) -> tuple[tuple[Binding, ...], Replace]:
    """The volatile values in `texts`, which are in canonical order, and a function that replaces them in a text.

    `whole` is the request's text. A value that also stands where it is not replaced, or in another spelling, is not
    bound: two requests could differ in whether the two are the same. `before` are values that are bound already.
    The stand-ins of redacted values are left alone. A request with more than 500 values, or so many in so long a
    text that others would wait, is left as it is. Without values the function changes nothing.
    """
    noise = [rule for rule in rules if rule.is_noise]
    rules = [rule for rule in rules if not rule.is_noise]
    places = list(texts)
    bindings, replace = _bind(rules, places, whole, before)
    return _with_noise(noise, places, bindings, replace) if noise else (bindings, replace)


def _with_noise(
    rules: list[Rule], places: list[_Text], bindings: tuple[Binding, ...], replace: Replace
) -> tuple[tuple[Binding, ...], Replace]:
    """The same with values that are replaced where they stand and nowhere else, each with a number of its own.

    Two durations may be equal in one run and differ in the next.
    """
    spans: dict[_Text, list[tuple[int, int, Binding]]] = {}
    n = len(bindings)
    for place, text in places:
        for rule, start, end in _spans(rules, place, text):
            n += 1
            spans.setdefault((place, text), []).append((start, end, Binding(rule.name, n, text[start:end])))
    if not 0 < n - len(bindings) <= _MOST:
        return bindings, replace

    others = replace if bindings else _escaped

    def replaced(place: Place, text: str) -> str:
        pieces: list[str] = []
        at = 0
        for start, end, binding in spans.get((place, text), ()):
            pieces += (others(place, text[at:start]), f"⟦{binding.rule}#{binding.n}⟧")
            at = end
        return "".join((*pieces, others(place, text[at:])))

    return (*bindings, *(found[2] for each in spans.values() for found in each)), replaced


def _bind(
    rules: list[Rule], places: list[_Text], whole: str, before: tuple[Binding, ...]
) -> tuple[tuple[Binding, ...], Replace]:
    found = _found(rules, places) if len(before) <= _MOST else {}
    found = {binding.value: binding.rule for binding in before} | found
    if not 0 < len(found) <= _MOST or len(found) * len(whole) > _MOST_WORK:
        return (), _unchanged

    def is_open(place: Place) -> bool:
        return not place.is_fixed and (place.is_text or any(rule.names(place) for rule in rules))

    opened = [text for place, text in places if is_open(place)]
    known = {rule.name for rule in rules if rule.is_known}
    hidden = _elsewhere(found, {value for value in found if found[value] in known}, opened, whole)
    kept = [value for value in found if value not in hidden or any(value == each.value for each in before)]
    by_value = {value: Binding(found[value], n, value) for n, value in enumerate(kept, 1)}
    if not by_value:
        return (), _unchanged
    pattern = _pattern(value for value in by_value if value not in hidden)

    def stand_in(match: re.Match[str]) -> str:
        text = match[0]
        if text == _OPEN:
            return _LITERAL
        binding = by_value.get(text)
        return text if binding is None else f"⟦{binding.rule}#{binding.n}⟧"

    def replaced(place: Place, text: str) -> str:
        return pattern.sub(stand_in, text) if is_open(place) else _escaped(place, text)

    return tuple(by_value.values()), replaced


def _found(rules: list[Rule], places: list[_Text]) -> dict[str, str]:
    """The values in texts, each with its rule's name, without secrets; at most one more than is bound."""
    found: dict[str, str] = {}
    for place, text in places:
        if _DATA.match(text):
            continue
        for rule, start, end in _spans(rules, place, text):
            value = text[start:end]
            if value not in found and redact_text(value) == value:
                found[value] = rule.name
                if len(found) > _MOST:
                    return found
    return found


def _pattern(values: Iterable[str]) -> re.Pattern[str]:
    """Matches what redaction put in, each of `values` as a whole token, and an opening bracket of a stand-in."""
    tokens = list(values)
    return re.compile("|".join((_REDACTED.pattern, *([token_pattern(tokens)] if tokens else ()), _OPEN)))


def _elsewhere(values: Iterable[str], known: set[str], opened: list[str], whole: str) -> set[str]:
    """Those of `values` that stand in `whole` more often than as whole tokens of the texts that are `opened`.

    A value that is `known` may also stand within another one, or be another one's spelling: the run gives both.
    """
    if not whole:
        return set()
    pattern = _pattern(values)
    times = Counter(match[0] for text in opened for match in pattern.finditer(text))
    plain = bare(whole)

    def stands_in(value: str, text: str, bare_text: str) -> int:
        if len(bare(value)) >= _DISTINCT:
            return bare_text.count(bare(value))
        return len(re.findall(token_pattern([value]), text))

    def replaced(value: str) -> int:
        if value not in known:
            return times[value]
        return sum(times[other] * stands_in(value, other, bare(other)) for other in known)

    return {value for value in values if replaced(value) < stands_in(value, whole, plain)}


def bare(text: str) -> str:
    """The letters and digits of a text in lower case: equal for all spellings of a UUID, a date or a path."""
    return _BETWEEN.sub("", text).lower()


def _escaped(_: Place, text: str) -> str:
    return text.replace(_OPEN, _LITERAL)


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
