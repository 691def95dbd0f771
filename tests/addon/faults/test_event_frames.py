"""Frames that are written are those that Amazon's SDK reads."""

from __future__ import annotations

from botocore.eventstream import EventStreamBuffer

from addon.faults.event_frames import frame, with_payload


def test_botocore_reads_what_is_written() -> None:
    """Headers, payload and both checksums."""
    whole = frame({":message-type": "exception", ":exception-type": "x"}, b'{"message": "m"}')
    buffer = EventStreamBuffer()
    buffer.add_data(whole + with_payload(whole, b"other"))
    first, second = list(buffer)
    assert first.headers == second.headers == {":message-type": "exception", ":exception-type": "x"}
    assert (first.payload, second.payload) == (b'{"message": "m"}', b"other")
