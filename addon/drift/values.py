"""Differences of values between two answers of the same shape, apart from those that every answer has.

Ids, times, usage, and what sampling brings with it differ from answer to answer and say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from addon.diagnosis.shortening import shared_start, shortened, shown_apart
from addon.drift.reading import Reading
from addon.drift.reason import Reason
from addon.drift.shape import IGNORED, token

__all__ = ["value_changes"]

_MOST = 3
_TEXT, _ARGUMENTS = "the joined text", "the joined arguments"
_VARIES = re.compile(
    r"id|.*_id|.*Id|created|.*_at|.*Time|timestamp|date|system_fingerprint|.*[sS]ignature|encrypted_content|logprobs"
    r"|logprobsResult|avgLogprobs|seed|service_tier|serviceTier"
)


def value_changes(old: Reading, new: Reading) -> Iterator[Reason]:
    """At most three differences, all benign. Of a stream only its text and tool calls, joined, are compared."""
    if old.is_stream or new.is_stream:
        yield from _said(old, new)
    elif not old.documents or not new.documents:
        if old.body != new.body:
            yield Reason(
                "other content", "", f"{len(old.body)} bytes", f"{len(new.body)} bytes", is_benign=True
            )
    else:
        values = ([value for _, value in reading.documents] for reading in (old, new))
        before, now = (value[0] if len(value) == 1 else value for value in values)
        yield from [*islice(_differences(before, now, ""), _MOST)] or _said(old, new)


def _said(old: Reading, new: Reading) -> Iterator[Reason]:
    """Another text or other arguments, joined."""
    if old.said.text != new.said.text:
        yield _words(_TEXT, old.said.text, new.said.text)
    elif old.said != new.said:
        arguments = (" ".join(call.arguments for call in said.calls) for said in (old.said, new.said))
        yield _words(_ARGUMENTS, *arguments)


def _differences(old: Any, new: Any, place: str) -> Iterator[Reason]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            if name in new and name not in IGNORED and not _VARIES.fullmatch(name):
                yield from _differences(value, new[name], f"{place}/{token(name)}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield Reason("other number of items", place, str(len(old)), str(len(new)), is_benign=True)
        for number, (a, b) in enumerate(zip(old, new, strict=False)):
            yield from _differences(a, b, f"{place}/{number}")
    elif isinstance(old, str) and isinstance(new, str):
        if old != new:
            yield _words(place, old, new)
    elif old != new:
        yield Reason("other value", place, shortened(old), shortened(new), is_benign=True)


def _words(place: str, old: str, new: str) -> Reason:
    before, now = shown_apart(old, new, shared_start(old, new))
    return Reason("other words", place, before, now, is_benign=True)
