"""Packets that leave an enclosed command: which are reported, and the packets that refuse them.

RFC 791, 768, 793, 792 (IPv4, UDP, TCP, ICMP) and 8200 (IPv6).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

__all__ = ["Attempt", "attach_filter", "parse", "refusal"]

_TCP, _UDP, _ICMP = 6, 17, 1
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_ATTACH_FILTER = 26

# Classic BPF (bpf(2), linux/filter.h). Loads go to the accumulator.
_LD_B, _LD_W, _LDX_LENGTH, _LD_B_X, _AND, _EQUAL, _RETURN = 0x30, 0x20, 0xB1, 0x50, 0x54, 0x15, 0x06
_PACKET_TYPE, _OUTGOING = 0xFFFFF004, 4


class Attempt(NamedTuple):
    """The first packet of an attempt to reach `host`; `kind` is tcp or udp, ports are numbers."""

    kind: str
    host: IPv4Address | IPv6Address
    port: int
    source: IPv4Address | IPv6Address
    source_port: int


def parse(packet: bytes) -> Attempt | None:
    """The connection attempt that a packet starts. None for any other packet, a malformed one, or multicast."""
    if not packet:
        return None
    version = packet[0] >> 4
    source: IPv4Address | IPv6Address
    host: IPv4Address | IPv6Address
    if version == 4 and len(packet) >= 20:
        kind, start = packet[9], (packet[0] & 0xF) * 4
        source, host = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    elif version == 6 and len(packet) >= 40:
        kind, start = packet[6], 40
        source, host = IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    else:
        return None
    part = packet[start:]
    if len(part) < 8 or host.is_multicast or host.is_loopback:
        return None
    source_port, port = struct.unpack_from("!HH", part)
    if kind == _UDP:
        return Attempt("udp", host, port, source, source_port)
    if kind == _TCP and len(part) >= 20 and part[13] & (_SYN | _ACK) == _SYN:
        return Attempt("tcp", host, port, source, source_port)
    return None


def refusal(packet: bytes) -> bytes | None:
    """The packet that refuses an attempt over IPv4: a TCP reset, or ICMP's "port unreachable".

    None for IPv6, where the kernel refuses by itself.
    """
    attempt = parse(packet)
    if attempt is None or attempt.host.version != 4:
        return None
    if attempt.kind == "udp":
        start = (packet[0] & 0xF) * 4
        error = struct.pack("!BBHI", 3, 3, 0, 0) + packet[: start + 8]
        return _ipv4(_ICMP, attempt, error[:2] + _checksum(error) + error[4:])
    sequence = struct.unpack_from("!I", packet, (packet[0] & 0xF) * 4 + 4)[0]
    numbers = (
        attempt.port,
        attempt.source_port,
        0,
        (sequence + 1) & 0xFFFFFFFF,
        5 << 4,
        _RST | _ACK,
        0,
        0,
        0,
    )
    segment = struct.pack("!HHIIBBHHH", *numbers)
    pseudo = attempt.host.packed + attempt.source.packed + struct.pack("!BBH", 0, _TCP, len(segment))
    return _ipv4(_TCP, attempt, segment[:16] + _checksum(pseudo + segment) + segment[18:])


def _ipv4(protocol: int, attempt: Attempt, payload: bytes) -> bytes:
    addresses = attempt.host.packed + attempt.source.packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + addresses
    return header[:10] + _checksum(header) + header[12:] + payload


def _checksum(data: bytes) -> bytes:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def attach_filter(capture: socket.socket) -> None:
    """Let a packet socket see first packets that leave alone, not the traffic on loopback. Raises OSError."""
    program = b"".join(struct.pack("HBBI", *step) for step in _FILTER)
    held = ctypes.create_string_buffer(program, len(program))
    capture.setsockopt(
        socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HxxxxxxP", len(_FILTER), ctypes.addressof(held))
    )


# (code, steps to skip if true, if false, constant)
_FILTER = (
    (_LD_B, 0, 0, _PACKET_TYPE),
    (_EQUAL, 0, 22, _OUTGOING),
    (_LD_B, 0, 0, 0),
    (_AND, 0, 0, 0xF0),
    (_EQUAL, 0, 9, 0x40),
    (_LD_W, 0, 0, 16),
    (_AND, 0, 0, 0xFF000000),
    (_EQUAL, 16, 0, 0x7F000000),
    (_LD_B, 0, 0, 9),
    (_EQUAL, 13, 0, _UDP),
    (_EQUAL, 0, 13, _TCP),
    (_LDX_LENGTH, 0, 0, 0),
    (_LD_B_X, 0, 0, 13),
    (_EQUAL, 9, 7, _SYN),
    (_EQUAL, 0, 9, 0x60),
    (_LD_B, 0, 0, 6),
    (_EQUAL, 6, 0, _UDP),
    (_EQUAL, 0, 6, _TCP),
    (_LD_B, 0, 0, 53),
    (_AND, 0, 0, _SYN | _ACK),
    (_EQUAL, 2, 3, _SYN),
    (_AND, 0, 0, _SYN | _ACK),
    (_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0xFFFF),
    (_RETURN, 0, 0, 0),
)
