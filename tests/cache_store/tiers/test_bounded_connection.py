"""An answer that is longer than anything that was asked for is not read to its end."""

from __future__ import annotations

import socket
import threading
import tracemalloc

import pytest
import redis

from cache_store.errors import StoreUnavailable
from cache_store.tiers.bounded_connection import bound_answers

LIMIT = 2**20


def test_a_long_answer_is_given_up() -> None:
    """At the limit, with the connection closed; answers up to it are read, one after another."""
    closed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for size in (LIMIT // 2, LIMIT // 2, LIMIT // 2, 2**30):
                    connection.recv(2**16)
                    connection.sendall(b"$%d\r\n" % size)
                    try:
                        for _ in range(0, size, 2**18):
                            connection.sendall(bytes(min(size, 2**18)))
                        connection.sendall(b"\r\n")
                    except OSError:
                        closed.set()

        threading.Thread(target=serve, daemon=True).start()
        pool = redis.ConnectionPool(port=listener.getsockname()[1], protocol=2, driver_info=None)
        bound_answers(pool, LIMIT)
        client = redis.Redis(connection_pool=pool)
        for _ in range(3):
            assert len(client.get("a") or b"") == LIMIT // 2
        tracemalloc.start()
        try:
            with pytest.raises(StoreUnavailable, match="longer than any entry"):
                client.get("a")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8 * LIMIT
        assert closed.wait(30)
        client.close()
