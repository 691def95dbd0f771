"""The pytest plugin, in real pytest processes, against a stand-in for the proxy. `tests/e2e` has the real proxy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.environment.client_env import apply
from addon.environment.pytest_env import pytest_environment
from addon.runners.for_pytest import provider_proxy_pytest as plugin
from tests.addon.runners.for_pytest.stand_in import BABBLING, SILENT, SUITE_CLIENT, StandIn, standing_in


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A stand-in for the proxy."""
    with standing_in() as running:
        yield running


def run(
    stand_in: StandIn, folder: Path, *arguments: str, strict: bool | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the suite in `folder` as `provider-proxy run` would."""
    (folder / "asking.py").write_text(SUITE_CLIENT)
    outside = {name: value for name, value in os.environ.items() if "PROVIDER_PROXY" not in name}
    outside = {name: value for name, value in outside.items() if not name.startswith(("PYTEST", "COV"))}
    environ = outside | {
        "HTTPS_PROXY": f"http://{stand_in.address}",
        "https_proxy": f"http://{stand_in.address}",
        "_PROVIDER_PROXY_OUTER": stand_in.address,
        "_PROVIDER_PROXY_TESTS_SECONDS": "60",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    } | variables  # fmt: skip
    environ = apply(environ, pytest_environment(environ, strict=strict))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    return subprocess.run(
        [*command, "--rootdir", str(folder), str(folder), *arguments],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


SCOPES = """
import os, pytest, subprocess, sys
from asking import ask

at_import = os.environ["HTTPS_PROXY"]

@pytest.fixture(scope="session")
def whole():
    ask("hit session up")
    yield
    ask("hit session down")

@pytest.fixture(scope="module")
def middle(whole):
    ask("hit module up")
    yield
    ask("hit module down")

@pytest.fixture
def narrow(middle):
    ask("hit function up")
    yield
    ask("hit function down")

def setup_module():
    ask("hit setup_module")

class TestClass:
    @pytest.fixture(scope="class", autouse=True)
    def of_class(self):
        ask("hit class up")
        yield
        ask("hit class down")

    def test_in_class(self):
        ask("hit in class")

def test_first(narrow, tmp_path):
    ask("hit first")

@pytest.mark.parametrize("prompt", ["same", "same too"])
@pytest.mark.provider_proxy(repeat="sequence", mode="off")
def test_second(narrow, prompt):
    ask("hit second " + prompt)

@pytest.mark.provider_proxy(mode="read-only", faults=({"kind": "reset", "nth": 1},))
class TestMarked:
    @pytest.mark.provider_proxy(mode="read_write", allow_misses=True)
    def test_nearer(self):
        assert os.environ["HTTPS_PROXY"] == at_import

@pytest.mark.parametrize("text", ["x"], ids=["x" * 10_000])
def test_long(text):
    ask("hit long")

def test_replaces_what_the_plugin_uses(monkeypatch):
    import json, time
    for module, name in ((json, "loads"), (json, "dumps"), (time, "monotonic")):
        monkeypatch.setattr(module, name, lambda *_, **__: 1 / 0)

def test_a_child_does_not_see_the_plugin():
    assert "PYTEST_PLUGINS" not in os.environ
    assert not any("for_pytest" in part for part in os.environ["PYTHONPATH"].split(os.pathsep))
    (nested := __import__("pathlib").Path("nested")).mkdir()
    (nested / "test_nested.py").write_text("from asking import ask\\ndef test_inner(): ask('hit nested')")
    code = "import os, sys, pytest; sys.exit(pytest.main(['-q', '-p', 'PLUGIN', '-c', os.devnull, 'nested']))"
    sys_path = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code.replace("PLUGIN", "provider_proxy_pytest")],
                          env={**os.environ, "PYTHONPATH": sys_path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
"""


PACKAGE = """
import pytest
from asking import ask

@pytest.fixture(scope="package", autouse=True)
def of_package():
    ask("hit package up")
    yield
    ask("hit package down")
"""


def test_requests_belong_to_their_test(stand_in: StandIn, tmp_path: Path) -> None:
    """Set-up and teardown count for the test, fixtures of a wider scope for that scope, a nested pytest for its test."""
    (tmp_path / "test_a.py").write_text(SCOPES)
    package = tmp_path / "package"
    package.mkdir()
    for name, text in (("__init__", ""), ("conftest", PACKAGE)):
        (package / f"{name}.py").write_text(text)
    for name in "bc":
        (package / f"test_{name}.py").write_text(
            f"from asking import ask\ndef test_in(): ask('hit in {name}')\n"
        )
    done = run(stand_in, tmp_path)
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if "provider-proxy" in line] == [
        "provider-proxy: 8 tests asked, 23 answers replayed"
    ]
    first, second = "test_a.py::test_first", "test_a.py::test_second[same]"
    expected = {
        "hit session up": ["<session>"],
        "hit session down": ["<session>"],
        "hit module up": ["test_a.py::<module>"],
        "hit module down": ["test_a.py::<module>"],
        "hit setup_module": ["test_a.py::<module>"],
        "hit class up": ["test_a.py::TestClass::<class>"],
        "hit class down": ["test_a.py::TestClass::<class>"],
        "hit in class": ["test_a.py::TestClass::test_in_class"],
        "hit first": [first],
        "hit function up": [first, second, "test_a.py::test_second[same too]"],
        "hit function down": [first, second, "test_a.py::test_second[same too]"],
        "hit second same": [second],
        "hit long": [f"test_a.py::test_long[{'x' * 10_000}]"],
        "hit nested": ["test_a.py::test_a_child_does_not_see_the_plugin"],
        "hit package up": ["package::<package>"],
        "hit package down": ["package::<package>"],
        "hit in b": ["package/test_b.py::test_in"],
        "hit in c": ["package/test_c.py::test_in"],
    }
    assert {words: stand_in.tests_of(words) for words in expected} == expected
    assert len({client for kind, client, _ in stand_in.said if kind == "PUT"}) == 1
    wishes = {wish["test"]: wish for wish in stand_in.wishes}
    assert wishes[second] == {"test": second, "switch": True, "file": "test_a.py", "line": 1 + SCOPES[: SCOPES.index("@pytest.mark.param")].count("\n"),
                              "repeat": "sequence", "mode": "off"}  # fmt: skip
    assert wishes["test_a.py::TestMarked::test_nearer"]["mode"] == "read_write"
    assert wishes["test_a.py::TestMarked::test_nearer"]["faults"] == [{"kind": "reset", "nth": 1}]


MISSES = """
import pytest
from asking import ask

@pytest.fixture(scope="module")
def shared():
    ask("miss shared")

def test_passes(): ask("hit")
def test_swallowed(): ask("miss swallowed")
def test_swallowed_markup():
    ask("miss\\\\n::error::\\x1b[31m")
def test_failed():
    ask("miss failed")
    assert False, "the answer is wrong"
def test_uses_shared(shared): pass
@pytest.mark.provider_proxy(allow_misses=True)
def test_allowed(): ask("miss allowed")
@pytest.mark.xfail
def test_expected():
    ask("miss expected")
    assert False
def test_overlaps(): ask("miss coarse")
@pytest.fixture
def tidies():
    yield
    ask("miss in teardown")
def test_tidied(tidies): pass
@pytest.mark.provider_proxy(modes="off")
def test_misspelled(): pass
@pytest.mark.skip
def test_skipped(): ask("miss skipped")
"""


SECTIONS = """
def pytest_runtest_logreport(report):
    with open("sections", "a") as file:
        file.write("".join(text for name, text in report.sections if name == "provider-proxy"))

def pytest_exception_interact(node, call):
    with open("raised", "a") as file:
        file.write(f"{node.name}: {call.excinfo.value}\\n")
"""


@pytest.mark.parametrize("strict", [True, False, None])
def test_a_test_that_missed(stand_in: StandIn, tmp_path: Path, *, strict: bool | None) -> None:
    """It fails although it passed, where it must not miss, and says why; unset, the mode decides."""
    stand_in.mode = "read-only-require-hit" if strict is None else "read-write"
    (tmp_path / "test_a.py").write_text(MISSES)
    (tmp_path / "conftest.py").write_text(SECTIONS)
    done = run(stand_in, tmp_path, "-rfEP", strict=strict)
    outcomes = set(re.findall(r"^(FAILED|ERROR) test_a.py::(\w+)", done.stdout, re.MULTILINE))
    always = {("FAILED", "test_failed"), ("ERROR", "test_misspelled")}
    missed = {("FAILED", "test_swallowed"), ("FAILED", "test_swallowed_markup"), ("ERROR", "test_tidied")}
    assert outcomes == (always if strict is False else always | missed), done.stdout
    assert done.returncode == 1
    raised = (tmp_path / "raised").read_text()  # what `flaky` and a debugger see
    assert ("test_swallowed: provider-proxy: miss at /messages/0/content" in raised) == (strict is not False)
    assert (
        "modes is not an argument of this mark; use mode=, allow_misses=, repeat= or faults=" in done.stdout
    )
    assert "/messages/0/content: miss swallowed differs" in done.stdout
    assert "-- provider-proxy --" in done.stdout
    for words in ("swallowed", "failed", "shared", "allowed", "expected", "coarse", "in teardown"):
        assert (tmp_path / "sections").read_text().count(
            f"miss: /messages/0/content: miss {words} differs"
        ) == 1
    assert "miss: /messages/0/content: miss failed differs" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\n::error" not in done.stdout
    assert "8 tests missed:" in done.stdout
    assert "… and 3 more" in done.stdout
    assert "test_a.py::<module>  /messages/0/content: miss shared differs" in done.stdout


def test_the_summary_of_live_tests(stand_in: StandIn, tmp_path: Path) -> None:
    """It names tests that went live, slowest first, and what they cost; a suite without requests has one line."""
    stand_in.mode = "read-write"
    (tmp_path / "test_a.py").write_text(
        "from asking import ask\n"
        "def test_once(): ask('live')\n"
        "def test_twice(): ask('live'); ask('live')\n"
        "def test_missed(): ask('miss')\n"
    )
    done = run(stand_in, tmp_path)
    assert done.returncode == 0
    section = done.stdout[done.stdout.index("provider-proxy ==") :].splitlines()
    assert section[1:9] == [
        "3 tests asked, 0 answers replayed",
        "1 test missed:",
        "  test_a.py::test_missed  /messages/0/content: miss differs",
        "2 tests went live, slowest first:",
        "  test_a.py::test_twice  3.0 s",
        "  test_a.py::test_once  1.5 s",
        "cost: $0.7500",
        "3 passed in " + section[8].rpartition("in ")[2],
    ]
    quiet = run(stand_in, tmp_path, "-k", "nothing")
    assert "provider-proxy: no test asked a provider\n" in quiet.stdout
    assert "provider-proxy" not in run(stand_in, tmp_path, "--collect-only").stdout


@pytest.mark.parametrize("way", ["refused", "missing", "dead", "silent", "another server", "dies"])
def test_trouble_is_one_warning(stand_in: StandIn, tmp_path: Path, way: str) -> None:
    """The suite goes on, even if it makes errors of warnings, and the plugin asks no more."""
    variables = {}
    if way == "dead":
        variables = {"_PROVIDER_PROXY_OUTER": "127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    elif way == "silent":
        stand_in.answers = lambda *_: SILENT
        variables = {"_PROVIDER_PROXY_TESTS_SECONDS": "0.2"}
    elif way == "dies":
        stand_in.answers = lambda method, _: BABBLING if method == "PUT" and stand_in.said else 0
    elif way == "another server":
        stand_in.answers = lambda *_: BABBLING
    else:
        stand_in.answers = lambda method, _: (404 if way == "missing" else 503) if method == "PUT" else 0
    (tmp_path / "test_a.py").write_text(
        "import os\ndef test_one(): pass\ndef test_two(): assert '@' not in os.environ['HTTPS_PROXY']\n"
    )
    done = run(stand_in, tmp_path, "-W", "error", **variables)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("provider-proxy does not tell tests apart from here on: ") == 1
    assert "2 passed, 1 warning" in done.stdout


@pytest.mark.parametrize(("slow", "answered"), [(1, True), (2, False)])
def test_a_slow_answer(monkeypatch: pytest.MonkeyPatch, slow: int, *, answered: bool) -> None:
    """A call that took too long is repeated once, for a busy machine; the end of a test has waited long enough."""
    control = plugin._Control(plugin._Proxy("127.0.0.1:1", ""))
    control._has_answered = True
    outcomes = [TimeoutError("timed out")] * slow
    sent = []

    def exchange(what: bytes, _until: float) -> tuple[int, bytes]:
        sent.append(what.partition(b" ")[0])
        if outcomes:
            raise outcomes.pop()
        return 204, b""

    monkeypatch.setattr(control, "_exchange", exchange)
    if answered:
        assert control.call("PUT", "/-/tests/c", {}) is None
    else:
        with pytest.raises(TimeoutError):
            control.call("PUT", "/-/tests/c", {})
    outcomes.append(TimeoutError("timed out"))
    with pytest.raises(TimeoutError):
        control.call("DELETE", "/-/tests/c", seconds=3.0)
    assert sent == [b"PUT", b"PUT", b"DELETE"]


def test_a_mark_that_widens_fails_its_test(stand_in: StandIn, tmp_path: Path) -> None:
    """The proxy's refusal is that test's error; the others go on."""
    stand_in.answers = lambda method, value: 400 if method == "PUT" and "mode" in value else 0
    (tmp_path / "test_a.py").write_text(
        "import pytest\nfrom asking import ask\n"
        "@pytest.mark.provider_proxy(mode='write-only')\ndef test_wide(): pass\n"
        "@pytest.mark.provider_proxy(faults=[object()])\ndef test_no_rule(): pass\n"
        "def test_other(): ask('hit other')\n"
    )
    done = run(stand_in, tmp_path)
    assert "provider-proxy refuses the mark of this test: no PUT today" in done.stdout
    assert "provider_proxy: faults= takes a list of dictionaries: " in done.stdout
    assert "1 passed, 2 errors" in done.stdout
    assert stand_in.tests_of("hit other") == ["test_a.py::test_other"]


def test_workers_are_clients(stand_in: StandIn, tmp_path: Path) -> None:
    """Each worker of pytest-xdist has its own name; one that crashes is replaced; the summary counts all."""
    tests = "".join(f"def test_{n}(): ask('hit {n}')\n" for n in range(8))
    (tmp_path / "test_a.py").write_text(
        f"import os, pathlib\nfrom asking import ask\n{tests}"
        "def test_crash():\n"
        "    ask('hit crash')\n"
        "    os._exit(7)\n"
    )
    done = run(stand_in, tmp_path, "-p", "xdist", "-n", "2", "--strict-markers", PROVIDER_PROXY_AUTH="unused")
    assert "1 failed, 8 passed" in done.stdout, done.stdout + done.stderr
    assert "provider-proxy: 8 tests asked, 8 answers replayed" in done.stdout
    for number in range(8):
        assert stand_in.tests_of(f"hit {number}") == [f"test_a.py::test_{number}"]
    assert stand_in.tests_of("hit crash") == ["test_a.py::test_crash"]
    workers = {client.partition(".")[0] for kind, client, _ in stand_in.said if kind == "PUT"}
    assert len(workers & {"gw0", "gw1", "gw2"}) >= 2
    assert "main" not in workers


def test_with_a_password(stand_in: StandIn, tmp_path: Path) -> None:
    """The client's name stands before the user's, and base URLs of the proxy get it too."""
    url = f"http://user:pass%40word@{stand_in.address}"
    (tmp_path / "test_a.py").write_text(
        "import os\ndef test_shown(): print(os.environ['HTTPS_PROXY'], os.environ['OPENAI_BASE_URL'])\n"
    )
    done = run(
        stand_in, tmp_path, "-rP", HTTPS_PROXY=url, https_proxy=url,
        OPENAI_BASE_URL=f"http://{stand_in.address}/https/api.openai.com/v1",
    )  # fmt: skip
    proxy, _, base = next(line for line in done.stdout.splitlines() if line.startswith("http")).partition(" ")
    (client,) = {client for kind, client, _ in stand_in.said if kind == "PUT"}
    assert proxy == f"http://{client}+user:pass%40word@{stand_in.address}"
    assert base == f"http://{stand_in.address}/@{client}/https/api.openai.com/v1"


@pytest.mark.parametrize("why", ["off", "no proxy", "another proxy"])
def test_without_a_proxy_only_the_mark_is_known(stand_in: StandIn, tmp_path: Path, why: str) -> None:
    """Switched off, or without provider-proxy in the environment, the plugin does nothing but register its mark."""
    variables = {
        "off": {"PROVIDER_PROXY_PYTEST": "off"},
        "no proxy": {"_PROVIDER_PROXY_OUTER": ""},
        "another proxy": {"HTTPS_PROXY": "http://10.0.0.1:3128", "https_proxy": "http://10.0.0.1:3128"},
    }[why]
    (tmp_path / "test_a.py").write_text(
        "import pytest\n@pytest.mark.provider_proxy(mode='off')\ndef test_one(): pass\n"
    )
    done = run(stand_in, tmp_path, "--strict-markers", **variables)
    assert done.returncode == 0, done.stdout
    assert "provider-proxy" not in done.stdout
    assert stand_in.said == []


def test_found_twice(stand_in: StandIn, tmp_path: Path) -> None:
    """An installed plugin is found by its entry point, too, and a suite may name it itself."""
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['provider_proxy_pytest']\n")
    (tmp_path / "test_a.py").write_text("from asking import ask\ndef test_one(): ask('hit')\n")
    done = run(
        stand_in, tmp_path, "-p", "provider_proxy_pytest", PYTEST_DISABLE_PLUGIN_AUTOLOAD="",
        PYTEST_PLUGINS="provider_proxy_pytest",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [kind for kind, _, _ in stand_in.said] == ["PUT", "ASK", "DELETE"]


@pytest.mark.parametrize("way", ["option", "file"])
def test_a_user_name_in_the_proxys_url_fails_no_strict_suite(
    stand_in: StandIn, tmp_path: Path, way: str
) -> None:
    """httpx-aiohttp warns of one, and many suites make warnings errors; other warnings stay errors."""
    (tmp_path / "test_warns.py").write_text(
        "import warnings\n"
        "def test_of_us(): warnings.warn('BasicAuth is deprecated and will be removed', DeprecationWarning)\n"
        "def test_other(): warnings.warn('other', DeprecationWarning)\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n" + ("filterwarnings = error\n" if way == "file" else ""))
    options = ("-c", str(tmp_path / "pytest.ini"), *(("-W", "error") if way == "option" else ()))
    done = run(stand_in, tmp_path, *options)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "test_other" in done.stdout


FIXTURE = """
import pytest
from asking import ask

@pytest.fixture(scope="module")
def shared(): ask("hit shared")

def test_sends(provider_proxy, shared):
    ask("miss one")
    assert [(one["key"], one["method"]) for one in provider_proxy.requests] == [("pp2-1", "POST")]
    assert [miss["pointer"] for miss in provider_proxy.misses] == ["/messages/0/content"]

@pytest.mark.provider_proxy(repeat="sequence", allow_misses=True)
def test_changes(provider_proxy):
    provider_proxy.mode("read-only")
    provider_proxy.faults([{"status": 429}])
    provider_proxy.mode("off")

def test_skips(): pytest.skip("now")

@pytest.mark.skip
def test_never(): pass

@pytest.mark.xfail
def test_fails_as_expected(): assert False

@pytest.fixture
def breaks():
    yield
    assert False

def test_breaks_after(breaks): pass
"""


def test_the_fixture(stand_in: StandIn, tmp_path: Path) -> None:
    """It shows what the test sent and missed; a change of its wishes keeps the others. The end says the outcome."""
    (tmp_path / "test_a.py").write_text(FIXTURE)
    done = run(stand_in, tmp_path, strict=False)
    assert "3 passed, 2 skipped, 1 xfailed, 1 error" in done.stdout, done.stdout
    changed = [wish for wish in stand_in.wishes if wish["test"].endswith("changes")]
    assert [{k: wish.get(k) for k in ("mode", "repeat", "faults")} for wish in changed] == [
        {"mode": None, "repeat": "sequence", "faults": None},
        {"mode": "read-only", "repeat": "sequence", "faults": None},
        {"mode": "read-only", "repeat": "sequence", "faults": [{"status": 429}]},
        {"mode": "off", "repeat": "sequence", "faults": [{"status": 429}]},
    ]
    assert stand_in.outcomes == {
        "test_a.py::test_sends": "passed", "test_a.py::<module>": "", "test_a.py::test_changes": "passed",
        "test_a.py::test_skips": "skipped", "test_a.py::test_never": "skipped",
        "test_a.py::test_fails_as_expected": "skipped", "test_a.py::test_breaks_after": "failed",
    }  # fmt: skip


def test_the_fixture_fails_rather_than_say_too_little(stand_in: StandIn, tmp_path: Path) -> None:
    """If requests were not kept, if the proxy refuses a mode, or if it no longer answers."""
    (tmp_path / "test_a.py").write_text(
        "def test_more(provider_proxy): provider_proxy.requests\n"
        "def test_mode(provider_proxy): provider_proxy.mode('write-only')\n"
        "def test_gone(provider_proxy): provider_proxy.misses\n"
    )
    stand_in.more = 3
    stand_in.answers = lambda method, value: (
        500 if value.get("test", "").endswith("gone") else 400 if value.get("mode") == "write-only" else 0
    )
    done = run(stand_in, tmp_path, strict=False)
    assert "3 failed" in done.stdout, done.stdout
    for said in ("has not kept every request", "refuses: no PUT today", "does not answer, so what this test"):
        assert said in done.stdout


def test_a_change_that_gets_no_answer_fails(stand_in: StandIn, tmp_path: Path) -> None:
    """The test must not go on as if its mode had been narrowed."""
    (tmp_path / "test_a.py").write_text("def test_a(provider_proxy): provider_proxy.mode('read-only')\n")
    stand_in.answers = lambda _, value: BABBLING if "mode" in value else 0
    done = run(stand_in, tmp_path, strict=False)
    assert "1 failed" in done.stdout, done.stdout
    assert "does not answer, so it cannot treat this test differently" in done.stdout


def test_the_fixture_where_no_proxy_runs(stand_in: StandIn, tmp_path: Path) -> None:
    """The test is skipped: what it asserts cannot be known."""
    (tmp_path / "test_a.py").write_text("def test_a(provider_proxy): assert not provider_proxy.requests\n")
    done = run(stand_in, tmp_path, "-rs", HTTPS_PROXY="", https_proxy="")
    assert "1 skipped" in done.stdout, done.stdout
    assert "run it with `provider-proxy run -- pytest`" in done.stdout


def test_a_test_that_was_run_again_is_listed_once() -> None:
    """Each attempt has a verdict, and a re-run is no other test."""
    missed = {"test": "test_a.py::test_flaky", "requests": 1, "misses": [{"key": "k", "line": "why"}]}
    lines = plugin._summary([{**missed, "attempt": attempt} for attempt in (1, 2, 3)])
    assert lines == [
        "1 test asked, 0 answers replayed",
        "1 test missed:",
        "  test_a.py::test_flaky (3 attempts)  why",
    ]
