"""A realistic suite: 200 calls by the openai and anthropic clients, a third streamed, with two workers of pytest-xdist."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.processes import children_cpu
from tests.bench.proxies import ROOT, Running, Stand

__all__ = ["measure"]

CALLS, MODULES, WORKERS = 200, 4, 2

TESTS = '''"""One of the suite's modules."""

import anthropic
import openai
import pytest

NUMBERS = range({first}, {end})


@pytest.fixture(scope="module")
def chat():
    with openai.OpenAI(api_key="sk-test-0123456789", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def claude():
    with anthropic.Anthropic(api_key="sk-ant-test-0123456789", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("number", NUMBERS)
def test_answer(chat, claude, number):
    talk = [{{"role": "user", "content": f"question {{number}} " + "and some words " * 60}}]
    streamed = number % 3 == 0
    if number % 2:
        found = chat.chat.completions.create(model="gpt-4.1", messages=talk, stream=streamed)
        if streamed:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in found)
        else:
            text = found.choices[0].message.content
    elif streamed:
        with claude.messages.stream(model="claude-sonnet-4-5", max_tokens=512, messages=talk) as stream:
            text = stream.get_final_text()
    else:
        text = claude.messages.create(model="claude-sonnet-4-5", max_tokens=512, messages=talk).content[0].text
    assert text.startswith("word0 word1 ") and text.endswith("word59 ")
'''


def measure(stand: Stand, rounds: int, *, direct: bool) -> dict[str, Any]:
    """Seconds, a value a round: the suite replayed with its and the proxy's CPU; with `direct` also straight to the
    provider.
    """
    folder = stand.folder / "suite"
    _write(folder)
    found: dict[str, Any] = {"calls": CALLS, "workers": WORKERS, "direct_wall": [], "direct_cpu": [],
                             "wall": [], "cpu": [], "proxy_cpu": [], "proxy_start_cpu": []}  # fmt: skip
    with stand.ours("suite") as peer:  # it records
        _run(stand, folder, peer)
    for _ in range(rounds):
        if direct:
            wall, cpu = _run(stand, folder, None)
            found["direct_wall"].append(wall)
            found["direct_cpu"].append(cpu)
        with stand.ours("suite", PROVIDER_PROXY_CACHE_MODE="read-only-require-hit") as peer:
            time.sleep(0.3)
            started = peer.process.cpu()
            before = stand.provider.count
            wall, cpu = _run(stand, folder, peer)
            if stand.provider.count != before:
                raise ConnectionError("the suite was not replayed")
            found["wall"].append(wall)
            found["cpu"].append(cpu)
            found["proxy_cpu"].append(peer.process.cpu() - started)
            found["proxy_start_cpu"].append(started)
    return found


def _write(folder: Path) -> None:
    folder.mkdir()
    size = CALLS // MODULES
    for module in range(MODULES):
        text = TESTS.format(first=module * size, end=(module + 1) * size)
        (folder / f"test_suite_{module}.py").write_text(text)


def _run(stand: Stand, folder: Path, peer: Running | None) -> tuple[float, float]:
    """The suite's wall and processor seconds."""
    trust = stand.our_ca if peer else stand.provider.ca
    environ = stand.environ | {
        "OPENAI_BASE_URL": f"https://{stand.authority}/v1",
        "ANTHROPIC_BASE_URL": f"https://{stand.authority}",
        "SSL_CERT_FILE": str(trust),
    }
    if peer:
        environ["HTTPS_PROXY"] = f"http://127.0.0.1:{peer.doors['CONNECT'].port}"
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), "-p", "no:cacheprovider",
               "--rootdir", str(folder), "-c", "/dev/null", str(folder)]  # fmt: skip
    began, cpu = time.perf_counter(), children_cpu()
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConnectionError(f"the suite failed: {done.stdout[-500:]}")
    return time.perf_counter() - began, children_cpu() - cpu
