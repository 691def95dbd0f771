"""mitmproxy's `proxyauth`, with a client's name and a `+` allowed before the user name (issue 17).

A browser that opens the page is asked for the password as a web server asks: it sends none to a proxy that it does
not use as one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from mitmproxy import http
from mitmproxy.addons import proxyauth

from addon.mitm.core.marks import is_direct
from addon.page.live import is_page
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

    def requestheaders(self, f: http.HTTPFlow) -> None:
        """Check the password, which a browser sends as to a web server."""
        is_for_page = self.validator is not None and is_direct(f) and is_page(f.request.path)
        if is_for_page and "authorization" in f.request.headers:
            f.request.headers["proxy-authorization"] = f.request.headers.pop("authorization")
        super().requestheaders(f)
        if is_for_page and f.response is not None:
            f.response = proxyauth.make_auth_required_response(False)
