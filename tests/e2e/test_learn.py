"""`learn`: a suite that asks something new in every run replays without a change, by rules that are proved."""

from __future__ import annotations

import json
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.command import MAPPED_COMMAND, provider_proxy
from tests.e2e.suites import environment, last_run
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, message_answer, message_events

ROOT = Path(__file__).resolve().parents[2]
REQUIRE_HIT = ("run", "--mode", "read-only-require-hit")


def provider(exchange: Exchange) -> None:
    """Repeats the last prompt, a stream in pieces of five characters."""
    asked = json.loads(exchange.body)
    if "contents" in asked:
        _gemini(exchange, f"About {asked['contents'][-1]['parts'][0]['text']}!")
        return
    text = f"About {asked['messages'][-1]['content']}!"
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    is_anthropic = exchange.path.endswith("/messages")
    if asked.get("stream"):
        exchange.stream(message_events(pieces) if is_anthropic else chat_events(pieces))
    else:
        exchange.json(message_answer(text) if is_anthropic else chat_answer(text))


def _gemini(exchange: Exchange, text: str) -> None:
    def chunk(part: str, **more: str) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": part}]}} | more]}

    if "stream" not in exchange.path:
        exchange.json(chunk(text, finishReason="STOP"))
        return
    chunks = [chunk(text[at : at + 5]) for at in range(0, len(text), 5)] + [chunk("", finishReason="STOP")]
    exchange.stream([f"data: {json.dumps(each)}\r\n\r\n".encode() for each in chunks])


@pytest.fixture
def echoing(start_upstream: Callable[..., Upstream]) -> Upstream:
    """A provider that says what it was asked."""
    return start_upstream(provider)


# -- real clients -----------------------------------------------------------------

# The command of `learn` and `run`: it has a process that holds the SDKs run the suite, as importing them takes long.
_KNOCK = """
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
door.sendall(json.dumps(dict(os.environ)).encode())
door.shutdown(socket.SHUT_WR)
sys.exit(door.recv(1)[0])
"""


def _suite(environ: dict[str, str]) -> None:
    """Asks each SDK, streamed and not, with new values, and asserts that each answer repeats its id."""
    proxy, verify = environ["HTTPS_PROXY"], ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])

    def prompt() -> tuple[str, str]:
        identifier, folder = str(uuid.uuid4()), Path(tempfile.mktemp()).name
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        text = (
            f"It is now {now}. Put {identifier} into /tmp/{folder}/a.txt, session s-{secrets.token_hex(6)}f1"
        )
        return identifier, text

    for name, ask in _asking(proxy, verify):
        identifier, text = prompt()
        assert identifier in ask(text), name


