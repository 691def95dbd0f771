"""Counts what rules match in recorded requests, and names those that match more than a value.

A rule that matches words, or much of all text, makes different requests equal (issue 18, safety nets).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from addon.volatile.rules import Place, Rule, VolatileRules

__all__ = ["Breadth"]

_TOO_MANY = 0.25  # of all texts
_ENOUGH = 20  # texts; of fewer, a quarter says nothing
_SHOWN = 40


class Breadth:
    """`texts` counts the texts seen, `matched` those that each rule matches by its name."""

    def __init__(self, rules: VolatileRules) -> None:
        self._rules = rules
        self._words: dict[str, str] = {}
        self.texts = 0
        self.matched: Counter[str] = Counter()

    def add(self, host: str, path: str, texts: Iterable[tuple[Place, str]]) -> None:
        """Look at the texts of one request."""
        covering = self._rules.of(host, path)
        for place, text in texts:
            self.texts += 1
            for rule in covering.rules if covering else ():
                self._match(rule, place, text)

    def _match(self, rule: Rule, place: Place, text: str) -> None:
        spans = list(rule.spans(place, text))
        self.matched[rule.name] += bool(spans)
        word = next((text[start:end] for start, end in spans if text[start:end].isalpha()), "")
        if word:
            self._words.setdefault(rule.name, word[:_SHOWN])

    def reasons(self) -> dict[str, str]:
        """Why a rule is too broad, by its name. One that names its value or the words around it may match often."""
        said: dict[str, str] = {}
        for rule in self._rules.rules:
            count, word = self.matched[rule.name], self._words.get(rule.name)
            if word and not rule.is_noise:
                said[rule.name] = f"matches the word {word!r}, which may mean something; let it match less"
            elif not rule.is_narrow and self.texts > _ENOUGH and count > self.texts * _TOO_MANY:
                said[rule.name] = (
                    f"matches {count} of {self.texts} texts, so it does not name a value; give it a host, a path, "
                    "a pointer and an anchor"
                )
        return said
