"""Streams of which only the last event's type matters."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("transcript.text.delta", "transcript.text.done"),
        ("transcript.text.segment", "transcript.text.done"),
        ("transcription.text.delta", "transcription.done"),
        ("speech.audio.delta", "speech.audio.done"),
        ("image_generation.partial_image", "image_generation.completed"),
        ("image_edit.partial_image", "image_edit.completed"),
        ("agent.session.in_progress", "agent.session.idle"),
        ("agent.session.in_progress", "agent.session.requires_action"),
        ("conversation.response.started", "conversation.response.done"),
        ("interaction.created", "interaction.completed"),
    ],
)
def test_the_terminal_type_is_last(first, last, ask, sse):
    """A stream is whole with its terminal event at the end, and not without."""
    assert ask(sse({"type": first}, {"type": last}), SSE).reason is None
    assert ask(sse({"type": first}), SSE).reason == "no-terminal-event"
    assert ask(sse({"type": last}, {"type": first}), SSE).reason == "no-terminal-event"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("completed", None),
        ("failed", "failed"),
        ("budget_exceeded", "incomplete"),
        ("queued", "not-finished"),
    ],
)
def test_an_interaction_says_its_own_state(status, reason, ask, sse):
    """Gemini's `interaction.completed` is also sent for one that was cancelled or failed."""
    last = {"event_type": "interaction.completed", "interaction": {"status": status}}

    assert reason == ask(sse({"event_type": "interaction.created"}, last), SSE, store_incomplete=False).reason


def test_an_error_of_a_conversation_is_seen(ask, sse):
    """Mistral's conversations name their error like their other events."""
    events = [
        {"type": "conversation.response.started"},
        {"type": "conversation.response.error", "code": 500, "message": "m"},
    ]

    assert ask(sse(*events), SSE).reason == "error-in-stream"
