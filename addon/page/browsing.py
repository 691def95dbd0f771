"""Serves the page over a cache alone, on loopback, without a proxy."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from addon.exchange.direct import Page, admits
from addon.exchange.own_answers import FOREIGN_SITE
from addon.page.live import TOKEN_HEADER
from addon.page.pages import Pages, Shown, refused, unchecked
from addon.page.static_files import SAFE_HEADERS

__all__ = ["Browsing"]

_IDLE_SECONDS = 30


class Browsing:
    """The server. Each request for data must give `token`. Raises OSError if it cannot listen on `port`."""

    def __init__(self, pages: Pages, shown: Shown, token: str, port: int = 0) -> None:
        lock = threading.Lock()

        class Handler(_Handler):
            def page(self) -> Page:
                page = unchecked(self.command, self.path) or refused(
                    token, self.headers.get(TOKEN_HEADER, "")
                )
                if page is not None:
                    return page
                with lock:
                    return pages.answer(self.path, shown)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/-/#t={token}"

    def serve(self) -> None:
        """Answer until `close` is called or Ctrl-C is pressed."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stop listening. Call it in another thread than `serve`, or after it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def page(self) -> Page:
        """The answer to an admitted request."""
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""

    def version_string(self) -> str:
        """Name no versions."""
        return "provider-proxy"

    def _answer(self) -> None:
        given = self.headers
        hosts = given.get_all("host", [])
        if len(hosts) == 1 and admits(
            hosts[0], given.get("origin"), given.get("sec-fetch-site"), (), (), given.get("referer")
        ):
            page = self.page()
        else:
            page = Page(FOREIGN_SITE.body, {"content-type": "application/json", **SAFE_HEADERS}, 403)
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(page.body)))
        if self.command not in ("GET", "HEAD"):
            self.send_header("connection", "close")  # its body is not read
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815
