"""Puts our HTTP layer in the place of mitmproxy's, through the public `next_layer` hook.

Where a mitmproxy release changes what that relies on, the stock layer stays: then the base-URL door is closed,
error pages are mitmproxy's, and a hit costs more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from mitmproxy import http

from addon.mitm.core import internals

if TYPE_CHECKING:
    from mitmproxy.proxy import layer

__all__ = ["CLIENT_LEFT", "DIRECT", "ErrorPage", "OwnHttpLayer"]

# Set in `flow.metadata`: of a direct request, and where the client ended the exchange, not the provider.
DIRECT = "provider_proxy_direct"
CLIENT_LEFT = "provider_proxy_client_left"

type ErrorPage = Callable[[http.HTTPFlow, str], http.Response | None]

logger = logging.getLogger(__name__)


class OwnHttpLayer:
    """The addon that puts our layer in. Added last, so that it sees what mitmproxy's NextLayer addon chose.

    `clients` are the ids of the clients whose layer is ours.
    """

    name = "provider_proxy_http_layer"

    def __init__(self, error_page: ErrorPage) -> None:
        # One bound method for the whole run: classes are kept by it.
        self._error_page = error_page
        self.clients: set[str] = set()
        changed = internals.changed(internals.HTTP)
        self._stock = bool(changed)
        if changed:
            logger.warning(
                "this mitmproxy is not the one that provider-proxy knows (%s): it runs as it is, without the "
                "base-URL door and more slowly; take another version of either",
                changed[0],
            )

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Replace mitmproxy's HTTP layer."""
        if self._stock:
            return
        from addon.mitm.core.layers import swap_http_layer

        if swap_http_layer(nextlayer, self._error_page):
            self.clients.add(nextlayer.context.client.id)
