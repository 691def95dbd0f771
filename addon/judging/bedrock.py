"""Amazon's event streams: Bedrock's converse-stream, its invoke-with-response-stream, and other services'.

botocore `eventstream.py` takes the end of the body for the end of the stream and finds errors only frame by frame;
the members of ConverseStreamOutput and ResponseStream are in its bedrock-runtime model.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from addon.judging.anthropic_messages import messages_problem
from addon.judging.endings import finish_problem
from addon.judging.in_band import is_error
from addon.judging.items import item_of, parse_json
from addon.judging.reasons import NotStored
from cache_store.answers.eventstream import BrokenFrame, Frame, frames

__all__ = ["judge_frames"]

_CONVERSE = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}
)
_METRICS = "amazon-bedrock-invocationMetrics"
_REASONS = ("stop_reason", "completionReason", "stopReason")


def judge_frames(body: bytes, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why the event stream is not whole and successful (None where it is), and the name of its grammar."""
    try:
        found = frames(body)
    except BrokenFrame:
        return NotStored.BAD_FRAME, "transport"
    if not found:
        return NotStored.EMPTY, "transport"
    if any(frame.headers.get(":message-type") != "event" for frame in found):
        return NotStored.ERROR_IN_STREAM, "transport"
    kinds = [str(frame.headers.get(":event-type", "")) for frame in found]
    if any(kind in _CONVERSE for kind in kinds):
        return _converse_problem(kinds, found, store_incomplete), "bedrock-converse"
    if all(kind == "chunk" for kind in kinds):
        inner = [_inner(frame) for frame in found]
        # An agent's chunks carry plain text: nothing in them says where they end.
        if any(inner):
            return _invoke_problem(inner, store_incomplete), "bedrock-invoke"
    return None, "transport"


def _converse_problem(
    kinds: Sequence[str], found: Sequence[Frame], store_incomplete: bool
) -> NotStored | None:
    if kinds[-1] != "metadata" or "messageStop" not in kinds:
        return NotStored.NO_TERMINAL_EVENT
    if kinds[0] != "messageStart":
        return NotStored.CUT_OFF
    stop = _payload(found[kinds.index("messageStop")])
    return finish_problem(stop.get("stopReason"), store_incomplete)


def _invoke_problem(inner: Sequence[dict[str, Any]], store_incomplete: bool) -> NotStored | None:
    if not all(inner):
        return NotStored.BAD_JSON
    if any(is_error(value) for value in inner):
        return NotStored.ERROR_IN_STREAM
    last = inner[-1]
    if _METRICS not in last:
        return NotStored.NO_TERMINAL_EVENT
    items = [item for value in inner if (item := item_of("", "", value)).kind != "ping"]
    if items and items[0].kind == "message_start":
        return messages_problem(items, store_incomplete)
    # Each family of models has its own words; some say in their last chunk why they stopped.
    reasons = [last[name] for name in _REASONS if last.get(name)]
    return finish_problem(reasons[0], store_incomplete) if reasons else None


def _inner(frame: Frame) -> dict[str, Any]:
    """The model's own JSON inside a `chunk` frame; {} where there is none."""
    encoded = _payload(frame).get("bytes")
    if not isinstance(encoded, str):
        return {}
    try:
        value = parse_json(base64.b64decode(encoded, validate=True).decode("utf-8"))
    except (binascii.Error, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _payload(frame: Frame) -> dict[str, Any]:
    try:
        value = parse_json(frame.payload.decode("utf-8"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
