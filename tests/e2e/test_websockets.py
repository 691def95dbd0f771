"""WebSocket sessions of real clients through the real process, recorded and replayed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.sockets import openai
from tests.e2e.upstream import Upstream

type Start = Callable[..., Proxy]

# `realtime` and `responses` end as a user's script does; each returns what the model said, or the error.
CLIENT = """
import json, os, sys
from openai import OpenAI

def realtime(client, text):
    said = ""
    with client.realtime.connect(model="m") as c:
        c.session.update(session={"type": "realtime", "instructions": "Be brief"})
        c.conversation.item.create(item={"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": text}]})
        c.response.create()
        for event in c:
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type == "response.done":
                return said
            if event.type == "error":
                return event.error.message

def responses(client, *texts):
    said, previous = [], {}
    with client.responses.connect() as c:
        for text in texts:
            c.response.create(model="m", input=text, **previous)
            for event in c:
                if event.type == "response.completed":
                    previous = {"previous_response_id": event.response.id}
                    said.append(event.response.output_text)
                    break
                if event.type == "error":
                    return [*said, event.error.message]
    return said

def post(client, text):
    for event in client.responses.create(model="m", input=text, stream=True):
        if event.type == "response.completed":
            return event.response.output_text

proxied = OpenAI(api_key="made-up")
door = OpenAI(api_key="made-up", websocket_base_url=os.environ["WS_BASE"])
"""
RECORDS = 'print(json.dumps([realtime(proxied, "hello"), responses(proxied, "one", "two")]))'
REPLAYS = """
print(json.dumps([
    *(each for client in (proxied, door) for each in (realtime(client, "hello"), responses(client, "one", "two"))),
    post(proxied, "one"), realtime(proxied, "something else"), responses(proxied, "one", "three"),
]))
"""


def said(proxy: Proxy, script: str) -> list[Any]:
    """What a client's script prints, with what the proxy exports."""
    door = f"{proxy.url.replace('http', 'ws')}/https/api.openai.com/v1"
    done = subprocess.run(
        [sys.executable, "-c", CLIENT + script], env=proxy.client_environ() | {"WS_BASE": door},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_openais_clients_record_and_replay(
    start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """Realtime and Responses, through CONNECT and at the base URL; the replay reaches no provider."""
    upstream = start_upstream(openai)
    proxy = start_proxy(upstream, "read-write")
    recorded = said(proxy, RECORDS)
    assert recorded == ["answer 1 to hello", ["answer 201 to one", "answer 202 to two"]]
    proxy.stop()
    count = upstream.count
    proxy = start_proxy(upstream, "read-only-require-hit")
    *replayed, posted, another, third = said(proxy, REPLAYS)
    assert (replayed, posted) == (recorded * 2, "answer 201 to one")
    assert "/item/content/0/text" in another
    assert third[0] == "answer 201 to one"
    assert "no recorded answer" in third[1]
    report = proxy.stop()
    assert upstream.count == count
    assert "made-up" not in report
    total = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())["total"]
    assert (total["requests"], total["hits"], total["misses"]) == (10, 8, 2)

    def command(*arguments: str, **more: str) -> str:
        done = provider_proxy(*arguments, environ=proxy.environ | more, folder=proxy.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    entries = json.loads(command("ls", "--json"))
    (session,) = [entry for entry in entries if entry["question"] == "hello"]
    shown = command("show", session["key"])
    assert "client    conversation.item.create  hello" in shown
    assert "provider  response.output_text.delta  answer 1 to hello" in shown
    assert "client    closes with 1000" in shown
    command("verify")
    pack = proxy.folder / "sessions.ppack"
    command("export", str(pack))
    assert b"made-up" not in pack.read_bytes()
    elsewhere = {"PROVIDER_PROXY_CACHE_DIR": str(proxy.folder / "elsewhere")}
    command("import", str(pack), **elsewhere)
    assert len(json.loads(command("ls", "--json", **elsewhere))) == len(entries)
