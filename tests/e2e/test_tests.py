"""Every request knows its test: clients name themselves and their tests, over the wire and in the real command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.e2e.command import provider_proxy
from tests.e2e.suites import environment
from tests.e2e.upstream import Upstream

# A suite of another language, as a shell would write it: three clients in three threads, each with its own tests.
_SUITE = """
import json, os, ssl, sys, threading, urllib.parse, urllib.request

proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
control = f"http://{proxy.hostname}:{proxy.port}/-/tests/"
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
plan, verdicts = json.loads(sys.argv[1]), {}
bare = urllib.request.build_opener(urllib.request.ProxyHandler({}))

def tell(method, client, body=None):
    data = None if body is None else json.dumps(body).encode()
    with bare.open(urllib.request.Request(control + client, data, method=method), timeout=120) as answer:
        return answer.read()

def run(client):
    url = f"http://{client}:x@{proxy.hostname}:{proxy.port}"
    for test, prompts in plan[client].items():
        tell("PUT", client, {"test": test, "file": "tests/test_a.py", "line": 7})
        for prompt in prompts:
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({"https": url}), urllib.request.HTTPSHandler(context=context)
            )
            body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": prompt}]}
            request = urllib.request.Request(
                os.environ["TEST_URL"], json.dumps(body).encode(), {"content-type": "application/json"}
            )
            try:
                with opener.open(request, timeout=120) as answer:
                    answer.read()
            except urllib.error.HTTPError as error:
                error.close()
        verdicts[test] = json.loads(tell("DELETE", client))

