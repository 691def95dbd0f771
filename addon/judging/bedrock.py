"""Amazon event streams: Bedrock's converse-stream and invoke-with-response-stream, and those of other services.

botocore `eventstream.py` accepts the end of the body as the end of the stream and finds errors only frame by frame.
Its bedrock-runtime model lists the members of ConverseStreamOutput and ResponseStream.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from addon.judging.anthropic_messages import messages_problem
from addon.judging.endings import finish_problem
from addon.judging.in_band import is_error
from addon.judging.reasons import NotStored
from addon.judging.stream_events import parse_object, stream_event
from cache_store.answers.eventstream import BrokenFrame, Frame, frames

__all__ = ["closes_frames", "judge_frames"]

_CONVERSE = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}
)
_METRICS = "amazon-bedrock-invocationMetrics"
_GUARDRAIL = "amazon-bedrock-guardrailAction"
_REASONS = ("stop_reason", "completionReason", "stopReason")


def judge_frames(body: bytes, store_incomplete: bool) -> tuple[NotStored | None, str]:
    """Why the event stream is not whole and successful (None if it is), and the name of its grammar."""
    try:
        all_frames = frames(body)
    except BrokenFrame:
        return NotStored.BAD_FRAME, "transport"
    if not all_frames:
        return NotStored.EMPTY, "transport"
    if any(frame.headers.get(":message-type") != "event" for frame in all_frames):
        return NotStored.ERROR_IN_STREAM, "transport"
    kinds = [str(frame.headers.get(":event-type", "")) for frame in all_frames]
    if any(kind in _CONVERSE for kind in kinds):
        return _converse_problem(kinds, all_frames, store_incomplete), "bedrock-converse"
    if all(kind == "chunk" for kind in kinds):
        chunks = [_chunk_json(frame) for frame in all_frames]
        # The chunks of a Bedrock agent are plain text and have no end marker.
        if any(chunks):
            return _invoke_problem(chunks, store_incomplete), "bedrock-invoke"
    return None, "transport"


def closes_frames(body: bytes) -> bool:
    """Whether the last frame is one that nothing can follow: a conversation's metadata, a model's metrics."""
    try:
        all_frames = frames(body)
    except BrokenFrame:
        return False
    if not all_frames:
        return False
    last = all_frames[-1]
    kind = last.headers.get(":event-type")
    return kind == "metadata" or (kind == "chunk" and _METRICS in _chunk_json(last))


def _converse_problem(
    kinds: Sequence[str], all_frames: Sequence[Frame], store_incomplete: bool
) -> NotStored | None:
    if kinds[-1] != "metadata" or "messageStop" not in kinds:
        return NotStored.NO_TERMINAL_EVENT
    if kinds[0] != "messageStart":
        return NotStored.CUT_OFF
    stop = parse_object(all_frames[kinds.index("messageStop")].payload)
    return finish_problem(stop.get("stopReason"), store_incomplete)


def _invoke_problem(chunks: Sequence[dict[str, Any]], store_incomplete: bool) -> NotStored | None:
    if not all(chunks):
        return NotStored.BAD_JSON
    if any(is_error(value) for value in chunks):
        return NotStored.ERROR_IN_STREAM
    last = chunks[-1]
    # A guardrail that intervenes ends the stream without metrics.
    if _METRICS not in last and last.get(_GUARDRAIL) != "INTERVENED":
        return NotStored.NO_TERMINAL_EVENT
    events = [event for value in chunks if (event := stream_event("", "", value)).kind != "ping"]
    if events and events[0].kind == "message_start":
        return messages_problem(events, store_incomplete)
    # Each model family has its own chunk format; some give a stop reason in the last chunk.
    reasons = [last[name] for name in _REASONS if last.get(name)]
    return finish_problem(reasons[0], store_incomplete) if reasons else None


def _chunk_json(frame: Frame) -> dict[str, Any]:
    """The model's JSON object inside a `chunk` frame; {} if there is none."""
    encoded = parse_object(frame.payload).get("bytes")
    try:
        return parse_object(base64.b64decode(encoded, validate=True)) if isinstance(encoded, str) else {}
    except ValueError:
        return {}
