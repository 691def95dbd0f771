"""Events of a stream with their JSON read once, as the grammars look at them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from addon.judging.reasons import NotStored
from cache_store.answers.sse import Event

__all__ = ["Grammar", "Item", "item_of", "items_of", "parse_json"]


@dataclass(frozen=True, slots=True)
class Item:
    """One event.

    `name` is its `event:` field, `kind` what it says it is: the JSON's own type, else the name. `value` is the JSON
    object in `data`, {} where there is none.
    """

    name: str
    kind: str
    data: str
    value: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether it is the `[DONE]` sentinel, which openai's `_streaming.py` tells by its start."""
        return self.data.startswith("[DONE]")


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one family's streams look.

    `recognises` tells whether an event is of this family. `problem` judges all events, pings left out, of a stream
    whose first known event is; its second argument says whether an answer that ended at a limit is kept.
    """

    name: str
    recognises: Callable[[Item], bool]
    problem: Callable[[Sequence[Item], bool], NotStored | None]


def parse_json(text: str) -> Any:
    """The JSON value in `text`; raises ValueError for what is none, however deep it nests."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def items_of(events: Sequence[Event]) -> list[Item]:
    """The events with their JSON; what is no JSON object has an empty `value`."""
    return [item_of(event.name, event.data, _object(event.data)) for event in events]


def item_of(name: str, data: str, value: dict[str, Any]) -> Item:
    """The item of an event whose JSON has been read already."""
    for key in ("type", "event_type"):
        if isinstance(kind := value.get(key), str):
            return Item(name, kind, data, value)
    return Item(name, name, data, value)


def _object(data: str) -> dict[str, Any]:
    if not data.lstrip().startswith("{"):
        return {}
    try:
        value = parse_json(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
