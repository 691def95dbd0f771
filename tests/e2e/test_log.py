"""The log on stderr never blocks a request, and shows no secret."""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.e2e.clients import ask, cached
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream

_SMALLEST_PIPE = 4096  # bytes; one page
_NOT_BLOCKING = "import os, sys; os.set_blocking(2, False); os.execv(sys.argv[1], sys.argv[1:])"


def refuse_the_ca(proxy: Proxy, host: str = "api.openai.com") -> None:
    """A client that does not trust the proxy's CA, which is a line in its log."""
    address = urlsplit(proxy.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=120) as raw:
        raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        raw.recv(1024)
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw, server_hostname=host)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sets a pipe's size")
@pytest.mark.parametrize("before", [(), (sys.executable, "-c", _NOT_BLOCKING)])
def test_a_log_that_nobody_reads(
    start_proxy: Callable[..., Proxy], upstream: Upstream, before: tuple[str, ...]
) -> None:
    """With stderr full, as in a pipe that its owner does not read, requests are answered, and the run ends with its
    report; no line is lost, nor where another owner of the pipe has set it not to block."""
    proxy = start_proxy(upstream, "read-write", before=before)
    assert proxy.process.stderr is not None
    fcntl.fcntl(proxy.process.stderr, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
    hosts = [f"n{number}-{'long.' * 36}openai.azure.com" for number in range(19)]
    for host in hosts:
        refuse_the_ca(proxy, host)
    assert cached(ask(proxy)) == "false"
    assert cached(ask(proxy)) == "true"
    assert select.select([proxy.process.stderr], [], [], 0)[0]
    said = proxy.stop()
    assert [host for host in hosts if host not in said] == []  # the line that filled the pipe included
    assert "mode read-write, 2 requests" in said


def test_no_stderr_at_all(start_proxy: Callable[..., Proxy]) -> None:
    """Started with stderr closed, the proxy has nobody to tell, and does not wait at its end as if it had."""
    proxy = start_proxy(before=("sh", "-c", 'exec "$@" 2>&-', "sh"))
    refuse_the_ca(proxy)
    asked = time.monotonic()
    proxy.stop()
    assert proxy.process.returncode == 0
    assert time.monotonic() - asked < 2  # a flush that waits in vain does so for a second, and there are two


def test_the_value_of_a_trailer_is_not_logged(
    start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream]
) -> None:
    """Neither an answer's nor a request's: a trailer may hold a credential."""

    def script(exchange: Exchange) -> None:
        exchange.start_chunked("application/json")
        exchange.chunk(b"{}")
        exchange.wfile.write(b"0\r\nx-signature: TRAILER-OF-THE-ANSWER\r\n\r\n")

    proxy = start_proxy(start_upstream(script), "read-write")
    assert ask(proxy).json() == {}
    address = urlsplit(proxy.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as client:
        client.sendall(
            b"POST /https/api.openai.com/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            b"2\r\n{}\r\n0\r\nauthorization: TRAILER-OF-THE-REQUEST\r\n\r\n"
        )
        while client.recv(65536):
            pass
    assert "TRAILER-OF" not in proxy.stop()
