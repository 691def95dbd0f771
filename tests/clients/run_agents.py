"""Runs coding agents through `run` and writes to agents.json in which surroundings each replays, for docs/agents.md.

    .venv/bin/python tests/clients/run_agents.py FOLDER [NAME…]

FOLDER has agents of npm in `node_modules` (`npm install --prefix FOLDER PACKAGE…`); one that is not there is named and
left out. A session has two tool calls. The provider is one on loopback, so no key is needed and nothing is sent out.
Needs Linux and libfaketime.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.e2e import upstream as upstreams  # noqa: E402
from tests.e2e.command import MAPPED_COMMAND  # noqa: E402
from tests.e2e.upstream import Exchange, message_answer, message_events  # noqa: E402

RESULTS = Path(__file__).with_name("agents.json")
WAYS = ("same", "folder", "home", "day")
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
_SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command")
_QUESTION = "look at the notes"


@dataclass(frozen=True)
class Agent:
    """How an agent of npm is started: its package, its command, and the variable of its key."""

    name: str
    package: str
    command: tuple[str, ...]
    key: str


AGENTS = (
    Agent("Claude Code", "@anthropic-ai/claude-code",
          ("claude", "-p", _QUESTION, "--allowedTools", "Bash", "--model", "claude-sonnet-4-5"), "ANTHROPIC_API_KEY"),
    Agent("Codex", "@openai/codex",
          ("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5",
           _QUESTION), "OPENAI_API_KEY"),
    Agent("Gemini CLI", "@google/gemini-cli",
          ("gemini", "-y", "-m", "gemini-2.5-flash", "-p", _QUESTION), "GEMINI_API_KEY"),
    Agent("opencode", "opencode-ai", ("opencode", "run", "-m", "openai/gpt-4.1", _QUESTION), "OPENAI_API_KEY"),
    Agent("pi", "@mariozechner/pi-coding-agent",
          ("pi", "--provider", "anthropic", "--model", "claude-sonnet-4-5", "-p", _QUESTION), "ANTHROPIC_API_KEY"),
)  # fmt: skip


def provider(exchange: Exchange) -> None:
    """A model that asks for two commands, in the dialect of the request."""
    path = exchange.path.partition("?")[0]
    asked = json.loads(exchange.body) if exchange.body[:1] == b"{" else {}
    if exchange.headers.get("upgrade"):
        exchange.json({"error": "no"}, 426)
    elif path.endswith("/messages"):
        exchange.stream(_anthropic(asked)) if asked.get("stream") else exchange.json(
            message_answer("a title")
        )
    elif path.endswith("/responses"):
        exchange.stream(list(_responses(asked)))
    elif "enerateContent" in path:
        exchange.stream([b"data: %s\r\n\r\n" % json.dumps(_gemini(asked)).encode()])
    else:
        exchange.json({"error": {"message": "not here"}}, 404)


def _step(tools: list[Any], results: int, asked: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The next tool call: its name and its arguments; None for the last answer."""
    shell = next((name for name in _SHELLS if name in tools), None)
    if shell is None or results > 1:
        return None
    named = re.findall(r"/[^\s\"<>\\]*/(?:first-checkout|elsewhere)(?![\w-])", json.dumps(asked))
    where = next((path for path in named if "/." not in path), ".")
    command = f"cat {where}/notes.txt" if results == 0 else "ls"
    if shell == "exec_command":
        return shell, {"cmd": command}
    return shell, {"command": ["bash", "-c", command] if shell == "shell" else command, "description": "look"}


def _anthropic(asked: dict[str, Any]) -> list[bytes]:
    results = json.dumps(asked["messages"]).count('"tool_result"')
    step = _step([tool.get("name") for tool in asked.get("tools", ())], results, asked)
    if step is None:
        return message_events(["done"])
    block = {"type": "tool_use", "id": f"toolu_01ABCDEFGHIJKLMNOPQRST{results}", "name": step[0], "input": {}}
    delta = {"type": "input_json_delta", "partial_json": json.dumps(step[1])}
    start, _, *_, end, stop = message_events(["x"])
    change = end.replace(b'"end_turn"', b'"tool_use"')
    middle: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
    ]
    events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in middle]
    return [start, *events, change, stop]


