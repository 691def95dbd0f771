"""A real suite under `run`: every request belongs to its test, as an upstream counts that reads a marker in the prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import provider_proxy
from tests.e2e.suites import environment, last_run
from tests.e2e.upstream import Upstream

OWN_PLUGIN = """
import pytest
@pytest.fixture
def from_own_plugin(): return "own"
"""
CONFTEST = """
import pytest
from tests.e2e.suite_client import ask

@pytest.fixture(scope="session")
def whole():
    ask("[<session>] up")
    yield
    ask("[<session>] down")

@pytest.fixture
def mine(request, whole):
    asked = lambda words="": ask(f"[{request.node.nodeid}] {words}")
    asked("set-up")
    yield asked
    asked("teardown")
"""
SUITE = """
import anyio, pytest
from tests.e2e.suite_client import ask

@pytest.fixture(scope="module", autouse=True)
def of_module():
    ask("[test_NAME.py::<module>] up")
    yield
    ask("[test_NAME.py::<module>] down")

class TestClass:
    @pytest.fixture(scope="class")
    @classmethod
    def of_class(cls):
        ask("[test_NAME.py::TestClass::<class>] up")

    @pytest.mark.parametrize("number", range(4))
    def test_in_class(self, of_class, mine, number):
        mine(number)

@pytest.mark.parametrize("number", range(4))
def test_same_prompt(number):
    ask("the same prompt")

@pytest.mark.anyio
@pytest.mark.parametrize("number", range(4))
async def test_async(mine, number):
    async with anyio.create_task_group() as group:
        for words in "ab":
            group.start_soon(anyio.to_thread.run_sync, mine, words)

def test_plain(mine, from_own_plugin):
    mine(from_own_plugin)
"""
CRASH = """
import os
def test_crash(mine):
    mine("before the end")
    os._exit(9)
"""
WITH_MORE_PLUGINS = """
import asyncio, pathlib, pytest

@pytest.mark.asyncio
async def test_of_asyncio(mine):
    await asyncio.to_thread(mine, "async")

@pytest.mark.flaky(reruns=2)
def test_flaky(mine, tmp_path_factory):
    mine("attempt")
    tried = pathlib.Path(__file__).with_name("tried")
    again = tried.exists()
    tried.touch()
    assert again
"""

WITH_FLAKY = """
from flaky import flaky

TRIED = []

@flaky(max_runs=3)
def test_flaky(mine):
    mine("attempt")
    TRIED.append(1)
    assert len(TRIED) == 3
"""


@pytest.fixture
def suite_environ(
    start_upstream: Callable[..., Upstream], environ: dict[str, str]
) -> tuple[Upstream, dict[str, str]]:
    """An upstream, and the environment of suites that ask it. A control call may take long on a busy machine."""
    upstream = start_upstream()
    return upstream, environment(environ, upstream, _PROVIDER_PROXY_TESTS_SECONDS="60")


def write(folder: Path, **files: str) -> None:
    """Write Python files."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text.replace("NAME", name.removeprefix("test_")))


def pytest_command(folder: Path, *arguments: str) -> list[str]:
    """The command of a suite in `folder`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
    ]
    return [*command, *arguments, str(folder)]


def asked(upstream: Upstream) -> Counter[str]:
    """How often the upstream was asked by each test, by the markers in the prompts."""
    prompts = [json.loads(body)["messages"][0]["content"] for _, _, _, body in upstream.seen]
    return Counter(prompt[1:].rpartition("] ")[0] for prompt in prompts if prompt.startswith("["))


def by_test(folder: Path) -> Counter[str]:
    """The same by the run's report."""
    counts: Counter[str] = Counter()
    for row in last_run(folder)["tests"]:  # type: ignore[attr-defined]
        counts[row["test"]] += row["requests"]
    return counts


def test_four_workers(suite_environ: tuple[Upstream, dict[str, str]], tmp_path: Path) -> None:
    """40 tests over four workers of pytest-xdist, one of which crashes: each request is counted for its own test."""
    upstream, environ = suite_environ
    (tmp_path / "own").mkdir()
    write(tmp_path / "own", own_plugin=OWN_PLUGIN)
    write(tmp_path, conftest=CONFTEST, test_a=SUITE, test_b=SUITE, test_c=SUITE, test_crash=CRASH)
    environ |= {"PYTEST_PLUGINS": "own_plugin,xdist.plugin,anyio.pytest_plugin"}
    environ["PYTHONPATH"] += f":{tmp_path / 'own'}"
    command = pytest_command(tmp_path, "-q", "-n", "4", "-k", "asyncio or not trio")
    done = provider_proxy("run", "--mode", "off", "--", *command, environ=environ, folder=tmp_path)
    assert "1 failed, 39 passed" in done.stdout, done.stdout + done.stderr
    assert "\n39 tests asked, 0 answers replayed\n" in done.stdout
    counted = by_test(tmp_path)
    same = {test: count for test, count in counted.items() if "same_prompt" in test}
    assert set(same.values()) == {1}
    assert len(same) == 12
    assert counted - Counter(same) == asked(upstream)
    rows = last_run(tmp_path)["tests"]
    assert not any(row["coarse"] for row in rows)  # type: ignore[attr-defined]


