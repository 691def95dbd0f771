"""JSON numbers by their exact value, in one spelling, without going through a float.

`1`, `1.0` and `1e0` are one; `-0.0` is `0`; no digit is lost, and no exponent is ever expanded into digits
beyond 21 (so `1e1000000` stays six characters of work).
"""

from __future__ import annotations

__all__ = ["LONGEST", "NumberTooLong", "canonical"]

LONGEST = 4300
"""Characters of a number; Python's own limit for integers, which an environment variable can change."""

_LONGEST_EXPONENT = 18
# As JavaScript writes numbers: plain up to 21 digits and down to six zeros behind the point.
_PLAIN_DIGITS = 21
_PLAIN_ZEROS = 6


class NumberTooLong(ValueError):
    """A number that is not worth reading exactly."""


def canonical(text: str) -> str:
    """The one spelling of the JSON number `text` (RFC 8259, 6), itself a JSON number.

    Raises NumberTooLong beyond 4,300 characters or an exponent beyond 18, as sent or in this spelling.
    """
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, _, power = digits.replace("E", "e").partition("e")
    _refuse_long(digits, power)
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    exponent = int(power or "0") - len(fraction) + len(digits) - len(significant)
    spelled = _spelled(significant, exponent)
    # What is written must be read again: 1.5e-9 is 15e-10.
    _refuse_long(spelled, spelled.partition("e")[2])
    return sign + spelled


def _refuse_long(number: str, power: str) -> None:
    if len(number) > LONGEST:
        raise NumberTooLong(f"a number is longer than {LONGEST} digits")
    if len(power) > _LONGEST_EXPONENT:
        raise NumberTooLong("a number's exponent is too long")


def _spelled(digits: str, exponent: int) -> str:
    """`digits` x 10**`exponent`; `digits` neither begins nor ends with a zero."""
    point = len(digits) + exponent
    if exponent == 0:
        return digits
    if exponent > 0:
        return digits + "0" * exponent if point <= _PLAIN_DIGITS else f"{digits}e{exponent}"
    if point > 0:
        return f"{digits[:point]}.{digits[point:]}"
    return "0." + "0" * -point + digits if -point < _PLAIN_ZEROS else f"{digits}e{exponent}"
