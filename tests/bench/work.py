"""The work that every peer does: the same requests and the same answers. Light: stock mitmdump imports it too."""

from __future__ import annotations

import json

__all__ = ["HOST", "PATH", "SIZES", "answer", "body", "post", "streamed"]

HOST = "localhost"
PATH = "/v1/chat/completions"
SIZES = {"2 KB": 2 * 1024, "50 KB": 50 * 1024, "1 MB": 1024 * 1024}
WORDS = "hello " * 180  # makes a request of about 1.2 KB


def body(size: int, words: str = WORDS) -> bytes:
    """A chat request that is answered with `size` bytes; the size stands at its start, where it is cheap to read."""
    talk = [{"role": "user", "content": words}]
    return json.dumps({"user": f"{size:09d}", "model": "gpt-4.1", "messages": talk}).encode()


def streamed(events: int, pause: float, number: int) -> bytes:
    """A chat request that is answered with a stream of `events` events, `pause` seconds apart."""
    talk = [{"role": "user", "content": f"stream {number}"}]
    asked = {"user": f"{events} events, {pause} s", "model": "gpt-4.1", "stream": True, "messages": talk}
    return json.dumps(asked).encode()


def post(content: bytes, path: str = PATH, host: str = HOST) -> bytes:
    """`content` with a head as an SDK sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n"
        "content-type: application/json\r\nauthorization: Bearer sk-test-0123456789\r\nuser-agent: OpenAI/Python\r\n"
        f"x-stainless-lang: python\r\nx-stainless-async: false\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def answer(size: int) -> bytes:
    """A chat completion of exactly `size` bytes."""
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 181, "completion_tokens": size // 4, "total_tokens": 181 + size // 4}
    found = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1"}
    found |= {"choices": [choice], "usage": usage}
    choice["message"] = {"role": "assistant", "content": "y" * (size - len(json.dumps(found)))}
    return json.dumps(found).encode()
