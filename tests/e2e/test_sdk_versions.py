"""Two SDK versions, two languages: one entry for the same logical request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Proxy
from tests.e2e.test_sdks import script
from tests.e2e.upstream import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PYTHON = """
import httpx, openai
client = openai.OpenAI(api_key="sk-test-0123456789abcdef", max_retries=0)
raw = client.chat.completions.with_raw_response.create(model="gpt-4.1", messages=[{"role": "user", "content": "hello"}])
print(openai.__version__, raw.headers["x-provider-proxy-cache"])
"""

NODE = """
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
const openai = new OpenAI({ apiKey: "sk-test-0123456789abcdef", baseURL: process.env.DOOR + "/https/api.openai.com/v1", maxRetries: 0 });
const chat = await openai.chat.completions.create({ model: "gpt-4.1", messages: [{ role: "user", content: "hello" }] }).withResponse();
const anthropic = new Anthropic({ apiKey: "sk-ant-0123456789abcdef", baseURL: process.env.DOOR + "/https/api.anthropic.com", maxRetries: 0 });
const ask = { model: "claude-test", max_tokens: 9, messages: [{ role: "user", content: "hello" }] };
const message = await anthropic.messages.create(ask).withResponse();
let text = "";
for await (const event of anthropic.messages.stream(ask)) if (event.delta?.text) text += event.delta.text;
console.log(chat.response.headers.get("x-provider-proxy-cache"), message.response.headers.get("x-provider-proxy-cache"), text);
"""


def run(command: list[str], environ: dict[str, str], folder: Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def old_openai(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """openai 1.40 with the httpx that it wants, apart from this environment's."""
    target = tmp_path_factory.mktemp("openai-1.40")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--target",
        str(target),
        "openai==1.40.0",
        "httpx==0.27.2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"openai 1.40 cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return target


@pytest.fixture(scope="session")
def node_sdks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the openai and anthropic SDKs for Node."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "openai@6", "@anthropic-ai/sdk@1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"the Node SDKs cannot be installed: {done.stderr[-300:]}")
    (folder / "ask.mjs").write_text(NODE)
    return folder


def test_an_sdk_upgrade_keeps_its_recordings(
    old_openai: Path,
    start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream],
    tmp_path: Path,
) -> None:
    """What openai 1.40 recorded is a hit for the current version: only telemetry and spelling differ."""
    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    environ = proxy.client_environ()
    old = run([sys.executable, "-c", PYTHON], environ | {"PYTHONPATH": str(old_openai)}, tmp_path)
    new = run([sys.executable, "-c", PYTHON], environ, tmp_path)
    assert old == "1.40.0 false"
    assert new.endswith(" true")
    assert not new.startswith("1.40")
    assert upstream.count == 1


def test_node_replays_what_python_recorded(
    node_sdks: Path,
    start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream],
    tmp_path: Path,
) -> None:
    """Node's SDKs, through the base URL, hit what Python's recorded through HTTPS_PROXY, and stream from the cache."""
    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    run([sys.executable, "-c", PYTHON], proxy.client_environ(), tmp_path)
    assert upstream.count == 1
    environ = {"PATH": os.environ["PATH"], "DOOR": proxy.url}
    first = run(["node", "ask.mjs"], environ, node_sdks)
    assert first == "true false Hello wörld"
    assert run(["node", "ask.mjs"], environ, node_sdks) == "true true Hello wörld"
    assert upstream.count == 3
