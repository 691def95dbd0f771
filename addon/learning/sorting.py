"""Sorts the values in which two takes differ: made by the client, echoed from an answer, or really different."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from addon.learning.asked import Asked
from addon.learning.comparing import Change, Compared
from addon.learning.proposing import Proposal, Refused, propose

__all__ = ["Found", "Pair", "sort_out"]

_MOST_ECHOES = 200  # answers that are searched for what a later request repeats


class Pair(NamedTuple):
    """A request of take 2 and the one of take 1 that it repeats, None where the takes diverge.

    `answers` are the bodies of the answers that the two got, where these differ.
    """

    one: Asked | None
    two: Asked
    compared: Compared
    answers: tuple[bytes, bytes] = (b"", b"")


@dataclass
class Found:
    """What a comparison found. `echoed` come from answers, `others` are real differences in words.

    `diverged` are requests of take 2 that repeat none of take 1, `missing` those that take 2 did not send.
    """

    proposals: list[Proposal] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    echoed: list[Change] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    diverged: list[Asked] = field(default_factory=list)
    missing: list[Asked] = field(default_factory=list)
    compared: int = 0


def sort_out(pairs: Iterable[Pair], first: Sequence[Asked], names: Iterable[str] = ()) -> Found:
    """Sort the differences of `pairs`, in the order of take 2; `first` are all requests of take 1.

    `names` are those of rules that exist.
    """
    found = Found()
    made: list[Change] = []
    own: set[tuple[str, str]] = set()
    said: list[tuple[bytes, bytes]] = []
    used: set[int] = set()
    for pair in pairs:
        if pair.one is None:
            found.diverged.append(pair.two)
        else:
            found.compared += 1
            used.add(id(pair.one))
        for change in pair.compared.changes:
            values = change.old, change.new
            if values not in own and _is_echo(values, said):
                found.echoed.append(change)
            else:
                own.add(values)
                made.append(change)
        found.others += (
            f"{pair.two.test}: {line}" if pair.two.test else line for line in pair.compared.others
        )
        if pair.answers != (b"", b"") and len(said) < _MOST_ECHOES:
            said.append(pair.answers)
    found.proposals, found.refused = propose(made, list(names))
    found.missing = [asked for asked in first if id(asked) not in used]
    return found


def _is_echo(values: tuple[str, str], said: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether earlier answers of both takes hold the two values."""
    forms = [_in_json(value) for value in values]
    return any(
        all(form and form in body for form, body in zip(forms, bodies, strict=True)) for bodies in said
    )


def _in_json(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