def _asking(proxy: str, verify: ssl.SSLContext) -> Iterator[tuple[str, Callable[[str], str]]]:
    def said(text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    with openai.DefaultHttpxClient(proxy=proxy, verify=verify, trust_env=False) as http:
        chat = openai.OpenAI(api_key="test", http_client=http, max_retries=0).chat.completions
        yield (
            "openai",
            lambda text: chat.create(model="gpt-4.1", messages=said(text)).choices[0].message.content or "",
        )
        yield (
            "openai streamed",
            lambda text: "".join(
                chunk.choices[0].delta.content or ""
                for chunk in chat.create(model="gpt-4.1", messages=said(text), stream=True)
            ),
        )
    with anthropic.DefaultHttpxClient(proxy=proxy, verify=verify, trust_env=False) as http2:
        claude = anthropic.Anthropic(api_key="test", http_client=http2, max_retries=0).messages

        def streamed(text: str) -> str:
            with claude.stream(model="claude-sonnet-4-5", max_tokens=9, messages=said(text)) as events:
                return events.get_final_text()

        yield (
            "anthropic",
            lambda text: str(
                claude.create(model="claude-sonnet-4-5", max_tokens=9, messages=said(text)).content
            ),
        )
        yield "anthropic streamed", streamed
    from google import genai

    options = {"client_args": {"proxy": proxy, "verify": verify, "trust_env": False}}
    with genai.Client(api_key="test", http_options=options) as gemini:  # type: ignore[arg-type]
        models, model = gemini.models, "gemini-2.5-flash"
        yield "gemini", lambda text: models.generate_content(model=model, contents=text).text or ""
        yield (
            "gemini streamed",
            lambda text: "".join(
                chunk.text or "" for chunk in models.generate_content_stream(model=model, contents=text)
            ),
        )


@contextmanager
def _answering_the_door(folder: Path) -> Iterator[Path]:
    """Runs the suite for every knock, with the knocker's environment."""
    path = folder / "door"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def serve() -> None:
            while True:
                try:
                    knocking, _ = door.accept()
                except OSError:
                    return
                with knocking, knocking.makefile("rb") as told:
                    status = 0
                    try:
                        _suite(json.loads(told.read()))
                    except Exception:  # noqa: BLE001 - the suite's own failure
                        traceback.print_exc()
                        status = 1
                    knocking.sendall(bytes([status]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_suite_replays_after_it_was_learned(
    echoing: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """Random ids, clocks, temporary paths, an assertion on an echo; three SDKs, streamed and not: every request hits."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    env = environ | {"TEST_UPSTREAM_PORT": str(echoing.port), "PROVIDER_PROXY_CACHE_MODE": "read-write"}

    def told(*arguments: str, door: Path) -> subprocess.CompletedProcess[str]:
        command = [*MAPPED_COMMAND, *arguments, "--", sys.executable, "-S", "-c", _KNOCK, str(door)]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    with _answering_the_door(tmp_path) as door:
        learned = told("learn", "--write", door=door)
        assert learned.returncode == 0, learned.stderr
        assert echoing.count == 6  # nothing but take 1 reached the provider
        assert "6 requests were answered from take 1, 0 went to the provider" in learned.stderr
        rules = (tmp_path / "provider-proxy.toml").read_text()
        assert rules in learned.stdout
        assert set(re.findall(r'^kind = "(.*)"', rules, re.MULTILINE)) == {"uuid", "iso-datetime"}
        replayed = told(*REQUIRE_HIT, door=door)
    assert replayed.returncode == 0, replayed.stderr
    total = last_run(tmp_path)["total"]
    assert isinstance(total, dict)
    assert (total["hits"], total["misses"]) == (6, 0)
    assert echoing.count == 6


# -- the story of docs/volatile.md --------------------------------------------------

_STORY_SUITE = """
import os, uuid
from tests.e2e.suite_client import ask

if __name__ == "__main__":
    order = str(uuid.uuid4())
    answer = ask(f"Summarise order {order} in {os.getcwd()}")
    assert order in answer["choices"][0]["message"]["content"]
"""


def _story() -> list[str]:
    page = (ROOT / "docs" / "volatile.md").read_text(encoding="utf-8")
    block = next(code for code in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if " learn " in code)
    return [line for line in block.splitlines() if line]


def test_the_story_in_the_docs_is_true(echoing: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """Each line of it is run, and what its comment says comes true."""
    (tmp_path / "test_report.py").write_text(_STORY_SUITE)
    env = environment(environ, echoing)
    del env["PROVIDER_PROXY_CACHE_MODE"]
    lines = _story()
    assert len(lines) <= 8
    for line in lines:
        command, _, says = line.partition("#")
        words = command.split()
        if not words:
            continue
        assert words[0] == "provider-proxy"
        if "pytest" in words:
            words[words.index("pytest") :] = [sys.executable, "test_report.py"]  # starts faster than pytest
        done = provider_proxy(*words[1:], environ=env, folder=tmp_path)
        said = re.search(r"status (\d)", says)
        assert done.returncode == (int(said[1]) if said else 0), (line, done.stdout, done.stderr)
        for quoted in re.findall(r'"([^"]+)"', says):
            assert quoted in done.stdout + done.stderr, line
    assert echoing.count == 1


# -- what is not proved ---------------------------------------------------------------

_LOOSE_SUITE = """
import json, os, random, sys, uuid
from tests.e2e.suite_client import ask

count = len(open("runs").read()) if os.path.exists("runs") else 0
open("runs", "a").write("x")
ask(f"Compare {uuid.uuid4()} to the animal " + ["cat", "dog", "hen"][count % 3])
if count % 3 == 1:
    ask("only now")
"""


def test_a_real_difference_is_named_and_nothing_is_written(
    echoing: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """A word gets no rule; a request that take 1 lacks goes live, as far as it may, and reaches no cache; status 3."""
    (tmp_path / "suite.py").write_text(_LOOSE_SUITE)
    env = environment(environ, echoing)
    command = ("--", sys.executable, "suite.py")
    done = provider_proxy("learn", "--write", "--max-live", "1", *command, environ=env, folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert '"cat" in take 1, "dog" in take 2' in done.stderr
    assert "only in take 2" in done.stderr
    assert "not proved: " in done.stderr
    assert "1 request was answered from take 1, 1 went to the provider" in done.stderr
    assert 'kind = "uuid"' in done.stdout
    assert not (tmp_path / "provider-proxy.toml").exists()
    listed = provider_proxy("ls", environ=env, folder=tmp_path).stdout
    assert len(listed.splitlines()) == 1
    assert echoing.count == 2
