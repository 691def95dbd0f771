"""Expressions for values of no named kind."""

from __future__ import annotations

import pytest
import re2

from addon.learning.patterns import literal, random_pattern, temp_pattern


@pytest.mark.parametrize(
    "values", [("a1b2c3", "99fe01"), ("k3Jx9_ab", "Zq1-8rTt"), ("AB12CD", "99ZZ00"), ("x1y2z3", "abcde6f7")]
)
def test_random_ids_match_and_words_do_not(values: tuple[str, str]) -> None:
    """A digit is always needed."""
    pattern = random_pattern(values)
    assert all(re2.fullmatch(pattern, value) for value in values)
    assert not any(re2.fullmatch(pattern, word) for word in ("decade", "facade", "question", "ABCDEF"))


@pytest.mark.parametrize(
    ("shortest", "longest"), [(6, 6), (6, 9), (8, 8), (12, 13), (21, 21), (6, 64), (64, 64)]
)
def test_a_random_id_has_its_length_wherever_its_digit_is(shortest: int, longest: int) -> None:
    """Each length that was seen matches; none of three quarters of it does."""
    pattern = random_pattern(["1" + "f" * (length - 1) for length in (shortest, longest)])
    for length in range(1, longest * 2):
        ids = ["f" * at + "7" + "f" * (length - 1 - at) for at in range(length)]
        matched = [re2.fullmatch(pattern, each) is not None for each in ids]
        assert all(matched) or not shortest <= length <= longest
        assert not any(matched) or length > shortest * 3 / 4
    assert len(pattern) < 250


@pytest.mark.parametrize(
    "values",
    [("hello1", "abcdef"), ("123456", "654321"), ("a1", "b2"), ("a1 b2c3", "d4 e5f6"), ("é1abcd", "é2abcd")],
)
def test_words_and_numbers_have_no_expression(values: tuple[str, str]) -> None:
    """They may mean something."""
    assert random_pattern(values) == ""


@pytest.mark.parametrize(("old", "new", "other"), [
    ("/tmp/tmpab12cd_x", "/tmp/tmpabcdefgh", "/tmp/tmpzzzzzzzz"),
    ("/tmp/tmp.Ab12Cd34Ef", "/tmp/tmp.AbZZCd34Ef", "/tmp/tmp.0000000000"),
    ("/tmp/my-app-aB3dE9", "/tmp/my-app-aC3dE9", "/tmp/my-app-zzZzzz"),
])  # fmt: skip
def test_temporary_folders_match_by_their_beginning(old: str, new: str, other: str) -> None:
    """An equal first character of the random part is no part of the beginning."""
    pattern = temp_pattern(old, new)
    assert all(re2.fullmatch(pattern, value) for value in (old, new, other))
    assert not any(
        re2.fullmatch(pattern, name) for name in ("/tmp/report", "/tmp/my-app-report", "/tmp/tmp.notes")
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/tmp/report", "/tmp/summary"),
        ("/tmp/invoice", "/tmp/payment"),
        ("/tmp/x-Report", "/tmp/x-Budget"),
        ("/tmp/a/b", "/var/tmp/b"),
        ("/tmp/x-ab", "/tmp/x-cd"),
    ],
)
def test_other_folders_have_no_expression(old: str, new: str) -> None:
    """Names that somebody chose."""
    assert temp_pattern(old, new) == ""


def test_literals_are_literal() -> None:
    """Every sign of an expression is escaped, as RE2 wants it."""
    text = r"a.b*c[d](e)|f\g{h}^$+? ⟦é"
    assert re2.fullmatch(literal(text), text)
