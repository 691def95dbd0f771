"""A session as a person reads it."""

from __future__ import annotations

from addon.sockets.reading import conversation, first_words
from addon.sockets.transcript import ClientFrame, ProviderFrame, Transcript


def client(value: object) -> ClientFrame:
    """A saved frame of the client."""
    return ClientFrame("d", {"kind": "json", "value": value})


def test_a_session_reads_as_a_conversation() -> None:
    """A streamed text is joined, ids are left out, and the end is told."""
    item = {"role": "user", "content": [{"type": "input_text", "text": "Hi there"}]}
    transcript = Transcript(
        (
            ProviderFrame('{"type":"session.created","event_id":"e"}'),
            client({"type": "session.update", "session": {"instructions": "Be brief"}}),
            client({"type": "conversation.item.create", "item": item}),
            ProviderFrame('{"type":"response.text.delta","delta":"Hel"}'),
            ProviderFrame('{"type":"response.text.delta","delta":"lo"}'),
            ProviderFrame('{"type":"response.done","response":{"id":"r"}}'),
            ProviderFrame("plain"),
        ),
        reason="bye",
    )
    assert list(conversation(transcript)) == [
        ("provider", "session.created"),
        ("client", "session.update  Be brief"),
        ("client", "conversation.item.create  Hi there"),
        ("provider", "response.text.delta  Hello"),
        ("provider", "response.done"),
        ("provider", "plain"),
        ("client", "closes with 1000 (bye)"),
    ]
    assert first_words(transcript) == "Hi there"
    assert first_words(Transcript(transcript.frames[:2])) == "Be brief"


def test_an_opening_has_no_end() -> None:
    """It is an entry by itself, and a person should not take it for a session."""
    opening = Transcript((ProviderFrame('{"type":"session.created"}'), client({}))).opening()
    (first, last) = conversation(opening)
    assert first == ("provider", "session.created")
    assert "closes" not in last[1]


def test_what_was_not_saved_is_said_so() -> None:
    """Without saved requests a session shows the provider's side only."""
    transcript = Transcript((ClientFrame("d", None), ProviderFrame("[1]")), closed_by_client=False, code=1001)
    assert [said for _, said in conversation(transcript)] == ["(not saved)", "[1]", "closes with 1001"]
    assert first_words(transcript) == ""
