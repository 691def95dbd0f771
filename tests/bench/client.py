"""A blocking client for measures that look at one answer."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.load import Door

__all__ = ["Streamed", "connected", "read_answer", "read_stream"]

_SENT = re.compile(rb"@([\d.]+)@")


@dataclass(frozen=True)
class Streamed:
    """Seconds from the request to the stream's first byte, and of each event from its sending to its arrival."""

    first: float
    delays: list[float]


@contextmanager
def connected(door: Door) -> Iterator[ssl.SSLSocket]:
    """A connection through `door`, which has TLS."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if door.tunnel:
            raw.sendall(f"CONNECT {door.tunnel} HTTP/1.1\r\nhost: {door.tunnel}\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                head += _more(raw)
        context = ssl.create_default_context(cafile=door.cafile)
        with context.wrap_socket(raw, server_hostname=door.host) as sock:
            yield sock


def read_answer(sock: ssl.SSLSocket, request: bytes) -> int:
    """Ask, read the whole answer, which has a length, and let it go; its body's bytes."""
    sock.sendall(request)
    begin = b""
    while b"\r\n\r\n" not in begin:
        begin += _more(sock)
    head, _, body = begin.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(begin[:300].decode("latin-1"))
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    left = length - len(body)
    while left > 0:
        left -= len(_more(sock))
    return length


def read_stream(sock: ssl.SSLSocket, request: bytes) -> Streamed:
    """Ask for a stream of events that say when they were sent, and read it to its end."""
    clock, first, delays, tail = time.perf_counter, 0.0, [], b""
    began = clock()
    sock.sendall(request)
    while not tail.endswith(b"\r\n0\r\n\r\n"):
        tail += _more(sock)
        now = clock()
        if not first and b"data: " in tail:
            first = now - began
        delays += [now - float(sent) for sent in _SENT.findall(tail)]
        tail = _SENT.sub(b"", tail)
    return Streamed(first, delays)


def _more(sock: socket.socket) -> bytes:
    part = sock.recv(262_144)
    if not part:
        raise ConnectionError("the peer closed the connection")
    return part
