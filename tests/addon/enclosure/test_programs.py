"""Which process has a socket."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from addon.enclosure.programs import find_program, inode_of

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 010200C0:A3A6 08080808:01BB 02 00000001:00000000 01:00000064 00000000     0        0 1294337 2 0 100 0 0 10 -1
   1: 00000000:0FA0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 77 2 0 0
"""
TABLE6 = """  sl  local_address                         remote_address
   0: 00000000000000000000000000000000:0050 0000000000000000FFFF000008080808:01BB 01 0:0 0:0 0 0 0 4711 1
short
"""
GOOGLE = ip_address("8.8.8.8")


@pytest.mark.skipif(sys.byteorder != "little", reason="the table was written on a little-endian machine")
def test_the_table() -> None:
    """Both ends decide; a socket without another end is found by its port; a mapped address is an IPv4 one."""
    assert inode_of(TABLE, 0xA3A6, GOOGLE, 443) == "1294337"
    assert inode_of(TABLE, 0xA3A6, GOOGLE, 444) is None
    assert inode_of(TABLE, 4000, GOOGLE, 53) == "77"
    assert inode_of(TABLE6, 80, GOOGLE, 443) == "4711"
    assert inode_of("", 1, GOOGLE, 1) is None


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="/proc is Linux's")
def test_a_real_socket() -> None:
    """A connection of this process is found in the real table, and so is this process."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = server.getsockname()[1]
        table = Path("/proc/self/net/tcp").read_text()
        inode = inode_of(table, client.getsockname()[1], ip_address("127.0.0.1"), port)
        assert inode is not None
        found = find_program(inode)
        assert found is not None
        assert found[0] == os.getpid()
        assert found[1].startswith("py")
    assert find_program("0") is None