threads = [threading.Thread(target=run, args=(client,)) for client in plan]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(verdicts))
"""

WORKERS = "2" if sys.platform == "linux" else "1"  # elsewhere processes cannot share a port
PLAN = {
    f"gw{n}": {f"tests/test_a.py::test_{n}_{k}": [f"{n} {k} {i}" for i in range(3)] for k in range(4)}
    for n in range(3)
}


def _run(
    folder: Path, environ: dict[str, str], plan: dict[str, Any], *flags: str
) -> tuple[int, str, dict[str, Any]]:
    (folder / "suite.py").write_text(_SUITE)
    command = (sys.executable, "suite.py", json.dumps(plan))
    done = provider_proxy("run", *flags, "--", *command, environ=environ, folder=folder)
    return done.returncode, done.stderr, json.loads(done.stdout or "{}")


def _last(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / ".provider-proxy" / "last-run.json").read_text())
    return report


def test_every_figure_belongs_to_its_test(
    upstream: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """Of clients in parallel, with several processes: what a test asked is counted for it and for no other, as the
    provider saw it. A changed prompt is a miss of its test, in verdict, report, JUnit file and annotation."""
    env = environment(environ, upstream, PROVIDER_PROXY_WORKERS=WORKERS)
    status, errors, verdicts = _run(tmp_path, env, PLAN)
    assert status == 0, errors
    seen = [json.loads(body)["messages"][0]["content"] for *_, body in upstream.seen]
    assert sorted(seen) == sorted(
        prompt for tests in PLAN.values() for prompts in tests.values() for prompt in prompts
    )
    for tests in PLAN.values():
        for test in tests:
            verdict = verdicts[test]
            figures = [verdict[name] for name in ("requests", "hits", "stored", "live", "attempt", "coarse")]
            assert figures == [3, 0, 3, 3, 1, False]
            assert len(verdict["misses"]) == len(verdict["entries"]) == 3
            assert verdict["live_seconds"] > 0
    report = _last(tmp_path)
    assert report["version"] == 2
    assert {row["test"]: row["stored"] for row in report["tests"]} == dict.fromkeys(verdicts, 3)
    env |= {"PROVIDER_PROXY_CACHE_MODE": "read-only-require-hit", "GITHUB_ACTIONS": "true"}
    plan = {**PLAN, "gw1": PLAN["gw1"] | {"tests/test_a.py::test_1_2": ["1 2 0", "1 2 changed"]}}
    status, errors, verdicts = _run(tmp_path, env, plan, "--junit", "tests.xml")
    assert status == 3
    assert len(upstream.seen) == len(seen)
    missed = verdicts["tests/test_a.py::test_1_2"]
    assert (missed["hits"], [miss["pointer"] for miss in missed["misses"]]) == (1, ["/messages/0/content"])
    assert sum(len(verdict["misses"]) for verdict in verdicts.values()) == 1
    assert "misses by 1 test (tests/test_a.py::test_1_2 1)" in errors
    assert (
        "::warning file=tests/test_a.py,line=7,title=provider-proxy::tests/test_a.py::test_1_2 missed"
        in errors
    )
    assert "11 tests answered from the cache alone" in errors
    assert "asked by tests/test_a.py::test_1_2" in errors
    suite = ElementTree.parse(tmp_path / "tests.xml").getroot()[0]
    assert [case.get("name") for case in suite if case[0].tag == "failure"] == ["test_1_2"]
    shown = provider_proxy("report", "--test", "*::test_1_*", environ=environ, folder=tmp_path).stdout
    assert "test_1_3" in shown
    assert "test_0_" not in shown
    none = provider_proxy("report", "--test", "nothing*", environ=environ, folder=tmp_path)
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)


def test_what_can_be_done_with_the_entries_of_a_test(
    upstream: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """They are listed, named in a receipt, removed unless others use them, recorded again, and move with its name."""
    env = environment(environ, upstream)

    def told(*arguments: str) -> str:
        done = provider_proxy(*arguments, environ=env, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    plan = {"gw0": {"a::one": ["only one", "shared"], "a::two": ["only two", "shared"]}}
    assert _run(tmp_path, env, plan, "--receipt", "run.lock")[0] == 0
    assert upstream.count == 3
    sections = (
        (tmp_path / "run.lock").read_text().partition('test "a::one"\n')[2].partition('test "a::two"\n')
    )
    one, two = (set(section.split()) for section in (sections[0], sections[2]))
    assert (len(one), len(two), len(one & two)) == (2, 2, 1)
    assert {line.split("\t")[0] for line in told("ls", "--test", "*::one").splitlines()} == one
    (shared,) = one & two
    assert "used by   a::one" in told("show", shared)
    assert json.loads(told("show", shared, "--json"))["tests"] == ["a::one", "a::two"]
    unused = json.loads(told("prune", "--unused-by", "a::two", "--dry-run", "--json"))
    assert set(unused["keys"]) == one - two
    told("rm", "--test", "a::one")
    assert {line.split("\t")[0] for line in told("ls").splitlines()} == two
    assert _run(tmp_path, env, plan, "--refresh", "a::two")[0] == 0
    assert upstream.count == 6
    refused = provider_proxy(
        "run", "--mode", "read-only", "--refresh", "a::two", "--", "true", environ=env, folder=tmp_path
    )
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    env["PROVIDER_PROXY_REPEAT"] = "per-test"
    assert _run(tmp_path, env | {"PROVIDER_PROXY_CACHE_MODE": "write-only"}, plan)[0] == 0
    assert (
        "2 changed"
        in provider_proxy("rekey", "--rename-test", "a::one", "a::new", environ=env, folder=tmp_path).stderr
    )
    assert "0 changed" in provider_proxy("rekey", environ=env, folder=tmp_path).stderr
    renamed = {"gw0": {"a::new": ["only one", "shared"], "a::two": ["only two, now another", "shared"]}}
    env["PROVIDER_PROXY_CACHE_MODE"] = "read-only-require-hit"
    status, errors, verdicts = _run(tmp_path, env, renamed)
    assert status == 3
    assert (verdicts["a::new"]["hits"], verdicts["a::two"]["hits"]) == (2, 1)
    assert all("@" in key for verdict in verdicts.values() for key in verdict["entries"])
    assert "a::two: another request than its own recording, at /messages/0/content" in errors
