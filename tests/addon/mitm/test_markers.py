"""The marker of each outcome."""

from __future__ import annotations

import pytest
from mitmproxy.utils import emoji

from addon.exchange.cache_status import bypass_status, hit_status, miss_status
from addon.mitm.markers import marker_of


@pytest.mark.parametrize(
    ("status", "colour"),
    [
        (hit_status("pp2-1"), "green"),
        (miss_status("pp2-1", stored=True), "large_blue"),
        (miss_status("pp2-1", detail="status"), "yellow"),
        (miss_status("pp2-1"), "yellow"),
        (bypass_status("fault"), "red"),
        (bypass_status("unreachable"), "red"),
        (bypass_status("mode-off"), "white"),
    ],
)
def test_each_outcome_has_a_colour(status: str, colour: str) -> None:
    """That mitmproxy knows."""
    assert marker_of(status) == f":{colour}_circle:"
    assert marker_of(status) in emoji.emoji


def test_other_comments_have_none() -> None:
    """They are somebody else's."""
    assert marker_of("") == ""
