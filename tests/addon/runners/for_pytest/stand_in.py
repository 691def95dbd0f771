"""A stand-in for the proxy's control endpoint. A suite of a test asks it, too, so that it sees the order of both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# A suite asks with this: `ask("hit one")`, `ask("miss two")`, `ask("live three")`.
SUITE_CLIENT = """
import os, urllib.request
def ask(words):
    url = "http://" + os.environ["_PROVIDER_PROXY_OUTER"] + "/ask"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    name = os.environ["HTTPS_PROXY"].rpartition("@")[0].rpartition("/")[2]
    with opener.open(urllib.request.Request(url, words.encode(), {"x-user": name}), timeout=60) as answer:
        return answer.read()
"""

SILENT, BABBLING = -1, -2
type Refuse = Callable[[str, dict[str, Any]], int]


class StandIn:
    """What was said, in its order: `("PUT", client, test)`, `("DELETE", …)`, `("ASK", user, words)`.

    `answers` may give another status, SILENT for no answer, or BABBLING for one that is not HTTP.
    """

    def __init__(self) -> None:
        self.said: list[tuple[str, str, str]] = []
        self.wishes: list[dict[str, Any]] = []
        self.outcomes: dict[str, str] = {}
        self.more = 0
        self.mode = "read-only-require-hit"
        self.answers: Refuse = lambda method, value: 0
        self.address = ""
        self.ended = threading.Event()
        self._open: dict[str, list[str]] = {}
        self._verdicts: dict[tuple[str, str, int], dict[str, Any]] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def handle(self, method: str, path: str, user: str, body: bytes) -> tuple[int, Any]:
        """The status and JSON value of an answer."""
        if path == "/-/stats":
            return 200, {"mode": self.mode}
        with self._lock:
            if path == "/ask":
                self.said.append(("ASK", user, body.decode()))
                self._count(user.partition(":")[0].partition("+")[0], body.decode())
                return 200, {}
            client, _, page = path.removeprefix("/-/tests/").partition("/")
            value = json.loads(body or b"{}")
            refused = self.answers(method, value)
            if refused:
                return refused, {"error": {"message": f"provider-proxy: no {method} today"}}
            opened = self._open.setdefault(client, [])
            if method == "PUT":
                self.wishes.append(value)
                if value["test"] in opened:
                    opened.remove(value["test"])
                elif "attempt" not in value:
                    at = client, value["test"]
                    self._attempts[at] = self._attempts.get(at, 0) + 1
                opened.append(value["test"])
                self.said.append(("PUT", client, value["test"]))
                return 204, None
            if not opened:
                return 404, {"error": {"message": "provider-proxy: no test"}}
            if page:
                return 200, {"more": self.more, "requests": [{"key": "pp2-1", "method": "POST"}]}
            verdict = self._verdict(client, opened[-1])
            if method == "DELETE":
                self.outcomes[opened[-1]] = value.get("outcome", "")
                self.said.append(("DELETE", client, opened.pop()))
            return 200, verdict

    def tests_of(self, words: str) -> list[str]:
        """The tests that were current when the suite asked with `words`."""
        current: dict[str, list[str]] = {}
        found = []
        for kind, who, what in self.said:
            stack = current.setdefault(who.partition(":")[0], [])
            if kind == "PUT":
                stack[:] = [*(one for one in stack if one != what), what]
            elif kind == "DELETE":
                stack.remove(what)
            elif what == words:
                found.append(stack[-1] if stack else "")
        return found

    def _verdict(self, client: str, test: str) -> dict[str, Any]:
        attempt = self._attempts.get((client, test), 1)
        return self._verdicts.setdefault(
            (client, test, attempt),
            {"test": test, "attempt": attempt, "client": client, "requests": 0, "hits": 0, "misses": [],
             "live": 0, "live_seconds": 0.0, "usd": 0.0, "coarse": False, "of the future": [1]},
        )  # fmt: skip

    def _count(self, client: str, words: str) -> None:
        opened = self._open.get(client)
        if not opened:
            return
        verdict = self._verdict(client, opened[-1])
        verdict["requests"] += 1
        verdict["coarse"] |= "coarse" in words
        if words.startswith("hit"):
            verdict["hits"] += 1
        if words.startswith("miss"):
            row = {"key": "pp2-00", "pointer": "/messages/0/content", "line": f"{words} differs"}
            verdict["misses"] = [*verdict["misses"], row]
        if words.startswith("live"):
            verdict["live"] += 1
            verdict["live_seconds"] += 1.5
            verdict["usd"] += 0.25


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in that listens on loopback."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, value = stand_in.handle(self.command, self.path, self.headers.get("x-user", ""), body)
            if status == SILENT:
                stand_in.ended.wait(60)
                self.close_connection = True
                return
            if status == BABBLING:
                self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
                self.close_connection = True
                return
            content = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
