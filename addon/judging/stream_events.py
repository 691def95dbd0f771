"""The events of a stream with their JSON parsed once, and the shape of a grammar that judges them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from addon.judging.reasons import NotStored
from cache_store.answers.sse import Event

__all__ = ["Grammar", "StreamEvent", "parse_json", "parse_object", "stream_event", "stream_events"]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream.

    `name` is its `event:` field. `kind` is the JSON's own `type` or `event_type`, else the name. `value` is the
    JSON object in `data`, or {} if there is none.
    """

    name: str
    kind: str
    data: str
    value: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether it is the `[DONE]` sentinel. Like openai's `_streaming.py`, checks only how the data starts."""
        return self.data.startswith("[DONE]")


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one family's streams look.

    `is_last` tells whether nothing can follow an event. It is always False for a family without such an event.

    `recognises` tells whether an event belongs to the family. `problem(events, store_incomplete)` judges all events
    of a stream, pings left out. `store_incomplete` says whether to keep an answer that ended at a limit.
    """

    name: str
    recognises: Callable[[StreamEvent], bool]
    problem: Callable[[Sequence[StreamEvent], bool], NotStored | None]
    is_last: Callable[[StreamEvent], bool] = lambda _: False


def parse_json(text: str) -> Any:
    """The JSON value in `text`. Raises ValueError for invalid or too deeply nested JSON."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_object(text: str | bytes, encoding: str = "utf-8") -> dict[str, Any]:
    """The JSON object in `text`; {} if there is none. Never raises."""
    try:
        value = parse_json(text.decode(encoding) if isinstance(text, bytes) else text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def stream_events(events: Sequence[Event]) -> list[StreamEvent]:
    """The events with their JSON parsed; data that is not a JSON object gives an empty `value`."""
    values = (parse_object(event.data) if event.data.lstrip().startswith("{") else {} for event in events)
    return [stream_event(event.name, event.data, value) for event, value in zip(events, values, strict=True)]


def stream_event(name: str, data: str, value: dict[str, Any]) -> StreamEvent:
    """The event whose JSON object is `value`."""
    for key in ("type", "event_type"):
        if isinstance(kind := value.get(key), str):
            return StreamEvent(name, kind, data, value)
    return StreamEvent(name, name, data, value)
