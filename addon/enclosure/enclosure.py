"""The side of `run`: relays an enclosed command's connections to the proxy, and names what goes elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from addon.enclosure.entering import TABLES
from addon.enclosure.names import Names
from addon.enclosure.packets import Attempt, parse, refusal
from addon.enclosure.programs import Program, find_program, inode_of
from cache_store.errors import UsageError

__all__ = ["Enclosure", "check_enclosing"]

_MAX_FDS = 64
_CHUNK = 65536
_PROTOCOL_IPV4 = 0x0800
_MOST_NAMED = 10_000


def check_enclosing(host: str) -> None:
    """Raise UsageError if no command can be enclosed here with a proxy that listens at `host`."""
    if sys.platform != "linux":
        raise UsageError("--enclosed needs Linux's network namespaces; leave it out here")
    if not ip_address("127.0.0.1" if host == "localhost" else host).is_loopback:
        raise UsageError("--enclosed needs a proxy on loopback; set PROVIDER_PROXY_LISTEN=127.0.0.1:0")


class Enclosure:
    """A namespace of one command. `say` is called once for each destination and program that was refused.

    `outside` counts attempts past the proxy by destination and program, `inside` connections to the proxy and to
    relayed ports of this machine by program.
    """

    def __init__(self, host: str, port: int, local_ports: Sequence[int], say: Callable[[str], None]) -> None:
        self._host, self._port, self._local_ports, self._say = host, port, tuple(local_ports), say
        self.outside: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._names = Names()
        self._own: frozenset[str] = frozenset()
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._tables: dict[str, int] = {}
        self._relays: set[asyncio.Task[None]] = set()
        self._seen: set[tuple[Any, ...]] = set()

    def arguments(self, command: Sequence[str]) -> list[str]:
        """The arguments of `entering` with which it enters this namespace and runs `command`."""
        local = ",".join(map(str, self._local_ports))
        return [str(self.theirs.fileno()), self._host, str(self._port), local, "--", *command]

    async def open(self) -> None:
        """Take over the namespace's sockets. Raises UsageError if this machine refuses to make one."""
        self.theirs.close()  # the command's process has it
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._ours, readable.set)
        await readable.wait()
        loop.remove_reader(self._ours)
        data, descriptors, _, _ = socket.recv_fds(self._ours, _CHUNK, _MAX_FDS)
        said: dict[str, Any] = json.loads(data) if data else {"refused": "the process ended"}
        if "refused" in said:
            raise UsageError(
                f"--enclosed: this machine does not let a command have a network namespace ({said['refused']}); "
                "run as root, or allow unprivileged user namespaces (docs/clients.md, Enclosed)"
            )
        self._own = frozenset(said["own"])
        capture, *rest = descriptors
        names, doors = rest[: said["names"]], rest[said["names"] : len(rest) - said["tables"]]
        self._tables = dict(zip(TABLES, rest[len(rest) - said["tables"] :], strict=False))
        self._read(capture, self._captured)
        for descriptor in names:
            self._read(descriptor, self._asked)
        for descriptor, number in zip(doors, said["doors"], strict=True):
            relay = self._relay_to(None if number == self._port else number)
            door = socket.socket(fileno=descriptor)
            self._servers.append(await asyncio.start_server(relay, sock=door))

    def close(self) -> None:
        """Close every socket; connections that still are open end."""
        loop = asyncio.get_running_loop()
        if self._sockets:
            self._captured(self._sockets[0])
        self._ours.close()
        self.theirs.close()
        for one in self._sockets:
            loop.remove_reader(one)
            one.close()
        for server in self._servers:
            server.close()
        for task in self._relays:
            task.cancel()
        for descriptor in self._tables.values():
            os.close(descriptor)
        self._sockets, self._servers, self._tables = [], [], {}

    def _read(self, descriptor: int, handle: Callable[[socket.socket], None]) -> None:
        made = socket.socket(fileno=descriptor)
        made.setblocking(False)
        self._sockets.append(made)
        asyncio.get_running_loop().add_reader(made, handle, made)

    # -- what would have gone elsewhere -----------------------------------------

    def _asked(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            query, sender = server.recvfrom(_CHUNK)
            if (answer := self._names.answer(query)) is not None:
                server.sendto(answer, sender)

    def _captured(self, capture: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._refuse(capture, capture.recv(_CHUNK))

    def _refuse(self, capture: socket.socket, packet: bytes) -> None:
        attempt = parse(packet)
        if attempt is None or str(attempt.host) in self._own:  # to a server in the namespace, or to ours
            return
        if attempt[1:] not in self._seen:  # a repeated packet is the same attempt
            self._note(attempt)
        if (refused := refusal(packet)) is not None:
            with contextlib.suppress(OSError):
                capture.sendto(refused, ("lo", _PROTOCOL_IPV4, 0, 0, bytes(6)))

    def _note(self, attempt: Attempt) -> None:
        if len(self._seen) < _MOST_NAMED:
            self._seen.add(attempt[1:])
        if attempt.host.version == 4 and attempt.kind == "udp" and attempt.port == 53:
            return  # an own resolver of the program; it learns nothing
        program = self._program(attempt.kind, attempt.source_port, attempt.host, attempt.port)
        name = program[1] if program else "an unknown program"
        kind = "" if attempt.kind == "tcp" else " over UDP"
        place = f"{self._names.name_of(attempt.host)}:{attempt.port}{kind} by {name}"
        self.outside[place] += 1
        if self.outside[place] == 1:
            process = f" (process {program[0]})" if program else ""
            self._say(f"refused: {place}{process}")

    def _program(self, kind: str, source_port: int, host: Any, port: int) -> Program | None:
        for table in (kind, f"{kind}6"):
            if table in self._tables:
                inode = inode_of(self._text(table), source_port, host, port)
                if inode is not None:
                    return find_program(inode)
        return None

    def _text(self, table: str) -> str:
        descriptor, parts = self._tables[table], []
        os.lseek(descriptor, 0, os.SEEK_SET)
        while part := os.read(descriptor, _CHUNK):
            parts.append(part)
        return b"".join(parts).decode("ascii", "replace")

    # -- what goes to the proxy ---------------------------------------------------

    def _relay_to(self, local_port: int | None) -> Callable[..., Any]:
        hosts = (self._host,) if local_port is None else ("127.0.0.1", "::1")
        port = self._port if local_port is None else local_port
        to = "the proxy" if local_port is None else f"port {port} of this machine"

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._relays.add(task)
            try:
                self._count(writer, to)
                await _join(reader, writer, hosts, port)
            except asyncio.CancelledError:
                pass  # the run is over
            finally:
                self._relays.discard(task)
                writer.close()

        return relay

    def _count(self, writer: asyncio.StreamWriter, to: str) -> None:
        peer, own = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        program = self._program("tcp", peer[1], ip_address(own[0]), own[1])
        self.inside[f"{to} by {program[1] if program else '?'}"] += 1


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hosts: Sequence[str], port: int
) -> None:
    """Carry bytes both ways between a connection and the first of `hosts` that accepts one."""
    for host in hosts:
        try:
            there, back = await asyncio.open_connection(host, port)
        except OSError:
            continue
        try:
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            back.close()
        return
    writer.transport.abort()  # refused there, so refused here


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        return
    writer.transport.abort()
