"""Measures what a request's identity costs against `json.loads` of the same body, and what looking for secrets costs.

Run it as `python -m tests.bench.identity`. The garbage collector is set as the proxy sets it. All is CPU time, the best of several rounds that take turns; min
and median are those of the rounds' ratios of `identify` to `loads`. Headers are those of tests/requests; every body
is made anew for each call, as a client would.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from addon.host.host import settle_memory
from addon.identity import IdentityRules, identify, keying
from addon.identity.memo import Memo
from addon.messages import WireRequest
from addon.redaction import Taint

SAMPLE = Path(__file__).parents[1] / "requests" / "openai__chat_tools__1.http"
SIZES = {"2 KB": 2_000, "16 KB": 16_000, "50 KB": 50_000, "1 MB": 1_000_000}
ROUNDS = 15
ROUND_SECONDS = 0.02
DIFFERENT_BODIES = 4
RULES = IdentityRules()
# Lines with quotes, code and hyphens, as prompts have.
LINES = (Path(__file__).parents[1] / "requests" / "README.md").read_text("utf-8").splitlines(keepends=True)


def chat(pick: random.Random, size: int) -> dict[str, Any]:
    """A conversation in messages of 40 to 1,200 letters."""
    messages: list[dict[str, str]] = []
    left = size - 100
    while left > 0:
        text = "".join(pick.choices(LINES, k=12))[: min(pick.randint(40, 1_200), left)]
        messages.append({"role": "user" if len(messages) % 2 else "assistant", "content": text})
        left -= len(text) + 40
    return {
        "model": "gpt-4o-mini",
        "messages": messages,
        "temperature": 0.7,
        "max_tokens": 512,
        "stream": True,
    }


def tools(pick: random.Random, size: int) -> dict[str, Any]:
    """A short question and many tools with schemas."""
    body = chat(pick, 200)
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "City and country, e.g. Paris, France"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    about = "Looks up the weather at a place for the days that follow."
    return body | {
        "tools": [
            {
                "type": "function",
                "function": {"name": f"weather_{n}", "description": about, "parameters": schema},
            }
            for n in range(max(1, (size - 300) // 460))
        ]
    }


def numbers(pick: random.Random, size: int) -> dict[str, Any]:
    """Little else than numbers, as in embeddings."""
    return {
        "model": "m",
        "input": [[round(pick.uniform(-1, 1), 8) for _ in range(8)] for _ in range(size // 100)],
    }


def image(pick: random.Random, size: int) -> dict[str, Any]:
    """A short question with three tools, and an image in base64 that makes up the rest."""
    body = tools(pick, 1_700)
    data = base64.b64encode(pick.randbytes(max(0, size - 1_700) * 3 // 4)).decode()
    parts = [
        {"type": "text", "text": "What is the weather like here?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    return body | {"messages": [{"role": "user", "content": parts}]}


def marked(pick: random.Random, size: int) -> dict[str, Any]:
    """A conversation with two `cache_control` markers."""
    body = chat(pick, size)
    marker = {"cache_control": {"type": "ephemeral"}}
    last = body["messages"][-1]
    last["content"] = [{"type": "text", "text": last["content"]} | marker]
    return body | {"system": [{"type": "text", "text": "You are a helpful assistant."} | marker]}


def secret(pick: random.Random, size: int) -> dict[str, Any]:
    """A conversation that begins with a key."""
    body = chat(pick, size)
    said = f"My key is sk-{'aB3dE6gH' * 6}, keep it. "
    first = body["messages"][0]
    first["content"] = said + first["content"][len(said) :]
    return body


def request(body: dict[str, Any]) -> WireRequest:
    """It, sent with the headers of a real client."""
    head, _, _ = SAMPLE.read_bytes().partition(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    headers = tuple((name, value.strip()) for name, _, value in lines)
    data = json.dumps(body, separators=(",", ":")).encode()
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, data)


def seconds(calls: list[Callable[[], object]]) -> list[list[float]]:
    """CPU seconds of one call of each, for each round; in a round they take turns."""
    counts = [max(1, int(ROUND_SECONDS / max(_per_call(call, 1), 1e-7))) for call in calls]
    return [list(map(_per_call, calls, counts)) for _ in range(ROUNDS)]


def _per_call(call: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - began) / count


def measure(make: Callable[[random.Random, int], dict[str, Any]], size: int) -> str:
    """One line of the table, by a new process: the heap of one that measured stores before is scattered."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, make, size).result()


def _measured(make: Callable[[random.Random, int], dict[str, Any]], size: int) -> str:
    settle_memory()
    pick = random.Random(size)
    requests = [request(make(pick, size)) for _ in range(DIFFERENT_BODIES)]
    turns, again = cycle(requests), cycle(requests)
    remembered, forgetful = Memo[Any](), Memo[Any](max_entries=0)
    taint = Taint()
    saved = [identify(found, RULES).request_json for found in requests]

    def identified(memo: Memo[Any]) -> Callable[[], object]:
        def call() -> object:
            keying._MEMO = memo
            return identify(next(turns), RULES)

        return call

    def learned() -> None:
        fresh = Taint()
        fresh.learn(requests[0])

    calls: list[Callable[[], object]] = [
        lambda: json.loads(next(again).body),
        identified(forgetful),
        identified(remembered),
        learned,
        lambda: taint.learn(requests[0]),
        lambda: taint.found_in(saved[0]),
    ]
    taint.learn(requests[0])
    rounds = seconds(calls)
    loads, first, repeat, *secrets = (1e6 * min(times) for times in zip(*rounds, strict=True))
    ratios = [times[1] / times[0] for times in rounds]
    cells = [
        f"{len(requests[0].body):>9}",
        f"{loads:>8.1f}",
        f"{first:>9.1f}",
        f"{min(ratios):>6.1f}",
        f"{median(ratios):>6.1f}",
        f"{repeat:>8.1f}",
    ]
    return " |".join(cells + [f"{second:>9.1f}" for second in secrets])


BODIES = (chat, tools, numbers, image, marked, secret)


def main() -> None:
    """Print the table; times are in µs."""
    print(
        "body            |    bytes |   loads | identify |    min | median |  repeat | learn new | again | found_in"
    )
    for make in BODIES:
        for name, size in SIZES.items():
            print(f"{make.__name__:<8}{name:>6}", measure(make, size), sep="  |")


if __name__ == "__main__":
    main()
