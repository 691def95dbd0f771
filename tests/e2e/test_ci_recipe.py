"""The steps of the GitHub workflow in docs/ci.md, against a bucket on disk."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import COMMAND
from tests.e2e.conftest import ROOT
from tests.e2e.github import pairs_in
from tests.e2e.upstream import Upstream

CLIENT = """
import os, requests
body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": os.environ["QUESTION"]}]}
answer = requests.post(os.environ["PROVIDER"], json=body, headers={"authorization": "Bearer t"}, timeout=120)
print("cached:", answer.headers["x-provider-proxy-cache"])
answer.raise_for_status()
"""
WRAPPER = "./.tools/provider-proxy/run-proxy.sh"


class Runner:
    """A fresh machine for each job, and GitHub's part: conditions, `$GITHUB_ENV`, the workflow's environment."""

    def __init__(self, folder: Path, environ: dict[str, str], upstream: Upstream) -> None:
        self.folder, self.environ, self.upstream = folder, environ, upstream
        self.jobs = 0
        (folder / "bucket").mkdir()

    def job(self, event: str, question: str = "hello", *, secrets: bool = True) -> tuple[bool, str]:
        """Run the workflow's steps as `event` would; whether all passed, and what they printed."""
        self.jobs += 1
        machine = self.folder / f"job{self.jobs}"
        machine.mkdir()
        (machine / "client.py").write_text(CLIENT)
        github = machine / "github-env"
        github.touch()
        mode = "read-only-require-hit" if event == "merge_group" else "read-old-write-new"
        env = self.environ | {
            "PROVIDER_PROXY_CACHE_MODE": mode,
            "PROVIDER_PROXY_REMOTE": (self.folder / "bucket").as_uri() if secrets else "s3://recordings/main",
            "AWS_ACCESS_KEY_ID": "",
            "GITHUB_ENV": str(github),
            "QUESTION": question,
            "PROVIDER": f"https://localhost:{self.upstream.port}/v1/chat/completions",
            "PROVIDER_PROXY_HOSTS": f"localhost:{self.upstream.port}",
            "PROVIDER_PROXY_LISTEN": "127.0.0.1:0",
        }
        said, passed = "", True
        for step in _steps():
            if _applies(step.get("if", ""), event, passed):
                done = self._step(step["run"], env | pairs_in(github), machine)
                said += done.stdout + done.stderr
                passed = passed and done.returncode == 0
        return passed, said

    @staticmethod
    def _step(script: str, env: dict[str, str], machine: Path) -> subprocess.CompletedProcess[str]:
        script = script.replace(WRAPPER, shlex.join(COMMAND)).replace(
            "pytest", f"{shlex.quote(sys.executable)} client.py"
        )
        script = script.replace("sleep $pause", "sleep 0.1")
        return subprocess.run(
            ["bash", "-e", "-c", script], env=env, cwd=machine, capture_output=True, text=True, timeout=120
        )


def _workflow() -> dict[str, Any]:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(name: llm-tests\n.*?)```", text, re.DOTALL)
    if found is None:
        pytest.fail("docs/ci.md has no workflow named llm-tests")
    workflow: dict[str, Any] = yaml.safe_load(found[1])
    return workflow


def _steps() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = _workflow()["jobs"]["test"]["steps"]
    return [step for step in steps if "run" in step]


def _applies(condition: str, event: str, passed: bool) -> bool:
    """GitHub's expressions, as far as the workflow uses them."""
    text = str(condition).removeprefix("${{").removesuffix("}}").strip()
    if not passed and "always()" not in text:
        return False
    text = (
        re.sub(r"github\.event_name", f"'{event}'", text)
        .replace("success()", "True")
        .replace("always()", "True")
    )
    text = text.replace("&&", " and ").replace("||", " or ")
    return bool(eval(text, {"__builtins__": {}}, {})) if text else True


@pytest.fixture
def runner(tmp_path: Path, environ: dict[str, str], start_upstream: Callable[..., Upstream]) -> Runner:
    """Jobs whose provider is on localhost."""
    return Runner(tmp_path, environ | {"PYTHONPATH": str(ROOT)}, start_upstream())


def test_the_workflow_is_complete() -> None:
    """It runs on pull requests, in the merge queue, on a schedule and by hand, with the modes for each."""
    workflow = _workflow()
    assert set(workflow[True]) >= {
        "pull_request",
        "merge_group",
        "schedule",
        "workflow_dispatch",
    }  # YAML 1.1: on
    env = workflow["jobs"]["test"]["env"]
    assert (
        "'merge_group' && 'read-only-require-hit' || 'read-old-write-new'" in env["PROVIDER_PROXY_CACHE_MODE"]
    )
    assert {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= env.keys()


def test_steps_apply_to_their_events() -> None:
    """Regeneration pulls nothing and replaces; others pull; nothing is pushed after a failure or by the queue."""

    def runs(event: str, *, passed: bool = True) -> str:
        return "\n".join(s["run"] for s in _steps() if _applies(s.get("if", ""), event, passed))

    for event in ("schedule", "workflow_dispatch"):
        assert " pull" not in runs(event)
        assert "push --replace" in runs(event)
    assert "pull --optional" in runs("pull_request")
    assert "push --optional" in runs("pull_request")
    assert "pull --optional" in runs("merge_group")
    assert "push" not in runs("merge_group")
    for event in ("schedule", "workflow_dispatch", "pull_request", "merge_group"):
        assert runs(event, passed=False) == f"{WRAPPER} stop"


def test_a_pull_request_feeds_the_merge_queue(runner: Runner) -> None:
    """A pull request records and pushes; the queue replays it and sends nothing; what is lacking fails there."""
    passed, said = runner.job("pull_request")
    assert passed, said
    assert "cached: false" in said
    assert "pushed 1 entry" in said
    passed, said = runner.job("merge_group")
    assert passed, said
    assert "cached: true" in said
    passed, said = runner.job("merge_group", "a question that nobody recorded")
    assert not passed
    assert runner.upstream.count == 1
    assert "pushed" not in said


def test_regeneration_replaces_what_was_there(runner: Runner) -> None:
    """The nightly job starts from nothing and leaves just its own recordings."""
    runner.job("pull_request", "old")
    passed, said = runner.job("schedule", "new")
    assert passed, said
    assert "1 older pack removed" in said
    assert runner.job("merge_group", "new")[0]
    assert not runner.job("merge_group", "old")[0]


def test_a_fork_without_secrets_says_so(runner: Runner) -> None:
    """It pulls and pushes nothing; its tests run."""
    passed, said = runner.job("pull_request", secrets=False)
    assert passed, said
    assert "no credentials for s3://recordings/main in the environment: nothing was pulled" in said
    assert "nothing was pushed" in said


def test_a_bucket_that_stays_away_fails_the_job(runner: Runner) -> None:
    """After the last try; nothing is run that could go live unseen."""
    (runner.folder / "bucket").rmdir()
    (runner.folder / "bucket").write_text("in the way")
    passed, said = runner.job("pull_request")
    assert not passed
    assert said.count("bucket") >= 5
    assert runner.upstream.count == 0
