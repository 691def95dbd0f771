"""What the page shows of a miss, as JSON: both requests side by side, where they differ, and what helps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from addon.diagnosis.shortening import shared_start, text_of
from addon.page.blocks import Media, as_dict
from addon.page.conversation import turns_of_request
from addon.page.entry_view import saved_request, turn_views
from addon.printing import program

__all__ = ["commands_in", "miss_view", "span_of"]

_AROUND = 240
"""The characters before and behind a difference that are shown."""

_LONGEST = 4000
_SIDE = 400_000
_WORD = 40  # characters of a word
_LAST_WORD, _FIRST_WORD = re.compile(r"\w*$"), re.compile(r"\w*")
_SETTING = re.compile(r"PROVIDER_PROXY_[A-Z_]+=[^\s`,;]+")
_COMMAND = re.compile(r"`([^`]{1,300})`")
_RULE = re.compile(r"volatile = \[\{.*?\}\](?= in )")


def miss_view(
    miss: Mapping[str, Any], now: bytes = b"", recorded: bytes = b"", tests: Sequence[str] = ()
) -> dict[str, Any]:
    """The view of a miss, given as the run report lists it.

    `now` and `recorded` are the saved forms of its request and of the nearest one; b"" where one may not be shown.
    """
    new, old = saved_request(now), saved_request(recorded)
    budget = [_SIDE]
    media: list[Media] = []  # pictures are named here, and not shown
    return {
        **{name: miss[name] for name in ("key", "place", "question", "nearest", "recorded_at")},
        **{name: miss[name] for name in ("more", "note", "remedy", "line", "times", "follows")},
        "shared_messages": miss["shared_messages"],
        "differences": [_difference(item, old, new) for item in miss["differences"]],
        "commands": _commands(miss),
        "now": turn_views(turns_of_request(new.get("body"), media), budget),
        "recorded": turn_views(turns_of_request(old.get("body"), media), budget),
        "tests": list(tests)[:50],
    }


def span_of(old: str, new: str) -> tuple[str, str, str, str]:
    """Two texts as what both begin with, each one's own part, and what both end with, all cut to what is near.

    The parts are whole words, so that they can be read.
    """
    start = shared_start(old, new)
    most = min(len(old), len(new)) - start
    end = shared_start(old[len(old) - most :][::-1], new[len(new) - most :][::-1]) if most else 0
    if len(old) != len(new) or start < len(old):
        start -= len(_LAST_WORD.search(old[max(0, start - _WORD) : start])[0])  # type: ignore[index]
        end -= len(_FIRST_WORD.match(old[len(old) - end :][:_WORD])[0])  # type: ignore[index]
    before = ("…" if start > _AROUND else "") + old[max(0, start - _AROUND) : start]
    behind = old[len(old) - end :]
    after = behind[:_AROUND] + ("…" if end > _AROUND else "")
    return before, _cut(old[start : len(old) - end]), _cut(new[start : len(new) - end]), after


def commands_in(advice: str) -> list[str]:
    """The settings, rules and commands that a text advises, in order."""
    found = [
        (match.start(), match[1] if match.re is _COMMAND else match[0].rstrip("."))
        for pattern in (_SETTING, _COMMAND, _RULE)
        for match in pattern.finditer(advice)
    ]
    return list(dict.fromkeys(text for _, text in sorted(found)))


def _commands(miss: Mapping[str, Any]) -> list[str]:
    key, nearest = str(miss["key"]), miss["nearest"]
    found = commands_in(f"{miss['note']} {miss['remedy']}")
    return [*found, f"{program()} explain {key}"] + ([f"{program()} show {nearest}"] if nearest else [])


def _difference(item: Mapping[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """One difference; the texts are longer than the diagnosis shows where both requests are at hand."""
    place = item["place"]
    texts = [_text_at(saved, place) for saved in (old, new)]
    if texts[0] is None or texts[1] is None:
        return {
            "place": place,
            "kind": item["kind"],
            "before": "",
            "after": "",
            "old": item["old"],
            "new": item["new"],
        }
    before, mine, yours, after = span_of(texts[0], texts[1])
    return {"place": place, "kind": item["kind"], "before": before, "after": after, "old": mine, "new": yours}


def _text_at(saved: dict[str, Any], pointer: str) -> str | None:
    """The text of the value at a JSON Pointer (RFC 6901) into the body; None if there is none."""
    if not pointer.startswith("/") or not saved:
        return None
    value = as_dict(saved.get("body")).get("value")
    for raw in pointer.split("/")[1:]:
        name = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return None
    return text_of(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST:,} more characters)"
