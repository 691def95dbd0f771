"""Brings the loopback interface of a new network namespace up."""

import fcntl
import socket
import struct

SIOCSIFFLAGS = 0x8914
UP_LOOPBACK_RUNNING = 0x49

if __name__ == "__main__":
    with socket.socket() as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", UP_LOOPBACK_RUNNING))
