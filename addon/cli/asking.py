"""Sends one request to a provider for `drift`: bounded in time and size, and no redirect is followed."""

from __future__ import annotations

import http.client
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from addon.environment.trust import upstream_roots
from addon.environment.upstream_proxy import UpstreamProxy, upstream_proxy
from addon.messages import LiveAnswer, WireRequest
from addon.printing import program
from cache_store.errors import UsageError

__all__ = ["Asking", "NoAnswer"]

_CONNECT_SECONDS = 30.0
_SILENT_SECONDS = 300.0  # a model may think for minutes before the first byte
_SECONDS = 900.0
_PIECE = 64 * 1024
_ERRORS = (OSError, http.client.HTTPException, ValueError)


class NoAnswer(Exception):
    """The provider gave no whole answer; the message says why, in one line without a credential."""


class Asking:
    """Sends requests as the environment says: through a company's proxy, trusting the roots that it names.

    `roots` is the file to which these roots are written, and `most` how many bytes of a body are read. Raises
    UsageError inside a provider-proxy run, which would answer from its cache, and for a proxy that cannot be used.
    """

    def __init__(self, environ: Mapping[str, str], roots: Path, most: int) -> None:
        self._proxy = upstream_proxy(environ, "http://127.0.0.1:1")
        self._most = most
        if self._proxy is not None and self._proxy.is_outer:
            raise UsageError(
                "HTTPS_PROXY is a running provider-proxy, which would answer from its cache; run "
                f"`{program()} drift` outside of `run`, `ci` and `serve`"
            )
        if self._proxy is not None and self._proxy.scheme != "http":
            raise UsageError(
                "HTTPS_PROXY is an https:// proxy, which drift cannot use; name an http:// proxy"
            )
        self._context = ssl.create_default_context(cafile=str(upstream_roots(environ, roots)))

    def ask(self, request: WireRequest) -> LiveAnswer:
        """The whole answer; its body may be compressed. Raises NoAnswer."""
        until = time.monotonic() + _SECONDS
        connection = self._connection(request)
        try:
            connection.connect()
            connection.sock.settimeout(_SILENT_SECONDS)
            self._send(connection, request)
            response = connection.getresponse()
            body = self._body(response, until)
            headers = tuple(
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders()
            )
            return LiveAnswer(response.status, response.reason, headers, body)
        except _ERRORS as error:
            raise NoAnswer(_why(error)) from None  # its text may quote a header
        finally:
            connection.close()

    def _connection(self, request: WireRequest) -> http.client.HTTPConnection:
        host, port, proxy = request.host, request.port, self._proxy
        if request.scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        if proxy is None or proxy.bypasses(host, port):
            return http.client.HTTPSConnection(host, port, timeout=_CONNECT_SECONDS, context=self._context)
        connection = http.client.HTTPSConnection(
            proxy.host, proxy.port, timeout=_CONNECT_SECONDS, context=self._context
        )
        connection.set_tunnel(host, port, _proxy_headers(proxy))
        return connection

    def _send(self, connection: http.client.HTTPConnection, request: WireRequest) -> None:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        host = f"[{request.host}]" if ":" in request.host else request.host
        usual = {"https": 443, "http": 80}[request.scheme]
        connection.putheader("host", host if request.port == usual else f"{host}:{request.port}")
        for name, value in request.headers:
            connection.putheader(name.decode("latin-1"), value)
        connection.putheader("accept-encoding", "identity")
        connection.putheader("user-agent", "provider-proxy-drift")
        if request.body or request.method not in ("GET", "HEAD"):
            connection.putheader("content-length", str(len(request.body)))
        connection.endheaders(request.body or None)

    def _body(self, response: http.client.HTTPResponse, until: float) -> bytes:
        pieces = bytearray()
        while piece := response.read1(_PIECE):
            pieces += piece
            if len(pieces) > self._most:
                raise NoAnswer(f"its answer is longer than {self._most:,} bytes (PROVIDER_PROXY_MAX_BODY)")
            if time.monotonic() > until:
                raise NoAnswer(f"its answer took longer than {_SECONDS:.0f} s")
        if response.length:
            raise NoAnswer("its answer was cut off")
        return bytes(pieces)


def _proxy_headers(proxy: UpstreamProxy) -> dict[str, str]:
    if proxy.auth is None:
        return {}
    return {"proxy-authorization": f"Basic {b64encode(proxy.auth.encode()).decode()}"}


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}; name your CA with SSL_CERT_FILE"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "its answer was cut off"
    if isinstance(error, OSError):
        return f"it cannot be reached: {error.strerror or str(error)[:120] or type(error).__name__}"
    return f"its answer is not HTTP ({type(error).__name__})"
