"""Which texts are values of a kind, and which only look like one."""

from __future__ import annotations

import re

import pytest
import re2

from addon.volatile.kinds import KINDS

VALUES = {
    "uuid": ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
    "hex-id": ["0123456789abcdef", "3f2a" * 10, "DEADBEEF0011223344AA"],
    "tmp-path": [
        "/tmp/tmpab12cd_x", "/tmp/tmp.Ab12Cd34Ef", "/private/tmp/tmp1a345678",
        "/tmp/pytest-of-root/pytest-12", "/var/folders/ab/c1d2e3f4g5h6i7j8k9l0m1n2o3p4q5/T/tmpab12cd_x",
        r"C:\Users\ann\AppData\Local\Temp\tmpab12cd_x", "/tmp/vitest-aB3dE9",
    ],
    "tool-call-id": [
        "call_0123456789abcdefABCDEFGH", "toolu_01A09q90qw90lq917835lq9", "toolu_bdrk_01A09q90qw90lq91vB2xRt",
        "chatcmpl-tool-0a1b2c3d4e5f60718293a4b5c6d7e8f9", "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q",
    ],
    "iso-datetime": ["2026-11-28T17:30:00Z", "2026-11-28 17:30:00.123456", "2026-11-28T17:30:00+01:00"],
    "date": ["2026-11-28", "November 28, 2026", "Saturday, November 28, 2026", "28 Nov 2026", "11/28/2026"],
    "unix-time": ["1764351000", "1764351000123", "1764351000.25"],
    "port": ["8080", "54321"],
    "duration": ["0.13s", "12 ms", "3 seconds", "1.25 min"],
}  # fmt: skip
NOT = {
    "uuid": ["x123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-42661417400", "a-b-c-d"],
    "hex-id": ["1234567890123456", "abcdefabcdefabcdef", "0123456789abcde", "g0123456789abcdef", "DE89370400440532013000", "0123456789abcdeF"],
    "tmp-path": ["/tmp/report.txt", "/tmp/invoices/2024", "/tmp/annual-2024Q3", "/home/tmpab12cd_x", "/tmp/notes-Report", "/tmp/tmpdatabase",
                 "/tmp/tmp_backups", "/tmp/tmpreport24", "/tmp/tmp.report2024"],
    "tool-call-id": ["call_me", "call_weatherservice", "recall_0123456789", "fc_barcelona1899x",
                     "call_center_2024_report_final", "call_option_2025_strategy_plan", "call_weather1abc2"],
    "iso-datetime": ["2026-11-28", "17:30:00"],
    "date": ["2026-11", "May I ask", "1.5"],
    "unix-time": ["764351000", "9764351000"],
    "port": ["0123", "123456"],
    "duration": ["12", "3 streams"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in VALUES.items() for value in values]
)
def test_values_are_found_whole(name: str, value: str) -> None:
    """Alone, and within a sentence."""
    found = re.search(KINDS[name].pattern, f"It is {value}, they said")
    assert found is not None
    assert found[0] == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in NOT.items() for text in texts])
def test_other_texts_are_not_values(name: str, text: str) -> None:
    """Names and numbers with a meaning are left alone."""
    assert re.search(KINDS[name].pattern, f"It is {text}, they said") is None


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.hint])
def test_a_hint_matches_wherever_a_value_is(name: str) -> None:
    """Also where JSON writes a backslash twice."""
    for value in VALUES[name]:
        assert re2.search(KINDS[name].hint, f'"x {value}"'.replace("\\", "\\\\").encode())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("text", ["a1" * 200_000, "tmp/" * 100_000, "1 " * 200_000, "/tmp/" + "a-" * 200_000])
def test_no_text_takes_long(name: str, text: str) -> None:
    """A quadratic search of 400 KB would not end."""
    list(re.finditer(KINDS[name].pattern, text))
