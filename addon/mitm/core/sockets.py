"""Hands the sockets of a WebSocket over to a `Conversation` once the upgrade is answered, by the provider or by us.

mitmproxy's own WebSocket layer needs a provider's socket from the start, and crashes without one when the client
closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mitmproxy.proxy.layers.http import HttpStream

from addon.mitm.core.replacing import Commands

if TYPE_CHECKING:
    from addon.sockets.conversation import Conversation

__all__ = ["HoldsSockets"]


class HoldsSockets(HttpStream):
    """`conversations` are those whose upgrade is not answered yet, by the id of their flow."""

    conversations: dict[str, Conversation]

    def flow_done(self) -> Commands:
        """Go on after the answer: with the conversation of this flow, if it has one."""
        conversation = self.conversations.pop(self.flow.id, None)
        if conversation is None:
            return super().flow_done()
        # A plain exchange must not import these.
        from addon.mitm.core.two_sockets import hold
        from addon.sockets.conversation import Refused

        if self.flow.websocket:
            return hold(self, conversation)
        conversation.on(Refused(self.flow.response.status_code if self.flow.response else 0, b""))
        return super().flow_done()
