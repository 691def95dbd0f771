"""Whether a stream has ended, for answers whose transport did not end: their client left, or the run is over."""

from __future__ import annotations

import base64
import re

from addon.judging.bedrock import closes_frames
from addon.judging.gemini import is_chunk
from addon.judging.lines import closes_lines
from addon.judging.stream_events import parse_json
from addon.judging.streams import closes_events
from cache_store.answers.media import Kind

__all__ = ["closes_itself", "seems_finished"]

_SSE_END = re.compile(
    rb"data: ?\[DONE\]"
    rb'|"(?:type|event_type)": ?"(?:message_stop|message-end|interaction\.completed|agent\.session\.idle'
    rb"|response\.(?:completed|failed|incomplete|cancelled|done)|conversation\.response\.done"
    rb'|transcript\.text\.done|transcription\.done|speech\.audio\.done|image_(?:generation|edit)\.completed|error)"'
    rb"|event: ?(?:message_stop|message-end|response\.(?:completed|failed|incomplete|done)|error)"
    rb'|"(?:finish_reason|finishReason|stop_reason)": ?"|"blockReason": ?"|"error": ?[{"]'
    # The last event of the Responses API repeats the whole response: only its usage is near the end.
    rb'|"total_tokens": ?[1-9].*\}\}'
)
_LINES_END = re.compile(rb'"(?:done|is_finished)": ?true|"finish_?reason": ?"|"event_type": ?"stream-end"')
_ARRAY_END = re.compile(rb'"(?:finishReason|blockReason)": ?"[^\[]*\][ \r\n]*$|"error": ?\{')
_METRICS = b"amazon-bedrock-invocationMetrics"


def _in_base64(text: bytes) -> list[bytes]:
    """The base64 of `text` at each of the three alignments, without the characters that its neighbours change."""
    spellings = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        spellings.append(encoded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6])
    return spellings


_FRAME_END = re.compile(
    b"|".join([rb":event-type\x07\x00\x08metadata", b":exception-type", *_in_base64(_METRICS)])
)


def seems_finished(tail: bytes, media_type: str) -> bool:
    """A quick guess: whether `tail` (the last 512 bytes or so received) contains the end of a stream.

    Clients close right after the terminal event and may repeat the request at once. A wrong yes makes that request
    wait for a moment, a wrong no lets it go live. The guess never decides what is stored.
    """
    essence = media_type.partition(";")[0].strip().lower()
    if essence == "application/vnd.amazon.eventstream":
        return _FRAME_END.search(tail) is not None
    if essence == "application/json":
        return _ARRAY_END.search(tail) is not None
    if "json" in essence:
        return _LINES_END.search(tail) is not None
    if essence != "text/event-stream":
        return False
    ended = tail.rstrip(b"\r\n")
    at_boundary = len(tail) - len(ended) > 1 or ended.endswith(b"[DONE]")
    return at_boundary and _SSE_END.search(ended) is not None


def closes_itself(kind: Kind, body: bytes, request: bytes) -> bool:
    """Whether the grammar of `body` says that nothing can follow, so that a missing end of the transport is
    harmless.

    The last event is parsed. Gemini's stream, files of lines, plain text and unknown dialects have no such event.
    """
    if kind is Kind.EVENTS:
        # To a JSON-RPC batch there are several responses.
        return closes_events(body) and not request.lstrip().startswith(b"[")
    if kind is Kind.FRAMES:
        return closes_frames(body)
    if kind is Kind.LINES:
        return closes_lines(body)
    return kind is Kind.JSON and _is_whole_array(body)


def _is_whole_array(body: bytes) -> bool:
    """Whether it is Gemini's JSON array of chunks, closed by its bracket."""
    if not body.lstrip().startswith(b"["):
        return False
    try:
        value = parse_json(body.decode("utf-8-sig"))
    except ValueError:
        return False
    return bool(value) and all(isinstance(item, dict) and is_chunk(item) for item in value)
