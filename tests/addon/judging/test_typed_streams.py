"""Streams that are whole if their last event has the right type."""

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
    """A stream is whole only if its terminal event is the last one."""
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
    """An error event of a Mistral conversation is recognised by its type."""
    events = [
        {"type": "conversation.response.started"},
        {"type": "conversation.response.error", "code": 500, "message": "m"},
    ]

    assert ask(sse(*events), SSE).reason == "error-in-stream"


DONE = ("done", "[DONE]")


def run(state):
    """The event of a run; its data has no type."""
    return (f"thread.run.{state}", {"object": "thread.run", "status": state})


STEP = ("thread.run.step.completed", {"object": "thread.run.step", "type": "message_creation"})


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("completed", None),
        ("requires_action", None),
        ("incomplete", None),
        ("failed", "failed"),
        ("expired", "failed"),
        ("cancelled", "failed"),
        ("in_progress", "not-finished"),
        ("queued", "not-finished"),
    ],
)
def test_the_last_state_of_a_run_decides(state, reason, ask, sse):
    """`done` proves nothing if the run itself failed or never ended."""
    assert reason == ask(sse(run("created"), STEP, run(state), DONE), SSE).reason


def test_a_step_does_not_end_a_run(ask, sse):
    """A completed step does not mean a completed run."""
    assert ask(sse(run("created"), STEP, DONE), SSE).reason == "not-finished"


def test_a_thread_stream_needs_its_sentinel(ask, sse):
    """A thread stream ends with `done`, after the end of the run."""
    assert ask(sse(run("created"), run("completed")), SSE).reason == "no-terminal-event"


def test_an_incomplete_run_follows_the_setting(ask, sse):
    """STORE_INCOMPLETE decides about a run that ended at its token limit."""
    assert ask(sse(run("incomplete"), DONE), SSE, store_incomplete=False).reason == "incomplete"
