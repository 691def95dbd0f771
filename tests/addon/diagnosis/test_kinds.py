"""Kinds of differences."""

from __future__ import annotations

import pytest

from addon.diagnosis.kinds import Kind, kind_of_member, kind_of_text
from addon.diagnosis.shortening import shared_start


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("call_aaaa1111", "call_aaaa2222", Kind.TOOL_CALL_ID),
        ("toolu_01A09q90qw90lq917835lq9", "toolu_01A09q90qw90lq917835lqZ", Kind.TOOL_CALL_ID),
        ("msg_0123456789", "msg_0123456780", Kind.ANSWER_ID),
        ("12/31/2026", "12/30/2026", Kind.DATE),
        ("1795256102123", "1795256102999", Kind.TIMESTAMP),
        ("20261121T101502Z", "20261121T101503Z", Kind.TIMESTAMP),
        ("at C:\\Users\\a\\x.txt", "at C:\\Users\\b\\x.txt", Kind.PATH),
        ("0xdeadbeef01", "0xdeadbeef02", Kind.HEX),
        ("the cat", "the dog", None),
        ("2026-11-21 is old", "2026-11-21 is new", None),
        ("version 1.2.3", "version 1.2.4", None),
        ("", "anything", None),
    ],
)
def test_what_texts_look_like(old: str, new: str, kind: Kind | None) -> None:
    """It is of a kind where it is in both texts, at the very place where they part."""
    assert kind_of_text(old, new, shared_start(old, new)) == kind


def test_names_say_what_they_are() -> None:
    """Of members that every provider knows."""
    assert kind_of_member("model") is Kind.MODEL
    assert kind_of_member("temperature") is Kind.SAMPLING
    assert kind_of_member("tool_use_id") is Kind.TOOL_CALL_ID
    assert kind_of_member("previous_response_id") is Kind.ANSWER_ID
    assert kind_of_member("content") is None


@pytest.mark.parametrize(
    "text", ["0" * 1_000_000, "a/" * 500_000, "1:" * 500_000, "-" * 1_000_000, "Jan" * 300_000]
)
def test_no_text_takes_long(text: str) -> None:
    """Only the text around the difference is looked at; a quadratic search of a megabyte would not end."""
    kind_of_text(text, f"{text[:500_000]}x{text[500_000:]}", 500_000)
