"""Decides whether a session ended well. One that did not would be replayed as if it were whole."""

from __future__ import annotations

from collections.abc import Iterable

from addon.judging.reasons import NotStored
from addon.sockets.conversation import NORMAL
from addon.sockets.frames import json_object

__all__ = ["why_not_whole"]

# RFC 6455, 7.4.1: going away, and a close frame without a code, which is how browsers close.
_WELL = frozenset({NORMAL, 1001, 1005})
_FAILED = frozenset({"failed"})


def why_not_whole(
    answers: Iterable[str], code: int, *, by_client: bool, keeps_errors: bool = False
) -> NotStored | None:
    """Why a session is not kept; None if it ended well.

    `answers` are the provider's frames, `code` is that of the close frame. In a Realtime session `response.created`
    and `response.done` stand around each response. `keeps_errors`: errors that the provider reports are kept.
    """
    begun = ended = count = 0
    for text in answers:
        count += 1
        value = json_object(text) or {}
        kind = value.get("type")
        if kind == "error" and not keeps_errors:
            return NotStored.ERROR_IN_STREAM
        begun += kind == "response.created"
        if kind == "response.done":
            ended += 1
            response = value.get("response")
            status = response.get("status") if isinstance(response, dict) else None
            if status in _FAILED and not keeps_errors:
                return NotStored.FAILED
    if not count:
        return NotStored.EMPTY
    broke_off = NotStored.CLIENT_LEFT if by_client else NotStored.CUT_OFF
    if begun > ended:
        return broke_off
    return None if code in _WELL or ended else broke_off
