"""`run -- COMMAND`, `ci`, `stop`, `env`, `doctor`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addon.host.background import is_claimed
from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.upstream import Upstream

# A command that asks a provider as its environment says, with nothing but the standard library.
ASK = """
import json, os, ssl, sys, urllib.request
body, headers = json.dumps({"model": "m"}).encode(), {"content-type": "application/json"}
request = urllib.request.Request(sys.argv[1], body, headers)
with urllib.request.urlopen(request, timeout=120) as answer:
    print(answer.headers["x-provider-proxy-cache"], answer.read().decode())
"""


@pytest.fixture
def local(start_upstream: Callable[..., Upstream], environ: dict[str, str]) -> Upstream:
    """A provider on localhost, named in the hosts setting."""
    upstream = start_upstream()
    environ["PROVIDER_PROXY_HOSTS"] = f"localhost:{upstream.port}"
    environ["PROVIDER_PROXY_CACHE_MODE"] = "read-write"
    return upstream


def ask_command(upstream: Upstream) -> list[str]:
    """The command line that asks `upstream` once."""
    return [sys.executable, "-c", ASK, f"https://localhost:{upstream.port}/v1/chat/completions"]


def test_run_gives_its_command_a_proxy(local: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """The command's requests are recorded and replayed; its output is its own, the report is on stderr."""
    outputs = []
    for _ in range(2):
        done = provider_proxy("run", "--", *ask_command(local), environ=environ, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.split(" ", 1))
    assert [o[0] for o in outputs] == ["false", "true"]
    assert outputs[0][1] == outputs[1][1]
    assert local.count == 1
    assert "localhost" in done.stderr
    report = json.loads((tmp_path / ".provider-proxy" / "last-run.json").read_text())
    assert report["total"]["hits"] == 1


def test_dummy_keys(environ: dict[str, str], tmp_path: Path) -> None:
    """A replaying run sets the API keys that are missing, and no other; a run that may go live refuses to."""
    environ = {name: value for name, value in environ.items() if "API_KEY" not in name} | {
        "GROQ_API_KEY": "mine"
    }
    show = ("--dummy-keys", "--", "sh", "-c", 'echo "$OPENAI_API_KEY $GROQ_API_KEY"')
    replaying = provider_proxy(
        "run", "--mode", "read-only-require-hit", *show, environ=environ, folder=tmp_path
    )
    assert (replaying.returncode, replaying.stdout) == (0, "dummy mine\n"), replaying.stderr
    live = provider_proxy("run", "--mode", "read-write", *show, environ=environ, folder=tmp_path)
    assert (live.returncode, live.stdout) == (2, "")
    assert "--dummy-keys needs --mode read-only-require-hit" in live.stderr


