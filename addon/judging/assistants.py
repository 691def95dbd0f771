"""OpenAI's Assistants: `thread.*` events, told by their name alone, that end with `event: done`."""

from __future__ import annotations

from collections.abc import Sequence

from addon.judging.endings import state_problem
from addon.judging.items import Grammar, Item
from addon.judging.reasons import NotStored

__all__ = ["GRAMMAR"]

_RUN = "thread.run."
_ENDED = frozenset({"completed", "requires_action", "incomplete", "failed", "cancelled", "expired"})


def _problem(items: Sequence[Item], store_incomplete: bool) -> NotStored | None:
    if not items[-1].is_done:
        return NotStored.NO_TERMINAL_EVENT
    states = [item.name.removeprefix(_RUN) for item in items if item.name.startswith(_RUN)]
    # `thread.run.step.completed` is a step's state, not the run's.
    ended = [state for state in states if state in _ENDED]
    return state_problem(ended[-1], store_incomplete) if ended else NotStored.NOT_FINISHED


GRAMMAR = Grammar("openai-assistants", lambda item: item.name.startswith("thread."), _problem)
