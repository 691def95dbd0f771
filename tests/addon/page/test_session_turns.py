"""WebSocket sessions as turns."""

from __future__ import annotations

import pytest

from addon.page.blocks import Part, Turn
from addon.page.entry_view import entry_view
from addon.page.session_turns import turns_of_session
from addon.sockets.transcript import CONTENT_TYPE, ClientFrame, ProviderFrame, Transcript
from cache_store.entry import Entry


def _entry(body: bytes, content_type: str = CONTENT_TYPE) -> Entry:
    return Entry("pp2-1", 200, "", ((b"content-type", content_type.encode()),), body, 1.0, 1.0, "run", {})


def test_a_session_reads_as_a_conversation() -> None:
    """A turn for each change of sides; a streamed text is joined, and nothing is asked apart from it."""
    frames = (
        ProviderFrame('{"type":"session.created"}'),
        ClientFrame("d", {"kind": "json", "value": {"type": "item", "text": "Hi"}}),
        ProviderFrame('{"type":"text.delta","delta":"Hel"}'),
        ProviderFrame('{"type":"text.delta","delta":"lo"}'),
        ProviderFrame('{"type":"done"}'),
    )
    entry = _entry(Transcript(frames).encode())
    assert turns_of_session(entry) == [
        Turn("provider", [Part("note", "session.created")]),
        Turn("client", [Part("text", "Hi", "item")]),
        Turn("provider", [Part("text", "Hello", "text.delta"), Part("note", "done")]),
        Turn("client", [Part("text", "closes with 1000")]),
    ]
    view = entry_view(entry)
    assert (view["session"], view["asked"], len(view["said"])) == (True, [], 4)


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'{"websocket": 1, "frames": 5}'])
def test_a_damaged_session_is_shown_as_any_answer(body: bytes) -> None:
    """As is one that only looks like one."""
    assert turns_of_session(_entry(body)) is None
    assert turns_of_session(_entry(Transcript(()).encode(), "application/json")) is None
    assert entry_view(_entry(body))["session"] is False
