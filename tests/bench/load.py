"""A load generator that costs little: one thread, non-blocking TLS, requests and answers as bytes."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field

__all__ = ["Load", "hits_per_second"]


@dataclass
class Load:
    """What one round gave: answers per second, and each answer's seconds."""

    rate: float
    times: list[float] = field(repr=False)

    def percentile(self, share: float) -> float:
        """Seconds within which `share` of the answers came."""
        return sorted(self.times)[int(len(self.times) * share)]


def connect(port: int, cafile: str, host: str, target: int = 443) -> ssl.SSLSocket:
    """A TLS connection to `host` through the proxy's CONNECT."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.sendall(f"CONNECT {host}:{target} HTTP/1.1\r\nhost: {host}:{target}\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += raw.recv(4096)
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(head.decode())
    return ssl.create_default_context(cafile=cafile).wrap_socket(raw, server_hostname=host)


def answer_length(sock: ssl.SSLSocket, request: bytes) -> int:
    """Sends `request` once; the bytes of its whole answer, head included. The answer must have a length."""
    sock.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += sock.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(received[:300].decode("latin-1"))
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += sock.recv(65536)
    return len(head) + 4 + length


def hits_per_second(
    port: int, cafile: str, request: bytes, *, connections: int, seconds: float, host: str, target: int
) -> Load:
    """Keep-alive load: each connection sends its next request when it has the whole answer to the last."""
    selector = selectors.DefaultSelector()
    state: dict[ssl.SSLSocket, list[float]] = {}
    total = 0
    for _ in range(connections):
        sock = connect(port, cafile, host, target)
        total = answer_length(sock, request)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        state[sock] = [0.0, 0.0]  # bytes of the current answer, when its request was sent
    times: list[float] = []
    started = now = time.perf_counter()
    for sock, current in state.items():
        sock.send(request)
        current[:] = [0, now]
    while now - started < seconds:
        for key, _ in selector.select(1):
            sock = key.fileobj  # type: ignore[assignment]
            current = state[sock]
            try:
                while part := sock.recv(262_144):
                    current[0] += len(part)
                    if current[0] >= total:
                        break
            except (ssl.SSLWantReadError, BlockingIOError):
                pass
            if current[0] >= total:
                now = time.perf_counter()
                times.append(now - current[1])
                sock.send(request)
                current[:] = [0, now]
        now = time.perf_counter()
    for sock in state:
        selector.unregister(sock)
        sock.close()
    return Load(len(times) / (now - started), times)
