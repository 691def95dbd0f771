"""Prints what `probe` found, by test, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from addon.accounting.figures import plural
from addon.cli.keys import short_key
from addon.cli.output import say
from addon.printing import json_text
from addon.probing.findings import Answer, share_depended
from addon.probing.trials import Finding

__all__ = ["ProbeResult", "print_result", "result_json"]

_WHOLE_RUN = "(requests of no test)"
_WORDS = {
    Finding.DEPENDS: "depends on",
    Finding.FORWARDED: "forwards",
    Finding.BLIND: "blind",
    Finding.UNCLEAR: "unclear",
}


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    `fragile` and `left_out` are by test. `left` alterations were not tried, `unaltered` answers admit none. `shown`
    are the names of tests that are not to be shown as they are.
    """

    answers: Sequence[Answer]
    fragile: Mapping[str, Sequence[str]]
    left_out: Mapping[str, str]
    left: int
    unaltered: int
    shown: Mapping[str, str]
    seed: int

    def name(self, test: str) -> str:
        """The name of a test as it may be shown."""
        return self.shown.get(test, test) or _WHOLE_RUN


def print_result(result: ProbeResult) -> None:
    """Print the answers by test, then what needs somebody's attention, then a summary."""
    for test, answers in groupby(result.answers, key=lambda answer: answer.test):
        say(result.name(test))
        for answer in answers:
            for number, (finding, pointer, kinds) in enumerate(_rows(answer)):
                key = short_key(answer.key) if number == 0 else ""
                say(f"  {key:10} {_WORDS[finding]:10}  {pointer}  {', '.join(kinds)}")
    blind = [answer for answer in result.answers if answer.is_blind]
    _list(
        "Blind so far, with parts not tried yet:"
        if result.left
        else "Blind answers, which no test looks at:",
        [(result.name(one.test), short_key(one.key)) for one in blind],
    )
    fragile = [(result.name(test), ", ".join(what)) for test, what in sorted(result.fragile.items())]
    _list("Fragile tests, which notice what no test should notice:", fragile)
    _list("Left out:", [(result.name(test), why) for test, why in sorted(result.left_out.items())])
    say("")
    say(_summary(result, len(blind)))


def result_json(result: ProbeResult) -> str:
    """The same as one JSON document."""
    by_test = groupby(result.answers, key=lambda answer: answer.test)
    value: dict[str, Any] = {
        "version": 1,
        "seed": result.seed,
        "complete": result.left == 0,
        "depended": share_depended(result.answers),
        "tests": [
            {"test": result.name(test), "answers": [answer.as_dict() for answer in answers]}
            for test, answers in by_test
        ],
        "fragile": {result.name(test): list(what) for test, what in result.fragile.items()},
        "left_out": {result.name(test): why for test, why in result.left_out.items()},
        "not_tried": result.left,
        "without_parts": result.unaltered,
    }
    return json_text(value) + "\n"


def _rows(answer: Answer) -> list[tuple[Finding, str, list[str]]]:
    """A row for each pointer: what altering it led to, and how it was altered."""
    rows: dict[tuple[Finding, str], list[str]] = {}
    for finding in _WORDS:
        for change in answer.with_finding(finding):
            rows.setdefault((finding, change.pointer), []).append(str(change.kind))
    return [(finding, pointer, kinds) for (finding, pointer), kinds in rows.items()]


def _list(title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        say("")
        say(title)
    for name, what in rows:
        say(f"  {name}  {what}")


def _summary(result: ProbeResult, blind: int) -> str:
    share = share_depended(result.answers)
    tests = len({answer.test for answer in result.answers})
    words = [f"{plural(tests, 'test')}, {plural(len(result.answers), 'answer')} altered"]
    if share is not None:
        words.append(f"{share:.0%} depended on")
    words += [f"{blind} blind"] if blind else []
    words += [f"{plural(len(result.fragile), 'fragile test')}"] if result.fragile else []
    words += [f"{len(result.left_out)} left out"] if result.left_out else []
    words += [f"{plural(result.unaltered, 'answer')} without a part to alter"] if result.unaltered else []
    line = "probe: " + ", ".join(words)
    return line + (
        f"; {plural(result.left, 'alteration')} not tried: run it again to go on" if result.left else ""
    )
