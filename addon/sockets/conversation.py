"""What happens on the two sockets of a session, and what is to be done about it, without a socket.

One socket leads to the client, the other to the provider. The layer that holds them (`addon.mitm.core`) reports
events and does the actions that come back; a `Conversation` (`addon.exchange`) decides.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, Protocol

__all__ = [
    "INTERNAL_ERROR",
    "NORMAL",
    "NO_CLOSE",
    "TOO_LONG",
    "Action",
    "Close",
    "Closed",
    "Connect",
    "Conversation",
    "Event",
    "Opened",
    "Refused",
    "Said",
    "Say",
    "Started",
    "TooLong",
    "short_reason",
]

NORMAL = 1000
NO_CLOSE = 1006
"""The code of a connection that ended without a close frame (RFC 6455, 7.4.1). It is never sent."""
TOO_LONG = 1009
INTERNAL_ERROR = 1011

_MOST_REASON = 123  # bytes (RFC 6455, 5.5 and 5.5.1)


class Started(NamedTuple):
    """The client's socket is open. `by_provider`: so is the provider's, which has answered the upgrade.

    `protocol` is the subprotocol that the answer names, '' for none.
    """

    by_provider: bool
    protocol: str


class Said(NamedTuple):
    """A whole message: text, or bytes of a binary one."""

    by_client: bool
    data: str | bytes


class TooLong(NamedTuple):
    """A message has grown beyond the conversation's `most`; it is not reported."""

    by_client: bool


class Opened(NamedTuple):
    """The provider's socket, which a `Connect` asked for, is open."""


class Refused(NamedTuple):
    """The provider's socket could not be opened. `status` is the HTTP status of its answer; 0 if there was none."""

    status: int
    body: bytes


class Closed(NamedTuple):
    """One side has ended. The close frame's code and reason; `NO_CLOSE` if the connection just broke off."""

    by_client: bool
    code: int
    reason: str


class Say(NamedTuple):
    """Send a message."""

    to_client: bool
    data: str | bytes


class Connect(NamedTuple):
    """Open the provider's socket: send it the upgrade that the client sent."""


class Close(NamedTuple):
    """Close one side. A `code` that may not be sent leaves the close frame without one."""

    to_client: bool
    code: int
    reason: str = ""


type Event = Started | Said | TooLong | Opened | Refused | Closed
type Action = Say | Connect | Close


class Conversation(Protocol):
    """Decides what happens in one session.

    `protocol` is the subprotocol that our own answer to an upgrade names, '' for none. `forwards_upgrade`: the
    provider answers the upgrade, not we. `most` is the length of the longest message that is reported, in
    characters or bytes.
    """

    protocol: str
    forwards_upgrade: bool
    most: int

    @property
    def passes(self) -> bool:
        """Whether a message that is too long to be reported is relayed."""

    def on(self, event: Event) -> list[Action] | Awaitable[list[Action]]:
        """The actions that follow from an event, in order. The next event comes after they are done.

        While the upgrade is not answered, only `Refused` is reported, and what follows from it is not waited for.
        """

    def gone(self) -> None:
        """The sockets are gone, and no event comes any more. A second call has no effect."""


def short_reason(text: str) -> str:
    """`text` as the reason of a close frame: cut to 123 bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= _MOST_REASON:
        return encoded.decode()
    return encoded[: _MOST_REASON - 3].decode("utf-8", "ignore") + "…"
