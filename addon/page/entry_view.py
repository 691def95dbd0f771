"""What the page shows of one entry, as JSON: both sides of the conversation, headers, events, where it comes from.

Every list and text is bounded, so that an entry of any size can be shown; the raw bytes can always be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addon.page.answers import turns_of_answer
from addon.page.blocks import Media, Turn, as_dict, as_text
from addon.page.conversation import offered_tools, turns_of_request
from addon.page.session_turns import turns_of_session
from addon.page.stream_view import stream_view
from addon.printing import program
from cache_store.answers import bounded_json
from cache_store.answers.media import essence_of
from cache_store.answers.usage import usage_of
from cache_store.entry import Entry

__all__ = ["entry_view", "media_of", "saved_request", "turn_views"]

_TEXT = 20_000
"""The characters of one part that are shown."""

_ALL_TEXT = 2_000_000
_TURNS = 400
_PARTS = 2000
_NAME = 300
_HEADERS = 200
_TESTS = 200


def entry_view(entry: Entry, tests: Sequence[str] = ()) -> dict[str, Any]:
    """The view of `entry`. `tests` are those that used it. Never raises."""
    request = saved_request(entry.request_json)
    body = request.get("body")
    media: list[Media] = []
    session = turns_of_session(entry)
    asked = turns_of_request(body, media) if session is None else []
    said = turns_of_answer(entry.headers, entry.body, media) if session is None else session
    essence = essence_of(entry.headers)
    budget = [_ALL_TEXT]
    return {
        "key": entry.key,
        **{name: entry.label.get(name, "")[:_NAME] for name in ("method", "host", "path", "model")},
        "status": entry.status,
        "reason": entry.reason,
        "recorded_at": entry.recorded_at,
        "elapsed": entry.elapsed,
        "judged": entry.judged,
        "run": entry.run,
        "account": entry.account,
        "edited": entry.edited,
        "ambiguous": entry.ambiguous,
        "bindings": [list(binding) for binding in entry.bindings[:_HEADERS]],
        "size": entry.size,
        "type": essence,
        "saved": bool(request),
        "session": session is not None,
        "tools": offered_tools(body)[:_HEADERS],
        "parameters": _parameters(body),
        "query": _pairs(request.get("query")),
        "asked": turn_views(asked, budget),
        "said": turn_views(said, budget),
        "request_headers": _pairs(request.get("headers")),
        "headers": [[_latin(name), _latin(value)[:_TEXT]] for name, value in entry.headers[:_HEADERS]],
        "usage": usage_of(entry.body, essence) or {},
        "commands": [f"{program()} show {entry.key}", f"{program()} rm {entry.key}"],
        "tests": [test[:_NAME] for test in tests[:_TESTS]],
        "more_tests": max(0, len(tests) - _TESTS),
        "stream": stream_view(entry),
    }


def saved_request(request_json: bytes) -> dict[str, Any]:
    """A saved request; {} if it was not saved, or is not JSON of a bounded depth."""
    try:
        return as_dict(bounded_json.loads(request_json))
    except ValueError:
        return {}


def media_of(entry: Entry, number: int) -> Media | None:
    """The media with this number, as the view's parts count them; None if there is none."""
    media: list[Media] = []
    turns_of_request(saved_request(entry.request_json).get("body"), media)
    turns_of_answer(entry.headers, entry.body, media)
    return media[number] if 0 <= number < len(media) else None


def turn_views(turns: Sequence[Turn], budget: list[int]) -> list[dict[str, Any]]:
    """Turns as JSON. `budget` holds the characters that may still be shown, and is reduced.

    `cut` is the number of characters that a part has and does not show.
    """
    shown = []
    for turn in turns[:_TURNS]:
        parts = []
        for part in turn.parts[:_PARTS]:
            text = part.text[: max(0, min(_TEXT, budget[0]))]
            budget[0] -= len(text)
            found: dict[str, Any] = {"kind": part.kind, "text": text}
            if len(part.text) > len(text):
                found["cut"] = len(part.text) - len(text)
            more = {"name": part.name[:_NAME], "type": part.media_type[:_NAME], "url": part.url[:_NAME]}
            found |= {name: value for name, value in more.items() if value}
            parts.append(found | ({"media": part.media} if part.media >= 0 else {}))
        shown.append({"role": turn.role[:_NAME], "parts": parts})
    if len(turns) > _TURNS:
        left = f"{len(turns) - _TURNS} more turns are not shown; save the request to see them"
        shown.append({"role": "", "parts": [{"kind": "note", "text": left}]})
    return shown


def _parameters(body: Any) -> list[list[str]]:
    """The members of a JSON request that are plain values: `temperature`, `stream` and the like."""
    value = as_dict(as_dict(body).get("value"))
    plain = {name: item for name, item in value.items() if isinstance(item, bool | int | float)}
    texts = {name: item for name, item in value.items() if isinstance(item, str) and len(item) <= 40}
    return [[name[:_NAME], str(item)] for name, item in [*plain.items(), *texts.items()][:_HEADERS]]


def _pairs(value: Any) -> list[list[str]]:
    pairs = value if isinstance(value, list) else []
    found = [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    return [[as_text(name)[:_NAME], as_text(item)[:_TEXT]] for name, item in found[:_HEADERS]]


def _latin(raw: bytes) -> str:
    return raw.decode("latin-1")
