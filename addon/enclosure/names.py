"""A DNS server that gives every name an address of its own, so that a connection tells which name was meant.

RFC 1035. The addresses are from 198.18.0.0/15, which RFC 2544 reserves for tests and nobody has.
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address

__all__ = ["Names"]

_FIRST, _COUNT = int(IPv4Address("198.18.0.1")), 2**17 - 2
_A, _ANY, _IN = 1, 255, 1
_ANSWER, _RECURSION = 0x8000, 0x0180  # QR; RD and RA


class Names:
    """The names that were asked for, and their addresses."""

    def __init__(self) -> None:
        self._addresses: dict[str, IPv4Address] = {}
        self._names: dict[IPv4Address, str] = {}

    def name_of(self, address: object) -> str:
        """The name that has this address; the address as text if none has."""
        return self._names.get(address, str(address)) if isinstance(address, IPv4Address) else f"[{address}]"

    def answer(self, query: bytes) -> bytes | None:
        """The answer to a query; None for what is not one. Only questions for an IPv4 address get an address."""
        asked = _question(query)
        if asked is None:
            return None
        name, end, kind = asked
        answers = b""
        if kind in (_A, _ANY) and (address := self._address_of(name)):
            # The name again by a pointer to the question, a lifetime of 0 s, and four bytes.
            answers = struct.pack("!HHHIH", 0xC00C, _A, _IN, 0, 4) + address.packed
        head = query[:2] + struct.pack("!HHHHH", _ANSWER | _RECURSION, 1, bool(answers), 0, 0)
        return head + query[12:end] + answers

    def _address_of(self, name: str) -> IPv4Address | None:
        if name not in self._addresses:
            if len(self._addresses) >= _COUNT:
                return None
            address = IPv4Address(_FIRST + len(self._addresses))
            self._addresses[name], self._names[address] = address, name
        return self._addresses[name]


def _question(query: bytes) -> tuple[str, int, int] | None:
    """The name, where its question ends, and its type; None if the query is malformed or is none."""
    if len(query) < 17 or query[2] & 0x80 or query[4:6] != b"\0\1":
        return None
    labels: list[str] = []
    at = 12
    while at < len(query) and query[at]:
        length = query[at]
        if length > 63 or at + length >= len(query):
            return None
        labels.append(re.sub("[^a-z0-9_-]", "?", query[at + 1 : at + 1 + length].decode("latin-1").lower()))
        at += length + 1
    if at + 5 > len(query) or at > 267:
        return None
    kind = struct.unpack_from("!H", query, at + 1)[0]
    return ".".join(labels), at + 5, kind
