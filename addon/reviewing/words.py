"""Compares two texts word by word."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import islice

from addon.diagnosis.shortening import shared_start
from addon.redaction import redact_text

__all__ = ["Hunk", "hunks_of"]

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 300  # of each text that are compared; a longer difference is one hunk
_MOST_HUNKS = 6
_LONGEST_TEXT = 2**20  # characters
_BESIDE = 40  # characters of context
_LONGEST = 200  # characters of a change
_APART = 3  # equal tokens; changes that are nearer become one


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place where two texts differ, with what stands before and after it in both; all are shortened."""

    before: str
    old: str
    new: str
    after: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def hunks_of(old: str, new: str) -> tuple[Hunk, ...]:
    """The first places where two texts differ. A credential in them is replaced, as in a saved request.

    Of very long texts only the beginnings are compared.
    """
    old, new = (redact_text(text[:_LONGEST_TEXT]) for text in (old, new))
    start = _word_before(old, new, shared_start(old, new))
    end = _shared_end(old[start:], new[start:])
    a, b = (list(islice(_tokens(text[start : len(text) - end]), _MOST_WORDS + 1)) for text in (old, new))
    if max(len(a), len(b)) > _MOST_WORDS:
        spans = [(start, len(old) - end, start, len(new) - end)]
    else:
        spans = [_placed(a, b, start, *span) for span in _changes(a, b)]
    return tuple(
        Hunk(_before(old, i), _cut(old[i:j]), _cut(new[k:m]), _after(old, j))
        for i, j, k, m in spans[:_MOST_HUNKS]
    )


def _tokens(text: str) -> map[str]:
    return map(re.Match.group, _TOKEN.finditer(text))


def _word_before(old: str, new: str, start: int) -> int:
    """`start`, moved to the beginning of a word that the difference lies in."""
    while start and all(text[start - 1 : start].isalnum() for text in (old, new)):
        if not any(text[start : start + 1].isalnum() for text in (old, new)):
            break
        start -= 1
    return start


def _shared_end(old: str, new: str) -> int:
    """The length of the longest common end that begins with a word."""
    end = shared_start(old[::-1], new[::-1])
    while end and old[len(old) - end].isalnum():
        if not any(text[len(text) - end - 1 : len(text) - end].isalnum() for text in (old, new)):
            break
        end -= 1
    return end


def _changes(a: list[str], b: list[str]) -> list[tuple[int, int, int, int]]:
    spans: list[tuple[int, int, int, int]] = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if spans and i - spans[-1][1] <= _APART:
            spans[-1] = spans[-1][0], j, spans[-1][2], m
        else:
            spans.append((i, j, k, m))
    return spans


def _placed(
    a: list[str], b: list[str], start: int, i: int, j: int, k: int, m: int
) -> tuple[int, int, int, int]:
    """A span of tokens as one of characters."""
    ends = (sum(map(len, tokens[:at])) for tokens, at in ((a, i), (a, j), (b, k), (b, m)))
    first, second, third, fourth = (start + at for at in ends)
    return first, second, third, fourth


def _before(text: str, at: int) -> str:
    return ("…" if at > _BESIDE else "") + text[max(0, at - _BESIDE) : at]


def _after(text: str, at: int) -> str:
    return text[at : at + _BESIDE] + ("…" if len(text) > at + _BESIDE else "")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST * 2 // 3]}…{text[-_LONGEST // 3 :]}"
