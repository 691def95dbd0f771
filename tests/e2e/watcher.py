"""Somebody's own mitmproxy addon: writes down what it sees of every response."""

from pathlib import Path

from mitmproxy import http


class Watcher:
    """One line per response."""

    def response(self, flow: http.HTTPFlow) -> None:
        """Append what our header says."""
        assert flow.response
        with Path("watched").open("a") as file:
            file.write(flow.response.headers.get("x-provider-proxy-cache", "-") + "\n")


addons = [Watcher()]
