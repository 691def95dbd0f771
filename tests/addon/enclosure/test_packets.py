"""Packets that leave an enclosed command, and those that refuse them."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.enclosure.packets import attach_filter, parse, refusal

# A SYN from 192.0.2.1:41894 to 8.8.8.8:443 as Linux sends it, without its options.
SYN = bytes.fromhex("4500003cf8e1400040066fc9c000020108080808a3a601bbfe4faae500000000a002ffd7d23f0000")
SOURCE, HOST = ip_address("192.0.2.1"), ip_address("8.8.8.8")


def udp(host: str = "8.8.8.8", port: int = 443) -> bytes:
    """A datagram with one byte."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 29, 0, 0, 64, 17, 0) + SOURCE.packed + ip_address(host).packed
    return header + struct.pack("!HHHH", 4000, port, 9, 0) + b"x"


def ipv6(host: str, flags: int = 0x02) -> bytes:
    """A TCP segment over IPv6."""
    header = (
        struct.pack("!IHBB", 6 << 28, 20, 6, 64) + ip_address("2001:db8::1").packed + ip_address(host).packed
    )
    return header + struct.pack("!HHIIBBHHH", 4000, 443, 1, 0, 5 << 4, flags, 0, 0, 0)


def total(data: bytes) -> int:
    """The checksum of data that contains its checksum: 0xffff if that is right."""
    found = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return found


def test_first_packets() -> None:
    """A SYN and a datagram say who wants to go where."""
    assert parse(SYN) == ("tcp", HOST, 443, SOURCE, 0xA3A6)
    assert parse(udp()) == ("udp", HOST, 443, SOURCE, 4000)
    assert parse(ipv6("2606:4700::1")) == (
        "tcp",
        ip_address("2606:4700::1"),
        443,
        ip_address("2001:db8::1"),
        4000,
    )


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        SYN[:30],
        ipv6("2606:4700::1", flags=0x12),
        ipv6("::1"),
        udp("127.0.0.1"),
        udp("224.0.0.251"),
        b"\x90" * 40,
    ],
)
def test_others_are_nothing(packet: bytes) -> None:
    """What is broken, goes on, stays here or goes to a group is not an attempt."""
    assert parse(packet) is None
    assert refusal(packet) is None


def test_a_refused_connection() -> None:
    """A reset from the destination that acknowledges the SYN, with both checksums right."""
    packet = refusal(SYN)
    assert packet is not None
    assert (packet[12:16], packet[16:20]) == (HOST.packed, SOURCE.packed)
    source_port, port, _, acknowledged, _, flags = struct.unpack_from("!HHIIBB", packet, 20)
    assert (source_port, port, acknowledged, flags) == (443, 0xA3A6, 0xFE4FAAE6, 0x14)
    assert total(packet[:20]) == 0xFFFF
    assert total(packet[12:20] + struct.pack("!BBH", 0, 6, 20) + packet[20:]) == 0xFFFF


def test_a_refused_datagram() -> None:
    """ICMP's "port unreachable" with the start of the datagram; IPv6 is refused by the kernel."""
    packet = refusal(udp())
    assert packet is not None
    assert (packet[9], packet[20:22], packet[28:]) == (1, b"\3\3", udp()[:28])
    assert total(packet[20:]) == 0xFFFF
    assert refusal(ipv6("2606:4700::1")) is None


@given(st.binary(max_size=80))
def test_no_packet_is_too_odd(packet: bytes) -> None:
    """Whatever a command sends, reading it does not fail."""
    parse(packet)
    refusal(packet)


@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="packet sockets are Linux's")
def test_the_filter_is_one_that_the_kernel_takes() -> None:
    """The kernel checks a program when it is attached; a datagram socket takes one without privileges."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        attach_filter(any_socket)
