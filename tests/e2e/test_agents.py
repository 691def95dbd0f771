"""A coding agent's session with two tool calls, recorded once, is replayed elsewhere, for another user and on another day."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import MAPPED_COMMAND
from tests.e2e.upstream import Exchange, Upstream, message_answer

# It says what Claude Code says of itself and of its surroundings, and runs the commands that the model asks for.
AGENT = r"""
import datetime, json, os, re, subprocess, ssl, sys, urllib.request, uuid
cwd, home = os.getcwd(), os.environ["HOME"]
today = datetime.date.today() + datetime.timedelta(days=int(os.environ.get("LATER", "0")))
dashed = re.sub("[^0-9A-Za-z]", "-", cwd)
system = [
    {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1; cc_prompt_id={uuid.uuid4()}; cch=1;"},
    {"type": "text", "text": f"Working directory: {cwd}\nFiles: {sorted(os.listdir(cwd))}\nMemory: {home}/.claude/projects/{dashed}/memory/"},
]
talk = [{"role": "user", "content": [
    {"type": "text", "text": f"<system-reminder>Today's date is {today}.</system-reminder>"},
    {"type": "text", "text": "look at the notes"}]}]
while True:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 9, "system": system, "messages": talk,
            "metadata": {"user_id": str(uuid.uuid4())}}
    request = urllib.request.Request("https://api.anthropic.com/v1/messages", json.dumps(body).encode(),
                                     {"content-type": "application/json", "anthropic-version": "2023-06-01"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        said = json.load(answer)
    talk.append({"role": "assistant", "content": said["content"]})
    (block,) = said["content"]
    if block["type"] == "text":
        print(block["text"])
        break
    done = subprocess.run(block["input"]["command"], shell=True, capture_output=True, text=True)
    talk.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": block["id"], "content": done.stdout + done.stderr}]})
"""


def model(exchange: Exchange) -> None:
    """Reads the notes, then asks where it is, and says what it has found."""
    asked = json.loads(exchange.body)
    cwd = asked["system"][1]["text"].partition("\n")[0].removeprefix("Working directory: ")
    commands = [f"cat {cwd}/notes.txt", "pwd"]
    results = sum(turn["role"] == "assistant" for turn in asked["messages"])
    if results < len(commands):
        call = {
            "type": "tool_use",
            "id": f"toolu_{results}",
            "name": "Bash",
            "input": {"command": commands[results]},
        }
        exchange.json(message_answer("") | {"content": [call], "stop_reason": "tool_use"})
    else:
        found = asked["messages"][2]["content"][0]["content"]
        exchange.json(message_answer(f"{cwd}/notes.txt says {found}"))


@pytest.fixture
def provider(start_upstream: Callable[..., Upstream]) -> Upstream:
    """A model with two tool calls."""
    return start_upstream(model)


def test_a_session_replays_in_other_surroundings(
    provider: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """The same place, another directory, a fresh HOME, another date: all hits, and the answers name the live folder."""
    places = [tmp_path / "first-checkout", tmp_path / "elsewhere"]
    homes = [tmp_path / "home-of-alice", tmp_path / "bob"]
    for folder in (*places, *homes):
        folder.mkdir()
    for place in places:
        (place / "notes.txt").write_text("buy milk")
    environ |= {
        "TEST_UPSTREAM_PORT": str(provider.port),
        "PROVIDER_PROXY_PROFILE": "agents",
        "PROVIDER_PROXY_CACHE_DIR": str(places[0] / ".provider-proxy" / "cache"),
    }

    def session(place: Path, home: Path, mode: str, later: int = 0) -> str:
        done = subprocess.run(
            [*MAPPED_COMMAND, "run", "--mode", mode, "--", sys.executable, "-c", AGENT],
            env=environ | {"HOME": str(home), "LATER": str(later)}, cwd=place,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        total = json.loads((place / ".provider-proxy" / "last-run.json").read_text())["total"]
        assert total["requests"] == 3
        assert total["hits"] == (0 if mode == "read-write" else 3)
        return done.stdout.strip()

    (first, elsewhere), (alice, bob) = places, homes
    said = {place: f"{place}/notes.txt says buy milk" for place in places}
    assert session(first, alice, "read-write") == said[first]
    assert session(first, alice, "read-only-require-hit") == said[first]
    assert session(elsewhere, alice, "read-only-require-hit") == said[elsewhere]
    assert session(first, bob, "read-only-require-hit") == said[first]
    assert session(first, alice, "read-only-require-hit", later=40) == said[first]
    assert provider.count == 3
