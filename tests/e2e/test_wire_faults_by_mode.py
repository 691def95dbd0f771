"""Every fault of a provider or a client in every mode: what the client gets, first and again, and what is kept."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from addon.settings.modes import Mode
from cache_store.disk.disk_store import DiskStore
from tests.e2e.clients import CHAT_URL, cached, session
from tests.e2e.conftest import Proxy
from tests.e2e.test_faults import peak
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STREAM = b"".join(chat_events(["a", "b"]))
OBJECT = json.dumps(chat_answer("x")).encode()
PIECE, PIECES = b": " + b"x" * (2**20 - 4) + b"\n\n", 63
MANY = 10_000


def reset(exchange: Exchange) -> None:
    """A part of a stream, then a TCP reset."""
    exchange.start_chunked()
    exchange.chunk(STREAM[:100])
    time.sleep(0.2)
    exchange.reset()


def stall(exchange: Exchange) -> None:
    """Nothing at all, for longer than its client waits."""
    time.sleep(8)
    exchange.reset()


def silence(exchange: Exchange) -> None:
    """A pause in the middle of a whole stream."""
    exchange.stream([STREAM[:100], STREAM[100:]], pause=1.5)


def trailers(exchange: Exchange) -> None:
    """A whole chunked answer with a trailer."""
    exchange.connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
        + b"%x\r\n%s\r\n0\r\nx-sum: 1\r\n\r\n" % (len(OBJECT), OBJECT)
    )


def early_hints(exchange: Exchange) -> None:
    """An informational answer before the whole one."""
    exchange.connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    exchange.json(chat_answer("x"))


def many_headers(exchange: Exchange) -> None:
    """Ten thousand headers asked for ten thousand."""
    assert len(exchange.headers) > MANY
    exchange.json(chat_answer("x"), **{f"x-{n}": "y" for n in range(MANY)})


def long(exchange: Exchange) -> None:
    """63 MiB of no known length."""
    exchange.stream([PIECE] * PIECES + [STREAM])


FAULTS = {
    fault.__name__: fault for fault in (reset, stall, silence, trailers, early_hints, many_headers, long)
}
# What a client gets in a mode that forwards, first and when it asks again.
OUTCOMES = {
    "reset": ["cut", "live"], "stall": ["timed out", "live"], "silence": ["live", "live"],
    "trailers": ["live", "live"], "early_hints": ["live", "live"],
    "many_headers": ["live", "live"], "long": ["live", "live"],
}  # fmt: skip
WHOLE_AT_ONCE = {"silence", "trailers", "early_hints", "many_headers", "long"}
NOT_STORED = {"cut-off": 1, "timed-out": 1}


@dataclass
class Provider:
    """Does to a question's first request what the question names. Later ones it answers with an event stream, but
    those that were answered whole with the same again.
    """

    asked: set[str] = field(default_factory=set)

    def __call__(self, exchange: Exchange) -> None:
        question = re.findall(rb'"content": ?"([^"]*)"', exchange.body)[0].decode()
        again = question in self.asked
        self.asked.add(question)
        if question.startswith("stream"):
            time.sleep(1)
            exchange.json(chat_answer(question))
        elif again and question not in WHOLE_AT_ONCE:
            exchange.stream([STREAM])
        else:
            FAULTS[question](exchange)


def chat(question: str) -> dict[str, object]:
    """A request's body."""
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]}


def outcome(proxy: Proxy, question: str, seconds: int) -> str:
    """What a client gets that waits so long; an answer that it gets is right."""
    headers = {f"x-{n}": "y" for n in range(MANY)} if question == "many_headers" else {}
    try:
        with session(proxy) as client:
            answer = client.post(CHAT_URL, json=chat(question), headers=headers, timeout=seconds)
    except requests.RequestException as error:
        return "timed out" if "timed out" in str(error).lower() else "cut"
    if answer.status_code == 502:
        return str(answer.json()["error"]["type"]).removeprefix("provider_proxy_cache_")
    assert answer.status_code == 200
    if question == "long":
        assert answer.content == PIECE * PIECES + STREAM
    else:
        assert answer.content in (STREAM, OBJECT)
    assert question != "many_headers" or len(answer.headers) > MANY
    return "hit" if cached(answer) == "true" else "live"


def asked(proxy: Proxy, question: str, expected: list[str]) -> list[str]:
    """The outcomes of a question that is asked so often; the client gives up early where it is to."""
    return [outcome(proxy, question, 4 if each == "timed out" else 40) for each in expected]


def http2_statuses(proxy: Proxy) -> Counter[str]:
    """How often each status and version came, of fifty requests at once on one HTTP/2 connection."""
    blocks = (
        f'silent\nshow-error\nhttp2\nproxy = "{proxy.url}"\ncacert = "{proxy.bundle}"\nurl = "{CHAT_URL}"\n'
        f'header = "content-type: application/json"\njson = "{{\\"content\\": \\"stream {n}\\"}}"\n'
        'write-out = "%{http_code} %{http_version}\\n"\noutput = /dev/null\n'
        for n in range(50)
    )
    command = ["curl", "--parallel", "--parallel-max", "50", "-K", "-"]
    done = subprocess.run(
        command, input="next\n".join(blocks), text=True, capture_output=True, check=True, timeout=120
    )
    return Counter(done.stdout.split("\n")[:-1])


@pytest.mark.parametrize("mode", Mode)
def test_faults_on_the_wire(
    mode: Mode, start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Where a mode forwards, clients get what the provider sent, and what is whole is kept where the mode stores;
    where it does not, no byte is sent."""
    monkeypatch.setattr(http.client, "_MAXHEADERS", 2 * MANY)
    upstream = start_upstream(Provider())
    proxy = start_proxy(upstream, str(mode))
    before = peak(proxy)
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        pairs = pool.map(lambda question: asked(proxy, question, expected(mode, question)), FAULTS)
        found = dict(zip(FAULTS, pairs, strict=True))
    assert found == {question: expected(mode, question) for question in FAULTS}
    assert peak(proxy) - before < 8 * 64 * 1024
    if shutil.which("curl") is not None:
        started = time.monotonic()
        assert http2_statuses(proxy) == {"200 2" if mode.forwards else "502 2": 50}
        assert time.monotonic() - started < 8  # five at a time would take ten
    counts = requests.get(f"{proxy.url}/-/stats", timeout=120).json()
    assert counts["total"]["not_stored"] == (NOT_STORED if mode.stores else {})
    assert counts["cache_faults"] == {}
    assert bool(upstream.count) == bool(counts["connections"]) == mode.forwards
    log = proxy.stop()
    assert "Traceback" not in log
    assert stored(tmp_path) == (set(FAULTS) if mode.stores else set())


def expected(mode: Mode, question: str) -> list[str]:
    """What comes of a question, and of the same again."""
    if not mode.forwards:
        return ["miss", "miss"]
    is_kept = mode is Mode.READ_WRITE and question in WHOLE_AT_ONCE
    if is_kept:
        return ["live", "hit"]
    return OUTCOMES[question][: 1 if question == "long" else 2]  # twice would only take twice as long


def stored(folder: Path) -> set[str]:
    """The questions whose answers were stored, each of them whole."""
    store = DiskStore(folder / ".provider-proxy" / "cache")
    found = {}
    for entry in store.iterate():
        (question,) = re.findall(rb'"content": ?"([^"]*)"', entry.request_json)
        found[question.decode()] = entry.body
    store.close()
    questions = {question for question in found if not question.startswith("stream")}
    assert all(found[question] in (STREAM, OBJECT, PIECE * PIECES + STREAM) for question in questions)
    return questions
