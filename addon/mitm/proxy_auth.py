"""mitmproxy's `proxyauth`, with a client's name and a `+` allowed before the user name (issue 17)."""

from __future__ import annotations

from functools import partial
from typing import Any

from mitmproxy.addons import proxyauth

from addon.scopes.clients import without_client

__all__ = ["ScopedProxyAuth"]


class ScopedProxyAuth(proxyauth.ProxyAuth):
    """The addon. A wrong password is still refused."""

    name = "proxyauth"

    def configure(self, updated: set[str]) -> None:
        """Read the option as mitmproxy does, and let its validator see the user name without the client's name."""
        super().configure(updated)
        if "proxyauth" in updated and self.validator is not None:
            validator: Any = partial(without_client, accepts=self.validator)
            self.validator = validator