@pytest.mark.parametrize(
    "outer", [("--mode", "read-only-require-hit", "--allow-misses"), ("--max-live", "0")], ids=" ".join
)
@pytest.mark.parametrize(
    "inner", [("--mode", "read-write"), ("--mode", "off"), ("--workers", "2")], ids=" ".join
)
def test_an_inner_run_sends_nothing_that_the_outer_one_forbids(
    outer: tuple[str, ...], inner: tuple[str, ...], local: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """The inner proxy goes through the outer one, to a provider on this machine too."""
    command = [
        "run",
        *outer,
        "--",
        *COMMAND,
        "run",
        *inner,
        "--cache-dir",
        "inner",
        "--",
        *ask_command(local),
    ]
    done = provider_proxy(*command, environ=environ, folder=tmp_path)
    assert "HTTP Error 502" in done.stderr
    assert local.count == 0


def test_an_inner_run_records_what_the_outer_one_forwards(
    local: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """The answer passes through both; the inner proxy trusts the CA of the outer one."""
    command = ["run", "--", *COMMAND, "run", "--cache-dir", "inner", "--", *ask_command(local)]
    for count in ("false", "true"):
        done = provider_proxy(*command, environ=environ, folder=tmp_path)
        assert (done.returncode, done.stdout.split()[0]) == (0, count), done.stderr
    assert local.count == 1


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_status_is_the_commands(
    script: str, status: int, environ: dict[str, str], tmp_path: Path
) -> None:
    """`run` ends as its command ended, also by a signal."""
    assert (
        provider_proxy("run", "--", "sh", "-c", script, environ=environ, folder=tmp_path).returncode == status
    )


def test_a_command_that_does_not_exist(environ: dict[str, str], tmp_path: Path) -> None:
    """127 and one line."""
    done = provider_proxy("run", "--", "no-such-command-here", environ=environ, folder=tmp_path)
    assert done.returncode == 127
    assert done.stderr.splitlines()[0] == "provider-proxy: no-such-command-here: command not found"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_command(number: int, environ: dict[str, str], tmp_path: Path) -> None:
    """A signal sent to `run` is the command's to handle; nothing is left running."""
    script = f"trap 'echo caught; exit 5' {number}; echo $$; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        [*COMMAND, "run", "--", "sh", "-c", script],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert (output, process.returncode) == ("caught\n", 5)
    assert not Path(f"/proc/{child}").exists()


def test_ctrl_c_waits_for_the_command(environ: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C goes to the whole group: the command ends by it, and `run` still reports."""
    process = subprocess.Popen(
        [*COMMAND, "run", "--", "sh", "-c",
         "trap 'sleep 0.3; echo tidied; exit 9' INT; echo ready; while :; do sleep 0.05; done"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert (output, process.returncode) == ("tidied\n", 9)
    assert "provider-proxy, mode" in errors


@pytest.fixture
def background(environ: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """Stops what `ci` left running."""
    yield
    provider_proxy("stop", environ=environ, folder=tmp_path)


@pytest.mark.usefixtures("background")
def test_ci_and_stop(local: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """`ci` prints exports and nothing else, a second one exits 2, `stop` prints the report."""
    github = tmp_path / "github.env"
    environ |= {"GITHUB_ENV": str(github), "PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}
    started = provider_proxy("ci", environ=environ, folder=tmp_path)
    assert started.returncode == 0, started.stderr
    assert all(line.startswith(("export ", "unset ")) for line in started.stdout.splitlines())
    assert "HTTPS_PROXY<<" in github.read_text()
    again = provider_proxy("ci", environ=environ, folder=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "stop it with `provider-proxy stop`" in again.stderr
    command = subprocess.list2cmdline(ask_command(local)[:2])
    script = f'{started.stdout}\n{command} "$ASK" {ask_command(local)[-1]}'
    for cached in ("false", "true"):
        done = subprocess.run(["sh", "-c", script], env=environ | {"ASK": ASK}, capture_output=True, text=True,
                              check=True, timeout=120)  # fmt: skip
        assert done.stdout.split()[0] == cached
    shown = provider_proxy("env", "--format", "json", environ=environ, folder=tmp_path)
    assert json.loads(shown.stdout)["HTTPS_PROXY"] in started.stdout
    stopped = provider_proxy("stop", environ=environ, folder=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert "localhost" in stopped.stdout
    assert provider_proxy("stop", environ=environ, folder=tmp_path).returncode == 2


@pytest.mark.usefixtures("background")
@pytest.mark.parametrize("github", [False, True])
def test_a_companys_proxy_password_does_not_stay(
    environ: dict[str, str], tmp_path: Path, *, github: bool
) -> None:
    """Only `stop` under GitHub needs the variables as they were; after it they are in none of our files."""
    environ |= {"HTTPS_PROXY": "http://corp:a-password@127.0.0.1:9", "PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}
    if github:
        environ["GITHUB_ENV"] = str(tmp_path / "github.env")
    assert provider_proxy("ci", environ=environ, folder=tmp_path).returncode == 0
    state = tmp_path / ".provider-proxy"
    assert ("a-password" in (state / "ci.json").read_text()) == github
    assert provider_proxy("stop", environ=environ, folder=tmp_path).returncode == 0
    assert not any(b"a-password" in file.read_bytes() for file in state.rglob("*") if file.is_file())
    if github:
        assert "http://corp:a-password@127.0.0.1:9\n" in (tmp_path / "github.env").read_text()


@pytest.mark.usefixtures("background")
def test_a_password_is_masked_before_it_is_printed(environ: dict[str, str], tmp_path: Path) -> None:
    """GitHub's runner reads stderr for its commands; `eval` gets stdout, which has exports and nothing else."""
    github = tmp_path / "github.env"
    environ |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ENV": str(github),
        "HTTPS_PROXY": "http://corp:company%20word@127.0.0.1:9",
        "PROVIDER_PROXY_AUTH": "user:p@ss 1%",
        "PROVIDER_PROXY_LISTEN": "127.0.0.1:0",
    }
    started = provider_proxy("ci", environ=environ, folder=tmp_path)
    assert started.stderr.splitlines() == ["::add-mask::p@ss 1%25", "::add-mask::p%2540ss%25201%2525"]
    assert "user:p%40ss%201%25@" in started.stdout
    assert "add-mask" not in started.stdout + github.read_text()
    shown = provider_proxy("env", environ=environ, folder=tmp_path)
    assert shown.stderr == started.stderr
    stopped = provider_proxy("stop", environ=environ, folder=tmp_path)
    assert "::add-mask::company word" in stopped.stderr
    assert "::add-mask::company%2520word" in stopped.stderr
    environ |= {"GITHUB_ACTIONS": "", "PROVIDER_PROXY_LISTEN": "127.0.0.1:8080"}
    assert provider_proxy("env", environ=environ, folder=tmp_path).stderr == ""


@pytest.mark.usefixtures("background")
def test_what_a_run_leaves_is_private(environ: dict[str, str], tmp_path: Path) -> None:
    """Log, state and report can be read by their owner alone, and git ignores the folder."""
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    assert provider_proxy("ci", environ=environ, folder=tmp_path).returncode == 0
    assert provider_proxy("stop", environ=environ, folder=tmp_path).returncode == 0
    state = tmp_path / ".provider-proxy"
    files = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir() if path.is_file()}
    assert files == dict.fromkeys((".gitignore", "ci.json", "last-run.json", "proxy.log"), 0o600)
    assert {path.stat().st_mode & 0o777 for path in (state, state / "cache")} == {0o700}
    assert "\n*\n" in (state / ".gitignore").read_text()


def test_stop_exports_nothing_of_a_forged_state(environ: dict[str, str], tmp_path: Path) -> None:
    """Neither a variable that we never set nor one with a line end reaches later steps."""
    (tmp_path / ".provider-proxy").mkdir()
    state = tmp_path / ".provider-proxy" / "ci.json"
    for before in ({"LD_PRELOAD": "/evil.so"}, {"HTTPS_PROXY": "x\nNODE_OPTIONS=--require=evil"}):
        state.write_text(json.dumps({"pid": 2, "url": "http://127.0.0.1:1", "before": before}))
        state.chmod(0o600)
        stopped = provider_proxy(
            "stop", environ=environ | {"GITHUB_ENV": str(tmp_path / "env")}, folder=tmp_path
        )
        assert (stopped.returncode, "no background proxy is running here" in stopped.stderr) == (2, True)
    assert not (tmp_path / "env").exists()


def test_stop_says_that_the_proxy_died(environ: dict[str, str], tmp_path: Path) -> None:
    """A proxy that was killed is no proxy that was never started."""
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    assert provider_proxy("ci", environ=environ, folder=tmp_path).returncode == 0
    pid = json.loads((tmp_path / ".provider-proxy" / "ci.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: not is_claimed(tmp_path / ".provider-proxy"), 10)
    stopped = provider_proxy("stop", environ=environ, folder=tmp_path)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert f"the background proxy (process {pid}) died" in stopped.stderr
    again = provider_proxy("stop", environ=environ, folder=tmp_path)
    assert (again.returncode, "no background proxy is running here" in again.stderr) == (2, True)


@pytest.mark.usefixtures("background")
def test_ci_after_one_that_died(environ: dict[str, str], tmp_path: Path) -> None:
    """A job's later steps have the dead proxy in their variables; `stop` sets back what was before that one."""
    github = tmp_path / "github.env"
    company = {"HTTPS_PROXY": "http://127.0.0.1:9", "PROVIDER_PROXY_AUTH": "me:secret"}
    environ |= {"GITHUB_ENV": str(github), "PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}
    first = provider_proxy("ci", environ=environ | company, folder=tmp_path)
    state = tmp_path / ".provider-proxy" / "ci.json"
    os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
    assert wait_for(lambda: not is_claimed(state.parent), 10)
    exports = (
        line.removeprefix("export ") for line in first.stdout.splitlines() if line.startswith("export ")
    )
    later = dict(line.replace("'", "").split("=", 1) for line in exports)
    second = provider_proxy("ci", environ=environ | company | later, folder=tmp_path)
    assert second.returncode == 0, second.stderr
    github.unlink()
    assert provider_proxy("stop", environ=environ | later, folder=tmp_path).returncode == 0
    set_back = github.read_text()
    assert "HTTPS_PROXY<<" in set_back
    assert "\nhttp://127.0.0.1:9\n" in set_back
    assert later["HTTPS_PROXY"] not in set_back


@pytest.mark.usefixtures("background")
def test_ci_that_cannot_start_says_why(environ: dict[str, str], tmp_path: Path) -> None:
    """Where the background proxy does not come up, `ci` exits 2 with its reason in one line."""
    (tmp_path / "file").write_text("x")
    done = provider_proxy("ci", "--cache-dir", str(tmp_path / "file"), environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "cache directory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_doctor_finds_everything_in_place(environ: dict[str, str], tmp_path: Path) -> None:
    """On a healthy machine every check is ok."""
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    done = provider_proxy("doctor", environ=environ, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "BAD" not in done.stdout


def test_doctor_sees_that_a_command_reaches_the_proxy(
    local: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """A command that goes through the proxy is ok, with its hosts counted."""
    done = provider_proxy("doctor", "--json", "--", *ask_command(local), environ=environ, folder=tmp_path)
    start = done.stdout.index("[\n")
    checks = {check["check"]: check for check in json.loads(done.stdout[start:])}
    assert checks["reached"] == {"check": "reached", "ok": True, "found": "localhost 1"}


def test_doctor_finds_a_silent_bypass(local: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """A command that ignores the proxy variables works, and goes live: doctor says so and exits 1."""
    command = ["env", "-u", "HTTPS_PROXY", "-u", "https_proxy", *ask_command(local)]
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    bypass = ASK.replace(
        "urllib.request.urlopen(request, timeout=120)",
        "urllib.request.urlopen(request, timeout=120, context=ssl._create_unverified_context())",
    )
    bypass = bypass.replace('answer.headers["x-provider-proxy-cache"]', '"-"')
    done = provider_proxy("doctor", "--", *command[:5], sys.executable, "-c", bypass, ask_command(local)[-1],
                          environ=environ, folder=tmp_path)  # fmt: skip
    assert (done.returncode, local.count) == (1, 1)
    assert "no request to a provider host reached the proxy" in done.stdout


def test_doctor_finds_a_client_without_the_ca(
    local: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """A command whose client does not trust the CA is named by host."""
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    done = provider_proxy("doctor", "--", "env", "SSL_CERT_FILE=/dev/null", *ask_command(local),
                          environ=environ, folder=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert "localhost 1: the client does not trust the CA" in done.stdout


@pytest.mark.skipif(shutil.which("wget") is None, reason="needs wget")
def test_doctor_finds_that_wget_does_not_trust_the_ca(
    local: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """Debian's looks at the certificate after the handshake and leaves without an alert."""
    environ["PROVIDER_PROXY_LISTEN"] = "127.0.0.1:0"
    url = f"https://localhost:{local.port}/v1/models"
    done = provider_proxy("doctor", "--", "env", "-u", "NO_PROXY", "-u", "no_proxy", "wget", "-qO-", "-t1", url,
                          environ=environ, folder=tmp_path)  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"localhost 1: the client (left before its first request|does not trust)", done.stdout)


def test_demo_tells_the_story(environ: dict[str, str], tmp_path: Path) -> None:
    """The demo records, replays with the provider off, survives a 429, and explains a miss."""
    done = provider_proxy("demo", environ=environ, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "streamed" in done.stdout
    assert re.search(r"off +429 +false.*\nits retry +off +200 +true", done.stdout)
    assert "provider-proxy run -- pytest" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_ls_show_rm_stats(local: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """A recorded entry is listed, shown, counted and removed by a shortened key."""
    provider_proxy("run", "--", *ask_command(local), environ=environ, folder=tmp_path)
    (entry,) = json.loads(provider_proxy("ls", "--json", environ=environ, folder=tmp_path).stdout)
    assert (entry["host"], entry["path"], entry["status"]) == ("localhost", "/v1/chat/completions", 200)
    assert entry["key"][:12] in provider_proxy("ls", environ=environ, folder=tmp_path).stdout
    short = entry["key"].removeprefix("pp2-")[:8]
    shown = provider_proxy("show", short, environ=environ, folder=tmp_path)
    assert "answer 1" in shown.stdout
    raw = provider_proxy("show", "--raw", entry["key"], environ=environ, folder=tmp_path)
    assert json.loads(raw.stdout)["object"] == "chat.completion"
    stats = json.loads(provider_proxy("stats", "--json", environ=environ, folder=tmp_path).stdout)
    assert (stats["entries"], stats["hosts"]) == (1, {"localhost": 1})
    assert provider_proxy("rm", "ffff", environ=environ, folder=tmp_path).returncode == 2
    assert provider_proxy("rm", short, environ=environ, folder=tmp_path).returncode == 0
    assert json.loads(provider_proxy("ls", "--json", environ=environ, folder=tmp_path).stdout) == []


def test_a_company_proxy_is_the_way_to_the_provider(
    environ: dict[str, str], tmp_path: Path, start_proxy: Callable[..., Proxy]
) -> None:
    """An HTTPS_PROXY that is there already is not lost: what is forwarded goes through it."""
    corporate = start_proxy(None, "off", hosts="nothing.example")
    environ |= {"HTTPS_PROXY": corporate.url, "PROVIDER_PROXY_HOSTS": "not-a-provider.example"}
    command = ["run", "--", sys.executable, "-c", ASK, "https://not-a-provider.example/v1/x"]
    assert provider_proxy(*command, environ=environ, folder=tmp_path).returncode != 0
    assert "tunnelled: not-a-provider.example 1" in corporate.stop()


def test_nothing_is_sent_to_a_company_proxy_in_require_hit(
    environ: dict[str, str], tmp_path: Path, start_proxy: Callable[..., Proxy]
) -> None:
    """Behind a company's proxy a miss that may not be forwarded does not even reach that proxy."""
    corporate = start_proxy(None, "off", hosts="nothing.example")
    environ |= {"HTTPS_PROXY": corporate.url, "PROVIDER_PROXY_HOSTS": "not-a-provider.example",
                "PROVIDER_PROXY_CACHE_MODE": "read-only-require-hit"}  # fmt: skip
    command = ["run", "--", sys.executable, "-c", ASK, "https://not-a-provider.example/v1/x"]
    assert provider_proxy(*command, environ=environ, folder=tmp_path).returncode != 0
    assert "tunnelled" not in corporate.stop()
