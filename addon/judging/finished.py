"""A quick guess, from the last bytes of a stream, whether its terminal event has passed.

Clients close right after it and may repeat the request at once. A wrong yes makes that request wait for a moment; a
wrong no lets it go live. Only `addon.judging.judge` decides what is stored.
"""

from __future__ import annotations

import base64
import re

__all__ = ["seems_finished"]

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
    """The base64 of `text` at each of the three alignments, without the characters it shares with its
    neighbours."""
    spellings = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text)
        spellings.append(encoded[-(-before * 8 // 6) : (before + len(text)) * 8 // 6])
    return spellings


_FRAME_END = re.compile(
    b"|".join([rb":event-type\x07\x00\x08metadata", b":exception-type", *_in_base64(_METRICS)])
)


def seems_finished(tail: bytes, media_type: str) -> bool:
    """Whether `tail` (the last 512 bytes or so received) contains the end of a stream of `media_type`."""
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
