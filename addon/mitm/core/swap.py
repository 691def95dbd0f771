"""Puts our HTTP layer in the place of mitmproxy's, through the public `next_layer` hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addon.mitm.core import internals
from addon.mitm.core.marks import note_cleartext_http2

if TYPE_CHECKING:
    from mitmproxy.proxy import layer, server_hooks

    from addon.mitm.core.layers import ErrorPage
    from addon.mitm.core.paced_answers import Pause
    from addon.sockets.conversation import Conversation

__all__ = ["OurHttpLayer"]


class OurHttpLayer:
    """The addon that puts our layer in. Added last, so that it sees the choice of mitmproxy's NextLayer addon."""

    name = "provider_proxy_http_layer"

    def __init__(self, error_page: ErrorPage) -> None:
        self._error_page = error_page
        self._conversations: dict[str, Conversation] = {}  # whose upgrade is not answered yet, by flow
        self._clients: set[str] = set()
        self._features = frozenset(feature for feature in internals.FEATURES if internals.usable(feature))
        internals.warn_of_changes()

    @property
    def options(self) -> dict[str, Any]:
        """The mitmproxy options that are needed where a feature is not usable."""
        frames = {internals.OUR_LAYER, internals.FRAMING} <= self._features
        return {} if frames else {"http2": False}

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Replace mitmproxy's HTTP layer."""
        if internals.OUR_LAYER not in self._features:
            return
        if internals.DIRECT_REQUESTS in self._features:
            note_cleartext_http2(nextlayer)
        from addon.mitm.core.layers import swap_http_layer

        if swap_http_layer(nextlayer, self._features, self._error_page, self._conversations):
            self._clients.add(nextlayer.context.client.id)

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Let the reader of a connection to a provider be stopped."""
        if internals.BACKPRESSURE in self._features:
            from addon.mitm.core.backpressure import guard

            guard(data.client, data.server)

    def holds_sockets(self, client: str) -> bool:
        """Whether our layer hands the sockets of this client's WebSockets over."""
        return client in self._clients and internals.SOCKETS in self._features

    def converse(self, flow: str, conversation: Conversation) -> None:
        """Hand the sockets of this flow over to `conversation`, once its upgrade is answered."""
        self._conversations[flow] = conversation

    def give_up(self, flow: str, *, client_left: bool) -> None:
        """The upgrade of this flow got no answer: its conversation ends, if it has one."""
        conversation = self._conversations.pop(flow, None)
        if conversation is None:
            return
        if not client_left:
            from addon.sockets.conversation import Refused

            conversation.on(Refused(0, b""))
        conversation.gone()

    def holds_end(self, client: str) -> bool:
        """Whether our layer sends what a `Recording` holds back for this client."""
        return client in self._clients and internals.HELD_END in self._features

    def sends_pieces(self, client: str) -> bool:
        """Whether our layer sends an answer piece by piece to this client."""
        return client in self._clients and internals.PACED_ANSWERS in self._features

    async def provider_proxy_pause(self, pause: Pause) -> None:
        """Wait within an answer that is sent piece by piece. The hook is ours: `PacedAnswers` calls it."""
        await pause.wait()

    def forget(self, client: str) -> None:
        """Forget a client that has left."""
        self._clients.discard(client)
