"""Numbers by exact value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.identity.exact_number import NumberTooLong, canonical

NUMBERS = st.from_regex(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,4})?", fullmatch=True)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("1", "1"), ("1.0", "1"), ("1e0", "1"), ("10e-1", "1"), ("0.1E1", "1"),
        ("0", "0"), ("-0", "0"), ("-0.0", "0"), ("0e99", "0"), ("-0.00e-5", "0"),
        ("0.7", "0.7"), ("0.70", "0.7"), ("7e-1", "0.7"), ("-1.50", "-1.5"), ("1000", "1000"), ("1e3", "1000"),
        ("9007199254740993", "9007199254740993"), ("9007199254740993.0", "9007199254740993"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("1e20", "100000000000000000000"), ("1e21", "1e21"), ("1000000000000000000000", "1e21"),
        ("0.000001", "0.000001"), ("0.0000001", "1e-7"), ("1.5e-9", "15e-10"),
        ("1e1000000", "1e1000000"), ("-1E+0400", "-1e400"),
    ],
)  # fmt: skip
def test_one_spelling(spelled: str, expected: str) -> None:
    """Numbers of equal value get one readable spelling."""
    assert canonical(spelled) == expected


@given(NUMBERS, NUMBERS)
def test_same_spelling_is_same_value(one: str, other: str) -> None:
    """Two numbers are spelled alike if and only if their values are equal, and spelling twice changes nothing."""
    assert (canonical(one) == canonical(other)) == (Decimal(one) == Decimal(other))
    assert Decimal(canonical(one)) == Decimal(one)
    assert canonical(canonical(one)) == canonical(one)


@given(NUMBERS, st.integers(0, 20))
def test_other_spellings_of_a_value(number: str, zeros: int) -> None:
    """A shifted exponent or added zeros never make another number."""
    mantissa, _, power = number.lower().partition("e")
    shifted = mantissa + ("" if "." in mantissa else ".") + "0" * zeros + f"e{int(power or 0)}"
    assert canonical(shifted.replace(".e", ".0e")) == canonical(number)


def test_too_long_is_refused() -> None:
    """4,300 digits are read exactly; one more, or an exponent beyond all reason, is refused."""
    digits = "7" * 4300
    assert canonical(digits) == digits
    assert canonical("-" + digits) == "-" + digits
    for text in (digits + "7", "-" + digits + "7", "1e" + "9" * 19):
        with pytest.raises(NumberTooLong):
            canonical(text)


@pytest.mark.parametrize(
    "text", ["1." + "7" * 4294 + "e-9", "-1." + "7" * 4294 + "e-9", "10e" + "9" * 18, "0.1e-" + "9" * 17]
)
def test_what_would_be_too_long_to_read_again_is_refused(text: str) -> None:
    """A number whose normal spelling is too long is refused."""
    with pytest.raises(NumberTooLong):
        canonical(text)


def test_a_huge_exponent_is_not_expanded() -> None:
    """An exponent of a quadrillion is not expanded."""
    assert canonical("12e999999999999999") == "12e999999999999999"
