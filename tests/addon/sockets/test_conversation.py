"""The reason of a close frame."""

from __future__ import annotations

from addon.sockets.conversation import short_reason


def test_a_reason_fits_into_a_close_frame() -> None:
    """At most 123 bytes of UTF-8, and whole characters."""
    assert short_reason("why") == "why"
    for text in ("x" * 1000, "ä" * 1000, "€" * 1000, "\ud800" * 200):
        short = short_reason(text)
        assert len(short.encode()) <= 123
        assert short.endswith("…")
