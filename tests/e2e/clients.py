"""Small clients that end-to-end tests share."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import requests

from tests.e2e.conftest import Proxy

CHAT_URL = "https://api.openai.com/v1/chat/completions"


def session(proxy: Proxy) -> requests.Session:
    """A client with kept connections that reads nothing from this process's environment."""
    client = requests.Session()
    client.trust_env = False
    client.proxies, client.verify = {"https": proxy.url, "http": proxy.url}, proxy.bundle
    return client


def ask(proxy: Proxy, text: str = "hello", url: str = CHAT_URL, **headers: str) -> requests.Response:
    """One chat request through the proxy, on a connection of its own."""
    with session(proxy) as client:
        return client.post(
            url,
            json={"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]},
            headers={"authorization": "Bearer test"} | {n.replace("_", "-"): v for n, v in headers.items()},
            timeout=120,
        )


def cached(response: requests.Response) -> str:
    """The value of our header."""
    return response.headers["x-provider-proxy-cache"]


def tunnel(
    proxy: Proxy, host: str = "api.openai.com", port: int = 443, *, receive_buffer: int = 0
) -> ssl.SSLSocket:
    """A TLS connection to `host` through a CONNECT, for tests that work with bytes; `receive_buffer` is the kernel's."""
    address = urlsplit(proxy.url)
    assert address.hostname is not None
    raw = socket.socket()
    raw.settimeout(20)
    if receive_buffer:  # before the connection is made: it bounds the window
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect((address.hostname, address.port))
    raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        part = raw.recv(1024)
        assert part, f"the proxy closed the connection after {head!r}"
        head += part
    assert b" 200 " in head.split(b"\r\n")[0], head
    return ssl.create_default_context(cafile=proxy.bundle).wrap_socket(raw, server_hostname=host)


def chat_request(text: str = "hello", host: str = "api.openai.com") -> bytes:
    """A streamed chat request as bytes."""
    body = b'{"model":"gpt-4.1","stream":true,"messages":[{"role":"user","content":"%s"}]}' % text.encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
