"""Sums up what the alterations of each answer led to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from addon.probing.edits import Change
from addon.probing.trials import Finding, Trial

__all__ = ["Answer", "answers_of", "share_depended"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one test, with what each of its alterations led to."""

    test: str
    key: str
    findings: Mapping[Change, Finding]

    def with_finding(self, finding: Finding) -> list[Change]:
        """The alterations that led to this."""
        return [change for change, each in self.findings.items() if each is finding]

    @property
    def is_depended_on(self) -> bool:
        """Whether its test noticed an alteration."""
        return Finding.DEPENDS in self.findings.values()

    @property
    def is_blind(self) -> bool:
        """Whether its test was given alterations, and none made any difference."""
        seen = set(self.findings.values()) - {Finding.UNCLEAR}
        return seen == {Finding.BLIND}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [
            {"kind": str(change.kind), "pointer": change.pointer, "finding": str(finding)}
            for change, finding in self.findings.items()
        ]
        return {"key": self.key, "blind": self.is_blind, "parts": rows}


def answers_of(findings: Mapping[Trial, Finding]) -> list[Answer]:
    """The answers that were altered, by test."""
    by_answer: dict[tuple[str, str], dict[Change, Finding]] = defaultdict(dict)
    for trial, finding in findings.items():
        by_answer[trial.test, trial.key][trial.change] = finding
    return [Answer(test, key, by_answer[test, key]) for test, key in sorted(by_answer)]


def share_depended(answers: Iterable[Answer]) -> float | None:
    """The share of answers that a test depends on, among those of which anything is known; None if there are none.

    An answer that only decides what the test asks next is not among them.
    """
    known = [answer for answer in answers if answer.is_depended_on or answer.is_blind]
    return sum(answer.is_depended_on for answer in known) / len(known) if known else None
