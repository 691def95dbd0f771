"""Whole tokens."""

from __future__ import annotations

import re

from addon.volatile.tokens import token_pattern


def test_a_value_is_found_as_a_whole_token_only() -> None:
    """Not within a longer word; the longer of two values wins; special characters are themselves."""
    pattern = re.compile(token_pattern(["run", "run-1", "a.c"]))
    assert pattern.findall("run runs xrun run_ run-1 run-2 abc a.c") == ["run", "run-1", "run", "a.c"]
