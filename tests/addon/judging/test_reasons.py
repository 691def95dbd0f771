"""The closed set of reasons."""

from __future__ import annotations

import re

from addon.judging.reasons import NotStored


def test_every_reason_is_a_token_of_a_structured_header():
    """A reason is sent unquoted in `cache-status; detail=` (RFC 8941, 3.3.4) and consists of words."""
    assert all(re.fullmatch(r"[a-z]+(?:-[a-z]+)*", reason) for reason in NotStored)


def test_a_reason_prints_as_its_token():
    """Reports and headers show the value, not Python's name for it."""
    assert f"{NotStored.NO_TERMINAL_EVENT}" == "no-terminal-event"
