"""Streams that are whole if their last event has the right type.

Sources: openai `types/audio/transcription_stream_event.py`, `types/image_gen_stream_event.py`, `types/beta/
agent_session_event.py`; mistralai `models/conversationevents.py` and its transcription events; google-genai
interactions. An image stream does not say how many images were requested, and each image ends with the same event.

The Assistants API names its events `thread.*` and ends with `event: done`.
"""

from __future__ import annotations

from collections.abc import Sequence

from addon.judging.endings import state_problem
from addon.judging.reasons import NotStored
from addon.judging.stream_events import Grammar, StreamEvent

__all__ = ["ASSISTANTS", "GRAMMARS"]

_RUN = "thread.run."
_RUN_ENDS = frozenset({"completed", "requires_action", "incomplete", "failed", "cancelled", "expired"})


def _typed(name: str, prefix: str, *terminal: str, closes: bool = True) -> Grammar:
    def problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
        last = events[-1]
        if last.kind not in terminal:
            return NotStored.NO_TERMINAL_EVENT
        inner = last.value.get("interaction")
        return state_problem(inner.get("status") if isinstance(inner, dict) else None, store_incomplete)

    return Grammar(
        name,
        lambda event: event.kind.startswith(prefix),
        problem,
        is_last=lambda event: closes and event.kind in terminal,
    )


def _assistants_problem(events: Sequence[StreamEvent], store_incomplete: bool) -> NotStored | None:
    if not events[-1].is_done:
        return NotStored.NO_TERMINAL_EVENT
    states = [event.name.removeprefix(_RUN) for event in events if event.name.startswith(_RUN)]
    # `thread.run.step.completed` is the state of a step, not of the run.
    ends = [state for state in states if state in _RUN_ENDS]
    return state_problem(ends[-1], store_incomplete) if ends else NotStored.NOT_FINISHED


ASSISTANTS = Grammar(
    "openai-assistants",
    lambda event: event.name.startswith("thread."),
    _assistants_problem,
    is_last=lambda event: event.is_done,
)
GRAMMARS = (
    _typed("openai-transcript", "transcript.", "transcript.text.done"),
    _typed("mistral-transcript", "transcription.", "transcription.done"),
    _typed("speech", "speech.audio.", "speech.audio.done"),
    _typed("openai-image", "image_generation.", "image_generation.completed", closes=False),
    _typed("openai-image", "image_edit.", "image_edit.completed", closes=False),
    _typed(
        "openai-agent", "agent.session.", "agent.session.idle", "agent.session.requires_action", closes=False
    ),
    _typed("mistral-conversation", "conversation.response.", "conversation.response.done"),
    _typed("gemini-interaction", "interaction.", "interaction.completed"),
)
