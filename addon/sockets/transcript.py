"""A recorded session: its frames in order, and how it ended. It is the body of an entry, as JSON.

A frame of the provider needs every frame of the client before it: those had come when it was sent. Frames of the
client are redacted, as the requests of other entries are, and compared by digest. Frames of the provider are kept
as they came: as a JSON value where writing that gives the same text, otherwise as text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any, NamedTuple, Self

from addon.sockets.conversation import NORMAL
from addon.sockets.frames import says_same
from cache_store.answers.media import SESSION
from cache_store.errors import CorruptEntry

__all__ = ["CONTENT_TYPE", "STILL_OPEN", "ClientFrame", "Frame", "ProviderFrame", "Transcript"]

CONTENT_TYPE = SESSION

STILL_OPEN = 0
"""The close code of an opening, after which sessions go on."""

_VERSION = 1
_COMPACT, _SPACED = (",", ":"), (", ", ": ")


class ClientFrame(NamedTuple):
    """`digest` stands for the frame; `value` is its redacted form as an entry's request has a body, or None."""

    digest: str
    value: Any


class ProviderFrame(NamedTuple):
    """A frame as it came."""

    text: str


type Frame = ClientFrame | ProviderFrame


@dataclass(frozen=True)
class Transcript:
    """The frames of one session in order. `protocol` is the subprotocol that the provider chose, '' for none."""

    frames: tuple[Frame, ...]
    protocol: str = ""
    closed_by_client: bool = True
    code: int = NORMAL
    reason: str = ""

    @cached_property
    def digests(self) -> list[str]:
        """Of the client's frames, in order."""
        return [frame.digest for frame in self.frames if isinstance(frame, ClientFrame)]

    @cached_property
    def client_values(self) -> list[Any]:
        """The redacted forms of the client's frames, in order."""
        return [frame.value for frame in self.frames if isinstance(frame, ClientFrame)]

    @cached_property
    def answers(self) -> list[tuple[int, str]]:
        """The provider's frames in order, each with the number of client frames that it needs."""
        needs, found = 0, []
        for frame in self.frames:
            if isinstance(frame, ClientFrame):
                needs += 1
            else:
                found.append((needs, frame.text))
        return found

    def opening(self) -> Self:
        """The part before the client's first frame, which a client may wait for."""
        first = next((n for n, f in enumerate(self.frames) if isinstance(f, ClientFrame)), len(self.frames))
        return type(self)(self.frames[:first], self.protocol, code=STILL_OPEN)

    def says_same(self, other: Transcript) -> bool:
        """Whether both sessions have the same frames, apart from ids and times of the provider."""
        return self.digests == other.digests and all(
            one is not None and another is not None and one[0] == another[0] and says_same(one[1], another[1])
            for one, another in zip_longest(self.answers, other.answers)
        )

    def encode(self) -> bytes:
        """The body of the entry."""
        whole = {
            "websocket": _VERSION,
            "protocol": self.protocol,
            "frames": [_written(frame) for frame in self.frames],
            "closed": {
                "by": "client" if self.closed_by_client else "provider",
                "code": self.code,
                "reason": self.reason,
            },
        }
        try:
            return json.dumps(whole, ensure_ascii=False, separators=_COMPACT).encode()
        except UnicodeEncodeError:  # half of a surrogate pair in a frame of the client
            return json.dumps(whole, separators=_COMPACT).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """The transcript in the body of an entry, which anyone may have written. Raises CorruptEntry."""
        try:
            whole = json.loads(body)
            if not isinstance(whole, dict) or whole.get("websocket") != _VERSION:
                raise CorruptEntry("a recorded WebSocket session has another version")
            closed = whole["closed"]
            return cls(
                tuple(_read(frame) for frame in whole["frames"]),
                _sendable(str(whole["protocol"])),
                closed["by"] == "client",
                int(closed["code"]),
                _sendable(str(closed["reason"])),
            )
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise CorruptEntry("a recorded WebSocket session does not parse") from error


def _written(frame: Frame) -> dict[str, Any]:
    if isinstance(frame, ClientFrame):
        # The name tells `carries_credentials` that the answer did not hand this out; it is redacted already.
        return {"input": frame.value, "digest": frame.digest}
    try:
        value = json.loads(frame.text)
        for style in (_COMPACT, _SPACED):
            if json.dumps(value, ensure_ascii=False, separators=style, allow_nan=False) == frame.text:
                return {"provider": value, "spaced": True} if style is _SPACED else {"provider": value}
    except (ValueError, RecursionError):
        pass
    return {"text": frame.text}


def _read(frame: dict[str, Any]) -> Frame:
    if "digest" in frame:
        return ClientFrame(str(frame["digest"]), frame["input"])
    if "text" in frame:
        return ProviderFrame(_sendable(str(frame["text"])))
    style = _SPACED if frame.get("spaced") is True else _COMPACT
    return ProviderFrame(_sendable(json.dumps(frame["provider"], ensure_ascii=False, separators=style)))


def _sendable(text: str) -> str:
    """The text. Raises ValueError for half of a surrogate pair, which no frame can hold."""
    text.encode()
    return text
