"""A load generator that costs little: one thread, epoll, requests and answers as bytes.

Each client is a Python generator that yields what it waits for. Linux only, as all of the bench.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

__all__ = ["Door", "Load", "percentile", "put_load"]

PATIENCE = 60.0  # seconds without any answer, after which a peer counts as hanging
_WAITS = (ssl.SSLWantReadError, BlockingIOError)

type _Wait = (
    tuple[int, int] | None
)  # a file descriptor and epoll's events; None is a pause until all are ready
type _Steps[T] = Generator[_Wait, None, T]


@dataclass(frozen=True)
class Door:
    """How a peer is asked: its port and path; with TLS where `cafile` is set, through CONNECT where `tunnel` is."""

    port: int
    path: str = "/v1/chat/completions"
    host: str = "localhost"
    cafile: str = ""
    tunnel: str = ""


@dataclass
class Load:
    """What one round gave: answers per second, their seconds, the share of one core that the generator took, and
    the peer's processor seconds.
    """

    rate: float
    times: list[float] = field(repr=False)
    generator: float
    peer: float


def percentile(times: list[float], share: float) -> float:
    """Seconds within which `share` of the answers came."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def put_load(
    door: Door,
    request: bytes,
    *,
    connections: int,
    seconds: float,
    fresh: bool = False,
    meter: Callable[[], float] = lambda: 0.0,
) -> Load:
    """Each of `connections` clients sends its next request when it has the whole answer to the last.

    `fresh`: on a new connection every time. `meter` reads the peer's processor seconds. The clock runs from when each has been answered once. Raises
    ConnectionError for an answer other than 200 and for a peer that hangs.
    """
    crowd = _Crowd(door, request, fresh)
    gc.collect()
    gc.disable()
    try:
        return crowd.run(connections, seconds, meter)
    finally:
        gc.enable()
        crowd.close()


class _Crowd:
    """All clients of one round."""

    def __init__(self, door: Door, request: bytes, fresh: bool) -> None:
        self.door, self.request, self.fresh = door, request, fresh
        self.context = ssl.create_default_context(cafile=door.cafile) if door.cafile else None
        self.times: list[float] = []
        self.buffer = memoryview(bytearray(262_144))
        self.lengths: dict[bytes, int] = {}
        self.open: set[socket.socket] = set()
        self.poll = select.epoll()
        self.waiting: dict[int, tuple[_Steps[None], _Wait]] = {}
        self.paused: list[_Steps[None]] = []

    def run(self, connections: int, seconds: float, meter: Callable[[], float]) -> Load:
        """Start, wait until all have been answered, measure."""
        clock = time.perf_counter
        for _ in range(connections):
            self._step(self._client(), None)
        limit = clock() + PATIENCE
        while len(self.paused) < connections:
            self._turn(limit)
            self._must_be_before(limit)
        self.times.clear()
        used, cpu, started = meter(), time.process_time(), clock()
        for client in self.paused:
            self._step(client, None)
        now, end, limit = started, started + seconds, started + PATIENCE
        while now < end or not self.times:
            now = self._turn(end if self.times else limit)
            if not self.times:
                self._must_be_before(limit)
        took = now - started
        cpu = time.process_time() - cpu
        return Load(len(self.times) / took, self.times, cpu / took, meter() - used)

    def _turn(self, until: float) -> float:
        """Let every client go on that can, waiting for one; the time then."""
        for number, _ in self.poll.poll(max(0.0, until - time.perf_counter())):
            self._step(*self.waiting[number])
        return time.perf_counter()

    @staticmethod
    def _must_be_before(limit: float) -> None:
        if time.perf_counter() >= limit:
            raise ConnectionError("the peer hangs")

    def _step(self, client: _Steps[None], before: _Wait) -> None:
        wait = next(client)
        if wait is before:
            return
        if wait is None:
            self.paused.append(client)
            return
        known = self.waiting.get(wait[0])
        self.waiting[wait[0]] = (client, wait)
        if known is not None and known[1] == wait and not self.fresh:
            return
        try:
            self.poll.register(*wait)
        except FileExistsError:
            self.poll.modify(*wait)

    def close(self) -> None:
        """Every connection."""
        self.poll.close()
        for sock in self.open:
            sock.close()

    def _client(self) -> _Steps[None]:
        clock, first = time.perf_counter, True
        sock: socket.socket | None = None
        while True:
            began = clock()
            if sock is None:
                sock = yield from self._opened()
                wait = (sock.fileno(), select.EPOLLIN)
            sock.send(self.request)
            yield from self._answered(sock, wait)
            self.times.append(clock() - began)
            if self.fresh:
                self.open.discard(sock)
                sock.close()
                sock = None
            if first:
                first = False
                yield None

    def _answered(self, sock: socket.socket, wait: tuple[int, int]) -> _Steps[None]:
        """Reads one whole answer."""
        yield wait
        buffer, begin, left = self.buffer, b"", -1
        while True:
            try:
                count = sock.recv_into(buffer)
            except _WAITS:
                yield wait
                continue
            if not count:
                raise ConnectionError("the peer closed the connection")
            if left < 0:
                begin += buffer[:count]
                end = begin.find(b"\r\n\r\n")
                if end < 0:
                    continue
                head = begin[:end]
                length = self.lengths.get(head)
                left = (self._length(head) if length is None else length) + end + 4 - len(begin)
            else:
                left -= count
            if left <= 0:
                return

    def _length(self, head: bytes) -> int:
        found = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not head.startswith(b"HTTP/1.1 200") or not found:
            raise ConnectionError(head[:300].decode("latin-1"))
        if len(self.lengths) < 1000:
            self.lengths[head] = int(found)
        return int(found)

    def _opened(self) -> _Steps[socket.socket]:
        """A connection, with the tunnel and the handshake that the door calls for."""
        raw = socket.socket()
        self.open.add(raw)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reading, writing = (raw.fileno(), select.EPOLLIN), (raw.fileno(), select.EPOLLOUT)
        if (error := raw.connect_ex(("127.0.0.1", self.door.port))) not in (0, errno.EINPROGRESS):
            raise ConnectionError(os.strerror(error))
        yield writing
        if self.door.tunnel:
            raw.send(f"CONNECT {self.door.tunnel} HTTP/1.1\r\nhost: {self.door.tunnel}\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head:
                yield reading
                head += raw.recv(4096)
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(head.decode())
        if self.context is None:
            return raw
        sock = self.context.wrap_socket(raw, server_hostname=self.door.host, do_handshake_on_connect=False)
        self.open.discard(raw)
        self.open.add(sock)
        while True:
            try:
                sock.do_handshake()
            except ssl.SSLWantReadError:
                yield reading
            except ssl.SSLWantWriteError:
                yield writing
            else:
                return sock
