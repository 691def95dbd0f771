"""Says by JSON Pointer what changed from one recording to the one that took its place."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from addon.diagnosis.differences import Difference, differences, json_body, parse_saved
from addon.diagnosis.kinds import Kind
from addon.redaction import redact_text
from addon.reviewing.recordings import Answer, Recording
from addon.reviewing.words import Hunk, hunks_of
from cache_store.nearest.sketch import conversation_of

__all__ = ["Change", "What", "changes_of", "only_in_one"]


class What(enum.StrEnum):
    """The kinds of change, as `review --fail-on` takes them."""

    PROMPT = "prompt-change"
    HISTORY = "history-change"
    TOOLS = "tool-change"
    MODEL = "model-change"
    REQUEST = "request-change"
    ANSWER = "answer-change"
    TURN_ADDED = "turn-added"
    TURN_REMOVED = "turn-removed"
    ADDED = "recording-added"
    REMOVED = "recording-removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `place` is `request` or `answer` with a JSON Pointer, or a request's method, host and path.

    `old` and `new` are shortened; None means that there is nothing. `hunks` are the places where two texts differ.
    """

    what: What
    place: str
    old: str | None = None
    new: str | None = None
    hunks: tuple[Hunk, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        words = [hunk.as_dict() for hunk in self.hunks]
        return {"what": self.what, "place": self.place, "old": self.old, "new": self.new, "words": words}


_TOOLS = frozenset({"tools", "tool_choice", "toolConfig", "tool_config", "functions", "function_call"})
_PROMPTS = frozenset({
    "messages", "input", "contents", "system", "instructions", "systemInstruction", "system_instruction", "prompt",
    "preamble", "message", "chat_history", "query", "texts", "inputText", "inputs", "text",
})  # fmt: skip
_ANSWERED = frozenset({"assistant", "model", "tool", "function", "chatbot"})
_ANSWERED_ITEMS = frozenset({"function_call", "function_call_output", "reasoning", "item_reference"})
_NOT_HELD = "another recording; the lock file does not say how it differs"


def changes_of(old: Recording, new: Recording) -> list[Change]:
    """The changes of request and answer; none if a person would call both the same."""
    if old.answer is None or new.answer is None:
        return list(_of_listed(old, new))
    changes = [] if old.request_json == new.request_json else list(_of_requests(old, new))
    return changes + list(_of_answers(old, new, old.answer, new.answer))


def only_in_one(what: What, recording: Recording) -> Change:
    """A recording that was added or removed, with the first words of what it asks."""
    question = redact_text(recording.question) or None
    is_old = what in (What.REMOVED, What.TURN_REMOVED)
    return Change(what, recording.place, *((question, None) if is_old else (None, question)))


def _of_listed(old: Recording, new: Recording) -> Iterator[Change]:
    """What two lock files say, or one of them and an entry."""
    if old.model != new.model:
        yield Change(What.MODEL, "request", old.model or None, new.model or None)
    if old.place != new.place:
        yield Change(What.REQUEST, "request", old.place, new.place)
    if old.key != new.key:
        yield Change(What.REQUEST, old.place, None, _NOT_HELD)
    elif old.digest != new.digest:
        yield Change(What.ANSWER, old.place, None, _NOT_HELD)


def _of_requests(old: Recording, new: Recording) -> Iterator[Change]:
    a, b = parse_saved(old.request_json), parse_saved(new.request_json)
    if a is None or b is None:
        yield Change(What.REQUEST, new.place, None, "the request was not saved, or is too long to compare")
        return
    bodies = json_body(a), json_body(b)
    found = [_change(_what(one, *bodies), "request", one, *bodies) for one in differences(a, b)]
    yield from found
    # Only the first differences are searched for, and these must not be missed.
    kinds = {change.what for change in found}
    if old.model != new.model and What.MODEL not in kinds:
        yield Change(What.MODEL, "request", old.model or None, new.model or None)
    tools = [[body.get(name) for name in sorted(_TOOLS)] for body in bodies if isinstance(body, dict)]
    if tools[1:] and tools[0] != tools[1] and What.TOOLS not in kinds:
        yield Change(What.TOOLS, "request", None, "the tools differ, after many other differences")
    if not found and old.key != new.key:
        yield Change(What.REQUEST, new.place, None, "the requests differ where they cannot be compared")


def _of_answers(old: Recording, new: Recording, a: Answer, b: Answer) -> Iterator[Change]:
    if old.model == new.model and a.model != b.model and a.model and b.model:
        yield Change(What.MODEL, "answer", redact_text(a.model[:200]), redact_text(b.model[:200]))
    for found in differences(_as_saved(a), _as_saved(b)):
        yield _change(What.ANSWER, "answer", found, a.meaning, b.meaning)


def _as_saved(answer: Answer) -> dict[str, Any]:
    return {"body": {"kind": "json", "value": answer.meaning}}


def _change(what: What, part: str, found: Difference, a: Any, b: Any) -> Change:
    place = f"{part} {found.place}"
    old, new = _at(a, found.place), _at(b, found.place)
    if what is not What.MODEL and type(old) is str and type(new) is str and (hunks := hunks_of(old, new)):
        return Change(what, place, hunks=hunks)
    was, now = (None if value is None else redact_text(value) for value in (found.old, found.new))
    return Change(what, place, was, now)


def _what(found: Difference, a: Any, b: Any) -> What:
    """The kind of change of a difference of two requests with the bodies `a` and `b`."""
    first, _, rest = found.place.removeprefix("/").partition("/")
    if found.kind is Kind.MODEL:
        return What.MODEL
    if found.kind in (Kind.TOOL_ADDED, Kind.TOOL_REMOVED) or first in _TOOLS:
        return What.TOOLS
    if not found.place.startswith("/") or first not in _PROMPTS:
        return What.REQUEST
    number = rest.partition("/")[0]
    sides = (a, b) if found.new is None else (b, a)
    message = next((m for side in sides if (m := _message(side, number)) is not None), None)
    return What.HISTORY if _is_answered(message) else What.PROMPT


def _message(body: Any, number: str) -> Any:
    messages = conversation_of(body)
    return messages[int(number)] if number.isdecimal() and int(number) < len(messages) else None


def _is_answered(message: Any) -> bool:
    """Whether a message of a conversation repeats an earlier answer, or is what a tool said."""
    if not isinstance(message, dict):
        return False
    return message.get("role") in _ANSWERED or message.get("type") in _ANSWERED_ITEMS


def _at(value: Any, pointer: str) -> Any:
    """The value at a JSON Pointer (RFC 6901); None if there is none, or the pointer is none or was shortened."""
    if not pointer.startswith("/"):
        return None
    for step in pointer[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
