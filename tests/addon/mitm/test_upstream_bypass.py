"""Some hosts are reached past the upstream proxy, by CONNECT and in plain http, intercepted or tunnelled."""

from __future__ import annotations

import asyncio
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from mitmproxy import master, options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig, upstream_auth

from addon.environment.ca import ensure_ca
from addon.mitm.upstream_bypass import UpstreamBypass


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the request target and says whether credentials for a proxy came along."""

    def do_GET(self) -> None:
        body = f"{self.path} {'proxy-authorization' in self.headers}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Company:
    """A company's proxy that takes every request to one of two ports of this machine."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode().split(" ", 2)
        self.seen.append(method)
        port = int(
            target.rpartition(":")[2] if method == "CONNECT" else target.split("/")[2].rpartition(":")[2]
        )
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            to_server.write(head)
        await asyncio.gather(_pump(reader, to_server), _pump(from_server, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The server's CA."""
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server on this machine, in the scheme that the test's parameter names."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        served.socket = context.wrap_socket(served.socket, server_side=True)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"{request.param}://localhost:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


async def _ask(
    url: str, folder: Path, authority: trustme.CA, *, bypass: bool, tunnelled: bool
) -> tuple[str, list[str]]:
    """The answer to GET `url`/path through our proxy behind the company's, and what that one saw."""
    company = _Company()
    listening = await asyncio.start_server(company.handle, "127.0.0.1", 0)
    own = ensure_ca(folder / "ca")
    roots = folder / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    proxy = master.Master(options.Options())
    server = proxyserver.Proxyserver()  # type: ignore[no-untyped-call]
    bypassing = UpstreamBypass(lambda _host, _port: bypass)
    others = [next_layer.NextLayer(), tlsconfig.TlsConfig(), upstream_auth.UpstreamAuth()]
    proxy.addons.add(core.Core(), server, bypassing, *others)  # type: ignore[no-untyped-call]
    proxy.options.update(  # type: ignore[no-untyped-call]
        mode=[f"upstream:http://127.0.0.1:{listening.sockets[0].getsockname()[1]}@127.0.0.1:0"],
        upstream_auth="user:pass",
        connection_strategy="lazy",
        confdir=str(own.parent),
        ssl_verify_upstream_trusted_ca=str(roots),
        ignore_hosts=["^localhost:"] if tunnelled else [],
    )
    running = asyncio.create_task(proxy.run())
    while not server.listen_addrs():
        await asyncio.sleep(0.01)
    # A tunnelled server shows its own certificate, an intercepted one ours: only the right one is trusted.
    trusted = ssl.create_default_context(cafile=str(roots if tunnelled else own))
    through = f"http://127.0.0.1:{server.listen_addrs()[0][1]}"
    async with httpx.AsyncClient(proxy=through, verify=trusted, trust_env=False, timeout=10) as client:
        answer = await client.get(f"{url}/path")
    await server.servers.update([])
    proxy.shutdown()  # type: ignore[no-untyped-call]
    await running
    listening.close()
    await listening.wait_closed()
    return answer.text, company.seen


@pytest.mark.parametrize(
    ("server", "tunnelled", "method"),
    [("https", False, "CONNECT"), ("https", True, "CONNECT"), ("http", False, "GET")],
    indirect=["server"],
)
def test_bypass(server: str, tunnelled: bool, method: str, tmp_path: Path, authority: trustme.CA) -> None:
    """Without the bypass the company's proxy sees the request; with it not, and its password goes nowhere."""
    _, seen = asyncio.run(_ask(server, tmp_path, authority, bypass=False, tunnelled=tunnelled))
    assert seen == [method]
    answer, seen = asyncio.run(_ask(server, tmp_path, authority, bypass=True, tunnelled=tunnelled))
    assert (answer, seen) == ("/path False", [])