def test_a_miss_names_its_test(suite_environ: tuple[Upstream, dict[str, str]], tmp_path: Path) -> None:
    """A replay that misses fails the test although it passed, with the JSON Pointer, within one screen."""
    _, environ = suite_environ
    (tmp_path / "test_words.py").write_text(
        "import os, pytest\n"
        "from tests.e2e.suite_client import ask\n"
        "def test_steady(): ask('steady')\n"
        "def test_swallows():\n"
        "    try: ask('Name the capital of France and say why, ' + os.environ['WORDS'])\n"
        "    except OSError: pass\n"
        "@pytest.mark.provider_proxy(mode='write-only')\n"
        "def test_records_again(): ask('again')\n"
    )  # fmt: skip
    command = pytest_command(tmp_path, "-q")
    recorded = provider_proxy(
        "run", "--", *command, environ=environ | {"WORDS": "in one word"}, folder=tmp_path
    )
    assert recorded.returncode == 0, recorded.stdout
    assert "3 tests went live, slowest first:" in recorded.stdout
    replay = ("run", "--mode", "read-only-require-hit")
    changed = environ | {"WORDS": "in two words"}
    done = provider_proxy(*replay, "--", *command, environ=changed, folder=tmp_path)
    assert done.returncode == 1
    screen = done.stdout.splitlines()[-24:]
    assert "provider-proxy: miss at /messages/0/content" in screen
    assert any(
        line.startswith("FAILED test_words.py::test_swallows - provider-proxy: miss") for line in screen
    )
    assert any("“…one word” / “…two words”" in line for line in screen), done.stdout
    assert "refuses the mark of this test: " in done.stdout  # a replay must not record
    for flags, variables in [(("--allow-misses",), {}), ((), {"PROVIDER_PROXY_STRICT": "false"})]:
        done = provider_proxy(
            *replay, *flags, "--", *command, "-k", "swallows", environ=changed | variables, folder=tmp_path
        )
        assert "1 passed" in done.stdout
        assert "1 test missed:" in done.stdout


def test_isolated_pythons_and_children(
    suite_environ: tuple[Upstream, dict[str, str]], tmp_path: Path
) -> None:
    """`python -I -m pytest` runs without the plugin; `env --pytest` names it for a pytest that `ci` does not start."""
    _, environ = suite_environ
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    command = pytest_command(tmp_path, "-q")
    isolated = provider_proxy("run", "--", command[0], "-I", *command[1:], environ=environ, folder=tmp_path)
    assert isolated.returncode == 0, isolated.stdout + isolated.stderr
    assert "provider-proxy" not in isolated.stdout
    shown = provider_proxy("env", "--format", "json", "--pytest", environ=environ, folder=tmp_path)
    variables = json.loads(shown.stdout)
    assert variables["PYTEST_PLUGINS"] == "provider_proxy_pytest"
    assert variables["PYTHONPATH"].endswith(f":{environ['PYTHONPATH']}")
    assert "PYTEST_PLUGINS" not in json.loads(
        provider_proxy("env", "--format", "json", environ=environ, folder=tmp_path).stdout
    )
    off = environ | {"PROVIDER_PROXY_PYTEST": "off"}
    done = provider_proxy("run", "--", "sh", "-c", "echo =$PYTEST_PLUGINS=", environ=off, folder=tmp_path)
    assert done.stdout == "==\n"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["7.4.4", "8.0.2", "9.0.1"])
def test_versions_of_pytest(
    version: str, suite_environ: tuple[Upstream, dict[str, str]], tmp_path: Path
) -> None:
    """pytest 7, 8 and 9, with pytest-asyncio and re-runs: attempts are told apart."""
    upstream, environ = suite_environ
    packages = tmp_path / "packages"
    names = (f"pytest=={version}", "pytest-asyncio", "pytest-rerunfailures", "pytest-xdist", "anyio")
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(packages), *names]
    if subprocess.run(install, capture_output=True, timeout=240, check=False).returncode:
        pytest.skip(f"pytest {version} cannot be installed here")
    suite = tmp_path / "suite"
    suite.mkdir()
    write(suite, conftest=CONFTEST + OWN_PLUGIN, test_a=SUITE, test_more=WITH_MORE_PLUGINS)
    environ |= {"PYTHONPATH": f"{packages}:{environ['PYTHONPATH']}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
                "PYTHONWARNINGS": "ignore::DeprecationWarning"}  # fmt: skip
    command = pytest_command(suite, "-q", "-n", "1", "-k", "asyncio or not trio")
    done = provider_proxy("run", "--mode", "off", "--", *command, environ=environ, folder=suite)
    assert "15 passed, 1 rerun" in done.stdout, done.stdout + done.stderr
    counted = by_test(suite)
    assert counted - Counter({f"test_a.py::test_same_prompt[{n}]": 1 for n in range(4)}) == asked(upstream)
    flaky = [row for row in last_run(suite)["tests"] if row["test"].endswith("test_flaky")]  # type: ignore[attr-defined]
    assert sorted((row["attempt"], row["requests"]) for row in flaky) == [(1, 3), (2, 3)]


@pytest.mark.slow
def test_attempts_of_flaky(suite_environ: tuple[Upstream, dict[str, str]], tmp_path: Path) -> None:
    """The plugin `flaky` runs a test again inside of one item; each attempt has its own figures."""
    upstream, environ = suite_environ
    packages, suite = tmp_path / "packages", tmp_path / "suite"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(packages), "flaky"]
    if subprocess.run(install, capture_output=True, timeout=240, check=False).returncode:
        pytest.skip("flaky cannot be installed here")
    suite.mkdir()
    write(suite, conftest=CONFTEST, test_more=WITH_FLAKY)
    environ["PYTHONPATH"] = f"{packages}:{environ['PYTHONPATH']}"
    command = pytest_command(suite, "-q", "-p", "flaky.flaky_pytest_plugin")
    done = provider_proxy("run", "--mode", "off", "--", *command, environ=environ, folder=suite)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    rows = [row for row in last_run(suite)["tests"] if row["test"].endswith("test_flaky")]  # type: ignore[attr-defined]
    assert sorted((row["attempt"], row["requests"]) for row in rows) == [(1, 3), (2, 3), (3, 3)]
    assert by_test(suite) == asked(upstream)
