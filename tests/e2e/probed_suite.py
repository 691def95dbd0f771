"""A suite for `probe`: thirty tests and more, which look at different parts of answers in five dialects.

`test_probe.py` copies it into a folder of its own. What each test looks at is written down there, not here.
"""

from __future__ import annotations

import base64
import functools
import http.client
import json
import os
import ssl
from typing import Any
from urllib.parse import urlsplit

import pytest

DIALECTS = ("chat", "chat-stream", "messages", "messages-stream", "gemini")


@functools.cache
def connection() -> http.client.HTTPSConnection:
    """One connection for all tests of a process."""
    proxy, upstream = urlsplit(os.environ["HTTPS_PROXY"]), urlsplit(os.environ["TEST_URL"])
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    made = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context)
    user = base64.b64encode(f"{proxy.username or 'x'}:{proxy.password or 'x'}".encode()).decode()
    made.set_tunnel(upstream.hostname or "", upstream.port, {"Proxy-Authorization": f"Basic {user}"})
    return made


def send(
    dialect: str, prompt: str, talk: list[dict[str, Any]] | None = None
) -> tuple[int, http.client.HTTPResponse]:
    """The status and the open answer."""
    messages = talk or [{"role": "user", "content": prompt}]
    body = json.dumps({"dialect": dialect, "model": "m", "messages": messages, "stream": "stream" in dialect})
    connection().request("POST", f"/v1/{dialect}", body, {"content-type": "application/json"})
    answer = connection().getresponse()
    return answer.status, answer


def ask(dialect: str, prompt: str, talk: list[dict[str, Any]] | None = None) -> bytes:
    """The body; a 429 is repeated once."""
    status, answer = send(dialect, prompt, talk)
    if status == 429:
        answer.read()
        status, answer = send(dialect, prompt, talk)
    body = answer.read()
    assert status == 200, body[:500]
    return bytes(body)


def read(dialect: str, body: bytes) -> dict[str, Any]:
    """The text, the arguments of the call, the reason for the end and the tokens of an answer."""
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    if dialect == "chat":
        whole = json.loads(body)
        message = whole["choices"][0]["message"]
        calls = [json.loads(call["function"]["arguments"]) for call in message.get("tool_calls", [])]
        end, usage = whole["choices"][0]["finish_reason"], whole.get("usage", {})
        return {"text": message["content"], "calls": calls, "end": end, "tokens": usage.get("prompt_tokens")}
    if dialect == "chat-stream":
        choices = [event["choices"][0] for event in events if event["choices"]]
        deltas = [choice["delta"] for choice in choices]
        said = "".join(
            call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", [])
        )
        return {
            "text": "".join(delta.get("content") or "" for delta in deltas),
            "calls": [json.loads(said)] if said else [],
            "end": [choice["finish_reason"] for choice in choices if choice["finish_reason"]][-1],
            "tokens": events[-1]["usage"]["prompt_tokens"],
        }
    if dialect == "messages":
        whole = json.loads(body)
        text = "".join(block["text"] for block in whole["content"] if block["type"] == "text")
        calls = [block["input"] for block in whole["content"] if block["type"] == "tool_use"]
        return {
            "text": text,
            "calls": calls,
            "end": whole["stop_reason"],
            "tokens": whole["usage"]["input_tokens"],
        }
    if dialect == "messages-stream":
        deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
        said = "".join(delta.get("partial_json", "") for delta in deltas)
        return {
            "text": "".join(delta.get("text", "") for delta in deltas),
            "calls": [json.loads(said)] if said else [],
            "end": next(
                event["delta"]["stop_reason"] for event in events if event["type"] == "message_delta"
            ),
            "tokens": events[0]["message"]["usage"]["input_tokens"],
        }
    whole = json.loads(body)
    parts = whole["candidates"][0]["content"]["parts"]
    return {
        "text": "".join(part.get("text", "") for part in parts),
        "calls": [part["functionCall"]["args"] for part in parts if "functionCall" in part],
        "end": whole["candidates"][0]["finishReason"],
        "tokens": whole["usageMetadata"]["promptTokenCount"],
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a(dialect: str) -> None:
    assert "Paris" in read(dialect, ask(dialect, "a"))["text"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_b(dialect: str) -> None:
    assert read(dialect, ask(dialect, "b"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_c(dialect: str) -> None:
    assert read(dialect, ask(dialect, "c"))["end"].lower() in ("stop", "end_turn")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_d(dialect: str) -> None:
    found = read(dialect, ask(dialect, "d"))
    assert found["tokens"] == 9
    assert found["text"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tool_e(dialect: str) -> None:
    assert read(dialect, ask(dialect, "tool e"))["calls"][0]["city"] == "Paris"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tool_f(dialect: str) -> None:
    found = read(dialect, ask(dialect, "tool f"))
    assert all(isinstance(call["days"], int) for call in found["calls"])


def test_talk() -> None:
    """Two turns: the first answer is sent back."""
    first = json.loads(ask("chat", "tool g"))["choices"][0]["message"]
    call = json.loads(first["tool_calls"][0]["function"]["arguments"])
    talk = [{"role": "user", "content": "tool g"}, first, {"role": "tool", "content": json.dumps(call)}]
    assert "Paris" in read("chat", ask("chat", "", talk))["text"]


def test_forwards() -> None:
    """The first answer decides what is asked next."""
    text = read("chat", ask("chat", "h"))["text"]
    assert read("chat", ask("chat", f"{len(text.split('Paris'))} h"))["text"]


class TestShared:
    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> str:
        return str(read("chat", ask("chat", "shared"))["text"])

    def test_i(self, shared: str) -> None:
        assert shared

    def test_j(self, shared: str) -> None:
        assert shared.startswith("Paris")


def pieces(prompt: str) -> list[bytes]:
    """A streamed answer as it comes; a 429 is repeated once."""
    status, answer = send("chat-stream", prompt)
    if status == 429:
        answer.read()
        status, answer = send("chat-stream", prompt)
    assert status == 200
    return list(iter(lambda: answer.read1(65536), b""))


def test_parser_decodes_each_piece() -> None:
    assert "".join(piece.decode() for piece in pieces("p1")).count("data:") > 3


def test_parser_takes_a_piece_for_events() -> None:
    for piece in pieces("p2"):
        for event in piece.decode("utf-8", "replace").strip().split("\n\n"):
            assert event == "data: [DONE]" or json.loads(event.removeprefix("data: "))


def test_parser_drops_what_follows_the_last_event() -> None:
    events: list[bytes] = []
    for piece in pieces("p3"):
        *whole, _ = piece.split(b"\n\n")
        events += whole
    assert events[-1] == b"data: [DONE]"
    assert all(event.startswith(b"data: ") for event in events)


def test_impatient() -> None:
    status, answer = send("chat", "k")
    answer.read()
    assert status == 200


def test_unstable() -> None:
    path = os.environ["PROBE_COUNTER"]
    with open(path, "a+") as file:  # noqa: PTH123
        file.seek(0)
        runs = len(file.read())
        file.write("x")
    ask("chat", "l")
    assert runs != 1


def test_red() -> None:
    ask("chat", "m")
    raise AssertionError("always")
