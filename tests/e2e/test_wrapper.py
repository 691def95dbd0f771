"""run-proxy.sh as a user runs it: a fresh tree in a folder with a blank in its name, nothing installed before."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
# What a clone does not bring along.
NOT_CLONED = shutil.ignore_patterns(
    ".git", ".venv", ".provider-proxy", "__pycache__", ".*_cache", ".hypothesis"
)
# Of the caller's, which would change what is tested here.
NOT_OURS = ("_proxy", "_PROXY", "PROVIDER_PROXY_", "GITHUB_", "CA_BUNDLE", "SSL_CERT_")


class _User:
    """Somebody in a folder of their own, with a fresh clone."""

    def __init__(self, folder: Path, clone: Path) -> None:
        self.script = clone / "run-proxy.sh"
        self.home = folder / "my project"
        self.home.mkdir()
        kept = {k: v for k, v in os.environ.items() if not any(part in k for part in NOT_OURS)}
        # HOME stays, so that pip finds its cache.
        self.environ = {**kept, "XDG_DATA_HOME": str(folder / "data"), "PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}

    def start(self, *command: str | Path, **environ: str) -> subprocess.Popen[str]:
        """A command in the user's folder."""
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=self.home,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str | Path, **environ: str) -> tuple[int, str, str]:
        """Its status, stdout and stderr."""
        process = self.start(*command, **environ)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def proxy(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        """The same for run-proxy.sh."""
        return self.run(self.script, *arguments, **environ)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> _User:
    """A user whose first call, or another worker's, has set everything up."""
    base = tmp_path_factory.getbasetemp()
    clone = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "a fresh clone"
    user = _User(tmp_path_factory.mktemp("user"), clone)
    with clone.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not clone.exists():
            shutil.copytree(ROOT, clone, ignore=NOT_CLONED, symlinks=True)
            _set_up(user)
    return user


def _set_up(user: _User) -> None:
    # pip may need a proxy of the machine's to install anything.
    of_the_machine = {k: v for k, v in os.environ.items() if "PROVIDER_PROXY_" not in k}
    status, out, err = user.proxy("--help", **of_the_machine)
    assert status == 0, err
    assert "serve" in out
    assert err.splitlines()[0].endswith("(once)")


@pytest.fixture
def background(user: _User) -> Iterator[_User]:
    """A user whose background proxy, if one is left, is stopped in the end."""
    yield user
    user.proxy("stop")


def test_second_start_is_silent(user: _User) -> None:
    """A second call installs nothing and says nothing but what the command says."""
    status, out, err = user.proxy("--help")
    assert (status, err) == (0, "")
    assert out == user.run(user.script.parent / ".venv/bin/provider-proxy", "--help")[1]


def test_nothing_appears_in_the_clone(user: _User) -> None:
    """The set-up leaves .venv in the clone and nothing else that git would show."""
    before = {path.name for path in ROOT.iterdir()}
    extra = {path.name for path in user.script.parent.iterdir()} - before - {".venv", "__pycache__"}
    assert extra == set()


@pytest.mark.parametrize(
    ("command", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_exit_status_of_the_command(user: _User, command: str, status: int) -> None:
    """`-- COMMAND` ends as COMMAND does, 128+n for signal n."""
    assert user.proxy("--", "sh", "-c", command)[0] == status


def test_command_that_does_not_exist(user: _User) -> None:
    """127 and one line that names it, as a shell has it."""
    status, _, err = user.proxy("--", "no-such-command-here")
    assert status == 127
    assert "no-such-command-here" in err
    assert "Traceback" not in err


def test_no_command(user: _User) -> None:
    """`--` alone is wrong usage."""
    status, out, err = user.proxy("--")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_the_commands_arguments_and_folder(user: _User) -> None:
    """COMMAND runs where the user is, with its arguments untouched, and only its output is on stdout."""
    status, out, _ = user.proxy("--", "sh", "-c", 'pwd; printf "<%s>" "$@"', "-", "a  b", "*", "--help", "")
    assert (status, out) == (0, f"{user.home}\n<a  b><*><--help><>")


def test_the_commands_environment(user: _User) -> None:
    """COMMAND finds the proxy, and a bundle that holds our CA."""
    status, out, _ = user.proxy("--", "sh", "-c", 'echo "$HTTPS_PROXY"; cat "$SSL_CERT_FILE"')
    url, _, bundle = out.partition("\n")
    assert status == 0
    assert url.startswith("http://127.0.0.1:")
    ca = (Path(user.environ["XDG_DATA_HOME"]) / "provider-proxy" / "mitmproxy-ca-cert.pem").read_text()
    assert ca in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 50


def test_signals_reach_the_command(user: _User) -> None:
    """SIGTERM to the wrapper's process reaches COMMAND, whose own end counts, and nothing is left running."""
    script = 'trap "exit 9" TERM; echo "$$ $HTTPS_PROXY"; while :; do sleep 0.1; done'
    process = user.start(user.script, "--", "sh", "-c", script)
    assert process.stdout
    pid, url = process.stdout.readline().split()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 9
    assert not _runs(int(pid))
    assert not _answers(url)


def test_serve_in_the_foreground(user: _User) -> None:
    """Without arguments it serves, prints the lines to export, and SIGTERM ends it with the report."""
    process = user.start(user.script)
    assert process.stdout
    line = next(line for line in process.stdout if line.startswith("export HTTPS_PROXY="))
    url = line.split("=", 1)[1].strip().strip("'")
    assert _answers(url)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "requests" in err
    assert not _answers(url)


def test_web_is_serve_web(user: _User) -> None:
    """`web` means `serve --web`, and takes serve's options."""
    assert user.proxy("web", "--help") == user.proxy("serve", "--web", "--help")
    assert user.proxy("web", "--help")[0] == 0


def test_demo(user: _User) -> None:
    """The demo plays to its end: recorded while the provider is on, replayed and refused while it is off."""
    status, out, err = user.proxy("demo")
    assert status == 0, err
    assert "Traceback" not in err
    rows = [line.split()[-5:-2] for line in out.splitlines() if line.endswith(" ms")]
    recorded, replayed = ["on", "200", "false"], ["off", "200", "true"]
    limited, missed = ["off", "429", "false"], ["off", "502", "false"]
    assert rows == [recorded, recorded, replayed, replayed, limited, replayed, replayed, missed]


def test_ci_and_stop(background: _User) -> None:
    """`ci` is for eval: exports on stdout only; a second one exits 2; `stop` reports and leaves nothing running."""
    user = background
    github = user.home / "github env"
    script = f"""
        set -e
        eval "$('{user.script}' ci)"
        echo "$HTTPS_PROXY"
        [ -f .provider-proxy/proxy.log ] && [ -n "$SSL_CERT_FILE" ] && [ -z "${{SSL_CERT_DIR+set}}" ]
        '{user.script}' ci >second && exit 1; echo $?
        [ -s second ] && exit 1
        '{user.script}' stop >report; echo $?
    """
    status, out, err = user.run("sh", "-c", script, GITHUB_ENV=str(github), SSL_CERT_DIR="/etc/ssl/certs")
    assert status == 0, err
    url, second, stopped = out.split()
    assert (second, stopped) == ("2", "0")
    assert "requests" in (user.home / "report").read_text()
    assert f"\n{url}\n" in github.read_text()
    assert "SSL_CERT_DIR=\n" in github.read_text()
    assert not _answers(url)


def test_ci_prints_nothing_but_exports(background: _User) -> None:
    """Each line of `ci` on stdout is for the shell, and the proxy answers when it returns."""
    status, out, _ = background.proxy("ci")
    assert status == 0
    assert {line.split()[0] for line in out.splitlines()} == {"export", "unset"}
    url = next(line for line in out.splitlines() if line.startswith("export HTTPS_PROXY=")).split("=", 1)[1]
    assert _answers(url)


def test_stop_without_ci(user: _User) -> None:
    """`stop` where nothing runs is wrong usage, in one line."""
    status, out, err = user.proxy("stop")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_through_a_link_on_path(user: _User, tmp_path: Path) -> None:
    """A symbolic link on PATH does, without setting up anything again."""
    (tmp_path / "pp").symlink_to(user.script)
    path = f"{tmp_path}{os.pathsep}{user.environ['PATH']}"
    assert user.run("sh", "-c", "pp -- sh -c 'exit 7'", PATH=path)[0] == 7


def _answers(url: str) -> bool:
    """Whether a proxy says that it is healthy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/-/healthz", timeout=120) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _runs(pid: int) -> bool:
    """Whether the process is there, after a moment to go."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True
