"""Which process of a run a client's connection has reached, and a connection to each."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.clients import tunnel
from tests.e2e.conftest import Proxy, wait_for


def figures(proxy: Proxy) -> dict[str, Any]:
    """`/-/stats`, on a connection of its own."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{proxy.url}/-/stats", timeout=120) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def workers(proxy: Proxy, count: int = 2) -> list[int]:
    """The ids of the run's processes once there are `count`, the leader's first."""
    found: list[int] = []

    def there() -> bool:
        found[:] = [worker["pid"] for worker in figures(proxy)["workers"]]
        return len(found) == count

    assert wait_for(there, 20), found
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _owner(connection: ssl.SSLSocket, pids: list[int]) -> int:
    """The process that has the other end of a connection on loopback."""
    own, other = connection.getsockname()[1], connection.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if [int(columns[n].rpartition(":")[2], 16) for n in (1, 2)] == [other, own]:
            wanted = f"socket:[{columns[9]}]"
            for pid in pids:
                for file in Path(f"/proc/{pid}/fd").iterdir():
                    try:
                        if str(file.readlink()) == wanted:
                            return pid
                    except OSError:
                        pass  # closed meanwhile
    raise AssertionError(f"nobody has {own} -> {other}")


class Client:
    """A connection through a CONNECT that one process of the run has."""

    def __init__(self, proxy: Proxy, pid: int, pids: list[int], host: str = "api.openai.com") -> None:
        for _ in range(64):
            self.socket = tunnel(proxy, host)
            if _owner(self.socket, pids) == pid:
                break
            self.socket.close()
        else:
            raise AssertionError(f"of 64 connections none reached {pid}")
        self._http = http.client.HTTPConnection(host)
        self._http.sock = self.socket

    def ask(self, text: str = "hello", **headers: str) -> tuple[int, str, bytes]:
        """One chat request: status, our header, body."""
        body = json.dumps({"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]})
        plain = {"content-type": "application/json", "authorization": "Bearer test"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request("POST", "/v1/chat/completions", body, plain | named)
        answer = self._http.getresponse()
        return answer.status, answer.headers["x-provider-proxy-cache"], answer.read()

    def close(self) -> None:
        """End it."""
        self._http.close()
        self.socket.close()


class Reach:
    """Makes connections that a certain process has, and ends them."""

    def __init__(self) -> None:
        self._made: list[Client] = []

    def one(self, proxy: Proxy, pid: int, pids: list[int]) -> Client:
        """A connection to the process `pid` of `pids`."""
        self._made.append(Client(proxy, pid, pids))
        return self._made[-1]

    def many(self, proxy: Proxy, count: int, processes: int = 2) -> list[Client]:
        """So many, over the processes in turn, the leader first."""
        pids = workers(proxy, processes)
        return [self.one(proxy, pids[n % processes], pids) for n in range(count)]

    def close(self) -> None:
        """End them all."""
        for client in self._made:
            client.close()
