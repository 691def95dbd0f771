"""The loopback device of a network namespace: up, with addresses, and with routes that take in every destination.

Messages of rtnetlink(7), so that no `ip` command is needed.
"""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["OWN_ADDRESS", "add_address", "route_everything", "set_up"]

OWN_ADDRESS = ip_address("192.0.2.1")
"""The source of connections that leave (RFC 5737: an address that is nobody's)."""

_NEW_LINK, _NEW_ADDRESS, _NEW_ROUTE = 16, 20, 24
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 1, 4, 0x200, 0x400
_IFF_UP = 1
_LOCAL_ADDRESS, _ADDRESS = 2, 1
_OUT_DEVICE, _PREFERRED_SOURCE = 4, 7
_MAIN_TABLE, _LOCAL_TABLE, _STATIC = 254, 255, 3
_SCOPE_LINK, _SCOPE_GLOBAL, _SCOPE_HOST = 253, 0, 254
_UNICAST, _LOCAL = 1, 2

type Address = IPv4Address | IPv6Address


def set_up(device: int) -> None:
    """Bring a device up. Raises OSError."""
    _call(_NEW_LINK, struct.pack("BxHiII", socket.AF_UNSPEC, 0, device, _IFF_UP, _IFF_UP))


def add_address(device: int, address: Address) -> None:
    """Give a device an address. Raises OSError."""
    packed = address.packed
    body = struct.pack("BBBBi", _family(address), address.max_prefixlen, 0, _SCOPE_GLOBAL, device)
    _call(_NEW_ADDRESS, body + _attribute(_LOCAL_ADDRESS, packed) + _attribute(_ADDRESS, packed), create=True)


def route_everything(device: int) -> None:
    """Send what has no other way through the loopback `device`. Raises OSError.

    A packet to an IPv4 address is then seen on the device and dropped: its connection waits, so its process can be
    found. The kernel has no such route for IPv6; there every address is made a local one, and it refuses.
    """
    out = _attribute(_OUT_DEVICE, struct.pack("i", device))
    source = _attribute(_PREFERRED_SOURCE, OWN_ADDRESS.packed)
    _route(socket.AF_INET, _MAIN_TABLE, _SCOPE_LINK, _UNICAST, out + source)
    if socket.has_ipv6:
        try:
            _route(socket.AF_INET6, _LOCAL_TABLE, _SCOPE_HOST, _LOCAL, out)
        except OSError:
            return  # IPv6 is off: nothing can leave over it


def _route(family: int, table: int, scope: int, kind: int, attributes: bytes) -> None:
    body = struct.pack("BBBBBBBBI", family, 0, 0, 0, table, _STATIC, scope, kind, 0)
    _call(_NEW_ROUTE, body + attributes, create=True)


def _family(address: Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _call(kind: int, body: bytes, *, create: bool = False) -> None:
    flags = _REQUEST | _ACK | (_CREATE | _EXCLUSIVE if create else 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        route.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        answer = route.recv(65536)
    error = struct.unpack_from("i", answer, 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))
