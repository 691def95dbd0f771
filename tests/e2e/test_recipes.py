"""The recipes in docs/secrets.md for replaying Vertex and Azure AD suites with made-up credentials."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer

RECIPES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "secrets.md").read_text(encoding="utf-8"), re.DOTALL
)

ASK = {
    "genai": 'print(client.models.generate_content(model="gemini-2.5-flash", contents="hello").text)',
    "AzureOpenAI": 'print(client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "hello"}])'
                   ".choices[0].message.content)",
}  # fmt: skip


def script(exchange: Exchange) -> None:
    """Vertex's and Azure's answers; nothing here is a token endpoint."""
    if "generateContent" in exchange.path:
        content = {"role": "model", "parts": [{"text": "hi"}]}
        exchange.json(
            {"candidates": [{"content": content, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-flash"}
        )
    else:
        exchange.json(chat_answer("hi"))


@pytest.mark.parametrize("client", sorted(ASK))
def test_a_recipe_records_with_one_token_and_replays_with_another(
    client: str, start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """Recorded with a real-looking token, replayed offline with the made-up one of the docs."""
    if client == "genai":
        pytest.importorskip("google.genai")
    (recipe,) = [code for code in RECIPES if f" import {client}\n" in code]
    code = f"{recipe}\n{ASK[client]}"
    upstream = start_upstream(script)
    recording = start_proxy(upstream)
    said = [run(code.replace('"offline"', '"ya29.a-token-of-the-real-kind-0123456789"'), recording, tmp_path)]
    recording.stop()
    upstream.stop()
    said.append(run(code, start_proxy(None, "read-only-require-hit"), tmp_path))
    assert said == ["hi", "hi"]
    assert upstream.count == 1


def run(code: str, proxy: Proxy, folder: Path) -> str:
    """What the code prints behind `proxy`."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=proxy.client_environ(), cwd=folder,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
