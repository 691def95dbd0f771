"""Streams of typed events of which only the last one's type matters.

openai `types/audio/transcription_stream_event.py`, `types/image_gen_stream_event.py`, `types/beta/
agent_session_event.py`; mistralai `models/conversationevents.py` and its transcription events; google-genai's
interactions. How many images were asked for cannot be seen here: with several, each ends like the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addon.judging.endings import state_problem
from addon.judging.items import Grammar, Item
from addon.judging.reasons import NotStored

__all__ = ["GRAMMARS"]


def _typed(name: str, prefix: str, *terminal: str) -> Grammar:
    def recognises(item: Item) -> bool:
        return item.kind.startswith(prefix)

    def problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
        last = items[-1]
        if last.kind not in terminal:
            return NotStored.NO_TERMINAL_EVENT
        return state_problem(_inner_status(last.value), store_incomplete)

    return Grammar(name, recognises, problem)


def _inner_status(value: dict[str, Any]) -> object:
    """The status of the object that a terminal event may carry; None where it has none."""
    inner = value.get("interaction")
    return inner.get("status") if isinstance(inner, dict) else None


GRAMMARS = (
    _typed("openai-transcript", "transcript.", "transcript.text.done"),
    _typed("mistral-transcript", "transcription.", "transcription.done"),
    _typed("speech", "speech.audio.", "speech.audio.done"),
    _typed("openai-image", "image_generation.", "image_generation.completed"),
    _typed("openai-image", "image_edit.", "image_edit.completed"),
    _typed("openai-agent", "agent.session.", "agent.session.idle", "agent.session.requires_action"),
    _typed("mistral-conversation", "conversation.response.", "conversation.response.done"),
    _typed("gemini-interaction", "interaction.", "interaction.completed"),
)