def _responses(asked: dict[str, Any]) -> Iterator[bytes]:
    outputs = [item for item in asked["input"] if item.get("type") == "function_call_output"]
    tools = [tool.get("name") for tool in asked.get("tools", ())]
    step = _step(tools, len(outputs), asked)
    content = [{"type": "output_text", "text": "done", "annotations": []}]
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": content}
    if step is not None:
        call_id = f"call_abcdefghij{len(outputs)}"
        item = {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": step[0]}
        item["arguments"] = json.dumps(step[1])
    item["status"] = "completed"
    answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": asked["model"], "output": []}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
             "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
    whole = answer | {"status": "completed", "output": [item], "error": None, "usage": usage}
    for number, event in enumerate((
        {"type": "response.created", "response": answer | {"status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    )):  # fmt: skip
        yield f"event: {event['type']}\ndata: {json.dumps(event | {'sequence_number': number})}\n\n".encode()


def _gemini(asked: dict[str, Any]) -> dict[str, Any]:
    tools = [each["name"] for tool in asked.get("tools", ()) for each in tool.get("functionDeclarations", ())]
    step = _step(tools, json.dumps(asked["contents"]).count('"functionResponse"'), asked)
    part = {"text": "done"} if step is None else {"functionCall": {"name": step[0], "args": step[1]}}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}


def run(agent: Agent, packages: Path, folder: Path) -> dict[str, str]:
    """In which surroundings a recorded session of an agent replays: `hits/requests` by way, and its version."""
    places, homes = [folder / "first-checkout", folder / "elsewhere"], [folder / "alice", folder / "robert"]
    for each in (*places, *homes):
        each.mkdir(parents=True)
    for place in places:
        (place / "notes.txt").write_text("buy milk\n")
    certificate, roots = upstreams.make_ca(folder)
    key = "sk-test-0123456789abcdefghij"
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environ = kept | {
        "SSL_CERT_FILE": str(roots), "XDG_DATA_HOME": str(folder / "data"), "TERM": "dumb", agent.key: key,
        "GEMINI_CLI_TRUST_WORKSPACE": "true", "PROVIDER_PROXY_PROFILE": "agents",
        "PROVIDER_PROXY_WEBSOCKET": "refuse",  # this provider has none
        "PROVIDER_PROXY_CACHE_DIR": str(places[0] / ".provider-proxy" / "cache"),
    }  # fmt: skip
    command = [str(packages / ".bin" / agent.command[0]), *agent.command[1:]]

    with upstreams.running(certificate, provider) as upstream:

        def session(place: Path, home: Path, mode: str, *before: str) -> str:
            login = home / ".codex" / "auth.json"
            login.parent.mkdir(exist_ok=True)
            login.write_text(json.dumps({"OPENAI_API_KEY": key, "auth_mode": "apikey"}))
            subprocess.run(
                [*MAPPED_COMMAND, "run", "--mode", mode, "--", *before, *command],
                env=environ | {"HOME": str(home), "PWD": str(place), "TEST_UPSTREAM_PORT": str(upstream.port)}, cwd=place,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False,
            )  # fmt: skip
            total = json.loads((place / ".provider-proxy" / "last-run.json").read_text())["total"]
            return f"{total['hits']}/{total['hits'] + total['misses']}"

        (first, elsewhere), (alice, robert), replay = places, homes, "read-only-require-hit"
        session(first, alice, "read-write")
        later = ("env", f"LD_PRELOAD={_FAKETIME}", "FAKETIME=+40d", "FAKETIME_DONT_RESET=1")
        outcomes = {
            "same": session(first, alice, replay),
            "folder": session(elsewhere, alice, replay),
            "home": session(first, robert, replay),
            "day": session(first, alice, replay, *later),
        }
    version = json.loads((packages / agent.package / "package.json").read_text())["version"]
    return {"version": version} | outcomes


def main() -> None:
    folder, *names = sys.argv[1:]
    packages = Path(folder).resolve() / "node_modules"
    for agent in AGENTS:
        if names and agent.name not in names:
            continue
        if not (packages / agent.package).exists():
            print(f"{agent.name} is not installed: npm install --prefix {folder} {agent.package}")
            continue
        room = packages.parent / "sessions" / agent.command[0]
        subprocess.run(["rm", "-rf", str(room)], check=True)
        row = run(agent, packages, room)
        print(agent.name, row)
        rows = (json.loads(RESULTS.read_text()) if RESULTS.exists() else {}) | {agent.name: row}
        RESULTS.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
