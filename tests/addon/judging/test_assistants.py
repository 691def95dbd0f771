"""Assistants' threads."""

from __future__ import annotations

import pytest

SSE = "text/event-stream"
DONE = ("done", "[DONE]")


def run(state):
    """A run's event; its data names no type."""
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
def test_the_runs_last_state_decides(state, reason, ask, sse):
    """`done` proves nothing where the run itself has failed or never ended."""
    assert reason == ask(sse(run("created"), STEP, run(state), DONE), SSE).reason


def test_a_step_does_not_end_a_run(ask, sse):
    """A completed step is not a completed run."""
    assert ask(sse(run("created"), STEP, DONE), SSE).reason == "not-finished"


def test_the_sentinel_is_needed(ask, sse):
    """The run's end is followed by `done`."""
    assert ask(sse(run("created"), run("completed")), SSE).reason == "no-terminal-event"


def test_an_incomplete_run_follows_the_setting(ask, sse):
    """A run that ended at its token limit is kept or not."""
    assert ask(sse(run("incomplete"), DONE), SSE, store_incomplete=False).reason == "incomplete"
