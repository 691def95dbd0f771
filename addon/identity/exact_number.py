"""Gives each JSON number one spelling that depends on its exact value only, without using floats.

`1`, `1.0` and `1e0` become `1`, and `-0.0` becomes `0`. No digit is lost. Exponents are not expanded beyond 21
digits, so `1e1000000` stays short.
"""

from __future__ import annotations

__all__ = ["NumberTooLong", "canonical"]

# Python's own limit for integers, which an environment variable can change.
_LONGEST = 4300

_LONGEST_EXPONENT = 18
# The limits at which JavaScript switches to exponents (ECMA-262, Number::toString).
_PLAIN_DIGITS = 21
_PLAIN_ZEROS = 6


class NumberTooLong(ValueError):
    """The number is too long to be normalised."""


def canonical(text: str) -> str:
    """The normal spelling of the JSON number `text` (RFC 8259, 6), which is itself a JSON number.

    Raises NumberTooLong if it has more than 4,300 characters or its exponent more than 18, before or after.
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
    # The result must be readable again, and it can be longer than the input: 1.5e-9 becomes 15e-10.
    _refuse_long(spelled, spelled.partition("e")[2])
    return sign + spelled


def _refuse_long(number: str, power: str) -> None:
    if len(number) > _LONGEST:
        raise NumberTooLong(f"a number is longer than {_LONGEST} digits")
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
