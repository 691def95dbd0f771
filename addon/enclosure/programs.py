"""Which process has a socket: proc(5), `/proc/net/tcp` and `/proc/PID/fd`."""

from __future__ import annotations

import os
import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

__all__ = ["Program", "find_program", "inode_of"]

type Address = IPv4Address | IPv6Address
type Program = tuple[int, str]
"""A process id and the name of its program."""

_PROC = Path("/proc")


def inode_of(table: str, source_port: int, host: Address, port: int) -> str | None:
    """The inode of the socket with these ends in the text of a socket table; None if there is none.

    A UDP socket that is not connected has no other end; its port decides.
    """
    unconnected = None
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10:
            continue
        local, remote, inode = fields[1], fields[2], fields[9]
        if int(local.rpartition(":")[2], 16) != source_port or inode == "0":
            continue
        address, _, number = remote.rpartition(":")
        if int(number, 16) == port and _address(address) == host:
            return inode
        if int(number, 16) == 0:
            unconnected = inode
    return unconnected


def _address(text: str) -> Address:
    # Words of 32 bits in the byte order of the machine.
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    found = ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def find_program(inode: str) -> Program | None:
    """The process that has the socket open, the newest one first; None if no process that we may look at has."""
    target = f"socket:[{inode}]"
    for pid in sorted((int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()), reverse=True):
        folder = _PROC / str(pid)
        try:
            if any(str(link.readlink()) == target for link in (folder / "fd").iterdir()):
                return pid, _name(folder)
        except OSError:  # it has ended, or is another user's
            continue
    return None


def _name(folder: Path) -> str:
    """The name that the process has now; a thread may have given it another than its file's."""
    try:
        words = (folder / "cmdline").read_bytes()[:4096].split(b"\0")
    except OSError:
        words = [b""]
    name = os.path.basename(words[0].decode("utf-8", "replace")) or "?"  # noqa: PTH119 - text, not a path of ours
    return re.sub(r"[^A-Za-z0-9._+-]", "?", name)[:40]
