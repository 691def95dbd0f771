"""The process that enters a new network namespace, hands its sockets to `run`, and then becomes the command.

It is started as `entering CHANNEL_FD PROXY_HOST PROXY_PORT LOCAL_PORTS -- COMMAND…`. A user who is not root enters
a user namespace as well, in which the user's id stays what it is: user_namespaces(7), network_namespaces(7).
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from addon.enclosure import netlink, packets

__all__ = ["TABLES", "main", "moved_pythonpath"]

TABLES = ("tcp", "tcp6", "udp", "udp6")
"""The socket tables of the namespace, in the order in which their files are handed over."""

_SAVED = "_PROVIDER_PROXY_ENCLOSED_PYTHONPATH"
_EVERY_PROTOCOL = 3
_NOT_FOUND, _NOT_RUN = 127, 126


def moved_pythonpath(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for the start of `entering`: modules on the command's PYTHONPATH must not run in it."""
    moved = dict(environ)
    if "PYTHONPATH" in moved:
        moved[_SAVED] = moved.pop("PYTHONPATH")
    return moved


def main() -> int:
    """Enter, report on the channel, and run the command. Returns an exit status only if that cannot be run."""
    if _SAVED in os.environ:
        os.environ["PYTHONPATH"] = os.environ.pop(_SAVED)
    channel = socket.socket(fileno=int(sys.argv[1]))
    host, port, local = sys.argv[2], int(sys.argv[3]), sys.argv[4]
    command = sys.argv[6:]
    try:
        sockets, said = _enter(host, port, [int(number) for number in local.split(",") if number])
    except (OSError, AttributeError) as error:
        channel.send(json.dumps({"refused": getattr(error, "strerror", None) or str(error)}).encode())
        return 2
    socket.send_fds(channel, [json.dumps(said).encode()], sockets)
    channel.close()
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's own command
    except FileNotFoundError:
        reason = "command not found"
    except OSError as error:
        reason = error.strerror or "cannot be run"
    os.write(2, f"provider-proxy: {command[0]}: {reason}\n".encode())
    return _NOT_FOUND if reason == "command not found" else _NOT_RUN


def _enter(host: str, port: int, local_ports: list[int]) -> tuple[list[int], dict[str, object]]:
    """Enter and set up the namespace; file descriptors for `run`, and what they are. Raises OSError."""
    _unshare()
    device = socket.if_nametoindex("lo")
    netlink.set_up(device)
    netlink.add_address(device, netlink.OWN_ADDRESS)
    servers = _name_servers()
    for server in servers:
        if not server.is_loopback:
            netlink.add_address(device, server)
    netlink.route_everything(device)
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_EVERY_PROTOCOL))
    packets.attach_filter(capture)
    capture.bind(("lo", _EVERY_PROTOCOL))
    names = [_bound(str(server), 53, socket.SOCK_DGRAM) for server in servers]
    doors = [(_bound(host, port, socket.SOCK_STREAM), port)]
    for number in local_ports:
        doors.append((_bound("127.0.0.1", number, socket.SOCK_STREAM), number))
        if socket.has_ipv6:
            doors.append((_bound("::1", number, socket.SOCK_STREAM), number))
    tables = [os.open(f"/proc/self/net/{table}", os.O_RDONLY) for table in TABLES if _exists(table)]
    made = [capture, *names, *(door for door, _ in doors)]
    said: dict[str, object] = {
        "names": len(names),
        "doors": [number for _, number in doors],
        "tables": len(tables),
        "own": [str(netlink.OWN_ADDRESS), *map(str, servers)],
    }
    return [*(one.detach() for one in made), *tables], said


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    try:
        os.unshare(os.CLONE_NEWNET)
    except PermissionError:
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _exists(table: str) -> bool:
    return Path(f"/proc/self/net/{table}").exists()


def _name_servers() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses that resolv.conf(5) names, which are this machine's own here."""
    try:
        lines = Path("/etc/resolv.conf").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    found = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.append(ipaddress.ip_address(words[1].partition("%")[0]))
            except ValueError:
                continue
    usable = [server for server in found if not server.is_link_local]
    return list(dict.fromkeys(usable[:3])) or [ipaddress.ip_address("127.0.0.1")]


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    if kind is socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    if kind is socket.SOCK_STREAM:
        made.listen(1024)
    return made
