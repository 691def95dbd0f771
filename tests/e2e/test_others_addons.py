"""Other people's addons and mitmproxy's own files see every flow, however quickly it is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy import io

from tests.e2e.clients import CHAT_URL, session
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Upstream

THEIRS = """
import asyncio, json, pathlib

SEEN = pathlib.Path(__file__).with_name("seen.jsonl")

def note(what, flow):
    status = flow.response.status_code if flow.response else None
    with SEEN.open("a") as file:
        file.write(json.dumps([what, flow.request.path, status]) + "\\n")

class Theirs:
    def requestheaders(self, flow): note("requestheaders", flow)
    async def request(self, flow):
        {wait}
        note("request", flow)
    def responseheaders(self, flow): note("responseheaders", flow)
    def response(self, flow):
        note("response", flow)
        if not flow.response.stream:
            flow.response.headers["x-theirs"] = "seen"

addons = [Theirs()]
"""
HOOKS = ["requestheaders", "request", "responseheaders", "response"]


@pytest.mark.parametrize("wait", ["pass", "await asyncio.sleep(0.01)"], ids=["at once", "later"])
def test_they_see_every_flow(
    wait: str, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """Each hook once for each request, in order: a miss, a hit, a stream and its replay; `-w` has them with bodies."""
    (tmp_path / "theirs.py").write_text(THEIRS.replace("{wait}", wait))
    saved = tmp_path / "flows.mitm"
    proxy = start_proxy(upstream, "read-write", ("-s", str(tmp_path / "theirs.py"), "-w", str(saved)))
    bodies = []
    with session(proxy) as client:
        for stream in (False, False, True, True):
            answer = client.post(CHAT_URL, json={"model": "m", "stream": stream})
            assert answer.status_code == 200
            bodies.append(answer.content)
            if not stream or answer.headers["x-provider-proxy-cache"] == "true":
                assert answer.headers["x-theirs"] == "seen"
    proxy.stop()
    assert bodies[0] == bodies[1]
    assert bodies[2] == bodies[3]
    assert upstream.count == 2

    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert [what for what, path, _ in seen if path.endswith("completions")] == HOOKS * 4
    assert {status for what, _, status in seen if what == "response"} == {200}

    with saved.open("rb") as file:
        flows = [flow for flow in io.FlowReader(file).stream() if flow.request.path.endswith("completions")]
    assert [flow.response.content for flow in flows] == bodies
    assert [flow.is_replay for flow in flows] == [None, "response", None, "response"]
