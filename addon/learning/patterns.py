"""Writes the expression of RE2 for values that no named kind covers, unless they may be words or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from addon.diagnosis.shortening import shared_start

__all__ = ["literal", "random_pattern", "temp_pattern"]

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_SHORTEST, _LONGEST = 6, 64
_PLACES = 4  # of a digit: each is an alternative of the expression
_RANDOM_END = 6  # characters that `mkdtemp` makes at least
_MADE = ("tmp.", "tmp")  # before mktemp's and Python's random characters


def literal(text: str) -> str:
    """An expression that matches exactly `text`."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def random_pattern(values: Sequence[str]) -> str:
    """An expression for ids such as `values`; '' if one may be a word, or all are numbers.

    It matches nothing without a digit, so no word.
    """
    both = "".join(values)
    longest = max(map(len, values))
    if not (min(map(len, values)) >= _SHORTEST and longest <= _LONGEST) or both.isdecimal():
        return ""
    if not all(re.search("[0-9]", value) for value in values) or not re.fullmatch("[0-9A-Za-z_-]+", both):
        return ""
    return _with_digit(f"[0-9{_others_in(both)}]", min(map(len, values)), longest)


def _with_digit(letter: str, shortest: int, longest: int) -> str:
    """About as many of the class `letter`, of which one at least is a digit. A shorter value may be a number.

    RE2 cannot look ahead, so the places of the digit are alternatives, four at most. Some lengths that
    are less than a quarter below `shortest`, or above `longest`, match, too.
    """
    step = -(-shortest // _PLACES)
    parts = []
    for first in range(0, shortest, step):
        last = longest - 1 if first + step >= shortest else first + step - 1
        after = max(0, shortest - 1 - last), longest - 1 - first
        parts.append(f"{letter}{{{first},{last}}}[0-9]{letter}{{{after[0]},{after[1]}}}")
    return f"(?:{'|'.join(parts)})"


def _others_in(text: str) -> str:
    """The characters besides digits of an alphabet that has those of `text`, as the inside of a character class."""
    small, capital = (re.sub(f"[^{letters}]", "", text) for letters in ("a-z", "A-Z"))
    if small and capital:
        return "A-Za-z_-"  # base64 of URLs
    letters = small or capital
    end = "f" if all(letter in "abcdef" for letter in letters.lower()) else "z"
    span = f"a-{end}" if small else f"A-{end.upper()}"
    return span + "".join(sign for sign in "_-" if sign in text)


def temp_pattern(old: str, new: str) -> str:
    """An expression for temporary folders such as both: what is common up to a sign, and as many random characters.

    '' if the values have another form.
    """
    at = max(old.rfind("/"), old.rfind("\\")) + 1
    if old[:at] != new[:at] or len(old) != len(new):
        return ""
    names = old[at:], new[at:]
    made = next((made for made in _MADE if all(name.startswith(made) for name in names)), "")
    shared = len(made) or max(names[0].rfind(sign, 0, shared_start(*names)) for sign in "-._") + 1
    ends = [name[shared:] for name in names]
    most = len(ends[0]) - 1
    # What is not made by such a library may be a word, so a digit or a capital within it is needed.
    end = (
        f"[0-9A-Za-z_]{{{most + 1}}}"
        if made
        else f"(?:[A-Za-z_]{{0,{most}}}(?:[0-9]|[a-z][A-Z])|[A-Z]{{2,{most}}}[a-z])[0-9A-Za-z_]{{0,{most}}}"
    )
    is_random = most + 1 >= _RANDOM_END and all(re.fullmatch(end, name) for name in ends)
    return literal(old[: at + shared]) + end if is_random else ""
