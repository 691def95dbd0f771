"""The marker that mitmweb shows beside a flow: one colour for each thing that the cache did with it."""

from __future__ import annotations

__all__ = ["marker_of"]

# The first that the status contains.
_MARKERS = (
    ("; hit", ":green_circle:"),
    ("fwd=miss; stored", ":large_blue_circle:"),
    ("detail=fault", ":red_circle:"),
    ("detail=unreachable", ":red_circle:"),
    ("detail=cache-unavailable", ":red_circle:"),
    ("fwd=miss", ":yellow_circle:"),
    ("fwd=bypass", ":white_circle:"),
)


def marker_of(cache_status: str) -> str:
    """The name of an emoji: green for a hit, blue for a stored answer, yellow for a miss or an answer that is not
    stored, red for a fault, white where the cache was not asked; '' for any other status.
    """
    return next((marker for part, marker in _MARKERS if part in cache_status), "")
