"""docs/review.md, played: a suite is recorded, changed and reviewed, and asserts what it sends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import COMMAND, MAPPED_COMMAND, provider_proxy
from tests.e2e.conftest import ROOT
from tests.e2e.upstream import Exchange, Upstream, chat_answer

PAGE = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
(SUITE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(OUTPUT,) = re.findall(r"<!-- review-output -->\n```text\n(.*?)```", PAGE, re.DOTALL)
MORE = f"""

def test_asks_who(provider_proxy):
    import json, subprocess
    talk = [{{"role": "user", "content": "Who wrote Faust?"}}]
    OpenAI().chat.completions.create(model="gpt-4.1", messages=talk)
    shown = subprocess.run({[*COMMAND, "requests", "--test", "*::test_asks*", "--json"]}, capture_output=True)
    (test,) = json.loads(shown.stdout)["tests"]
    assert test["requests"] == provider_proxy.requests
    assert len(test["requests"]) == 1 and "sk-made-up" not in str(test)
"""


def answers(exchange: Exchange) -> None:
    """A provider that greets as it is told."""
    friendly = b"friendly" in exchange.body
    answer = chat_answer("How nice to see you!" if friendly else "Hello.")
    answer["usage"] = {"prompt_tokens": 12, "completion_tokens": 7 if friendly else 2, "total_tokens": 19}
    exchange.json(answer)


def git(folder: Path, *arguments: str) -> None:
    """Run git as a user who has set nothing up."""
    identity = {
        f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environ = {**os.environ, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **identity}
    subprocess.run(["git", "-C", str(folder), *arguments], env=environ, capture_output=True, check=True)


def test_the_page(start_upstream: Callable[..., Upstream], environ: dict[str, str], tmp_path: Path) -> None:
    """The page's commands print what it shows; the assertions on what was sent hold, live and replayed; a recording
    that its test no longer asks for fails the run."""
    upstream = start_upstream(answers)
    env = environ | {
        "TEST_UPSTREAM_PORT": str(upstream.port),
        "OPENAI_API_KEY": "sk-made-up",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "_PROVIDER_PROXY_TESTS_SECONDS": "60",  # on a busy machine
    }
    suite = tmp_path / "test_greeting.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
    ]

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        line = [*MAPPED_COMMAND, "run", *flags, "--", *command, str(suite)]
        return subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    def told(*arguments: str, status: int = 0) -> str:
        done = provider_proxy(*arguments, environ=env, folder=tmp_path)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    receipt = ("--receipt", "provider-proxy.lock")
    suite.write_text(SUITE + MORE)
    done = run(*receipt)
    assert done.returncode == 0, done.stdout + done.stderr
    told("export", "recordings")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "recordings", "provider-proxy.lock")
    git(tmp_path, "commit", "-q", "-m", "recorded")
    suite.write_text((SUITE + MORE).replace("terse", "friendly"))
    done = run(*receipt, "--fail-on-unused")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert "gate failed: --fail-on-unused: 1 entry (pp2-" in done.stderr
    told("export", "recordings")
    flags = ("HEAD:recordings", "recordings", "--lock", "provider-proxy.lock")
    assert told("review", *flags) == OUTPUT
    found = json.loads(told("review", *flags, "--json", "--fail-on", "prompt-change,cost:+20%", status=3))
    assert found["failed"] == [
        "--fail-on prompt-change: there was 1 change",
        "--fail-on cost:+20%: it grew from $0.00008 to $0.00012, +50 %",
    ]
