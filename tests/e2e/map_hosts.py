"""A mitmproxy addon for tests: every connection to a provider goes to TEST_UPSTREAM_PORT on loopback."""

import os

from mitmproxy.proxy.server_hooks import ServerConnectionHookData


class MapHosts:
    """Loaded with `serve -- -s`, so that real provider names can be used without a name server."""

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Put the test's upstream in the place of the provider."""
        if data.server.error is None:
            data.server.address = ("127.0.0.1", int(os.environ["TEST_UPSTREAM_PORT"]))


addons = [MapHosts()]
