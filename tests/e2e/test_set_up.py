"""When run-proxy.sh makes .venv and when it does not, with a made-up interpreter that installs nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Keeps a log of what it is asked, makes a venv whose python is itself, lets pip "install" the command, and compiles nothing.
FAKE = """#!/bin/sh
isolated=""
case "$1" in -I | -P) isolated=$1 && shift ;; esac
case "$1 $2" in
    "-m venv") echo "venv" >>"$LOG"; for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
    "-m ensurepip") echo "ensurepip" >>"$LOG" ;;
    "-m pip") shift 2; [ "$1" != --python ] || { outside=" from outside" && shift 2; }
        [ "$1" = --version ] && exit ${NO_PIP:+1}
        echo "pip $* with $PIP_CONSTRAINT$outside" >>"$LOG"; sleep "${SLOW:-0}"
        [ -z "${PIP_FAILS:-}" ] || { echo "ERROR: no matching distribution" >&2; exit 1; }
        echo "Collecting click==8.5.1 (from -c constraints)"; echo "Installing collected packages: click, rich, x"
        printf '#!/bin/sh\\n[ -z "${SHOW:-}" ] || echo "${PYTHONPATH-unset} $_PROVIDER_PROXY_PYTHONPATH"\\necho "in $PWD:"; printf "<%%s>" "$@"\\n' >.venv/bin/provider-proxy
        chmod +x .venv/bin/provider-proxy ;;
    "-O -c") echo "compile" >>"$LOG" ;;
    *) exec "{python}" $isolated "$@" ;;
esac
"""
PIP = "pip install --no-compile --progress-bar off --editable"
LOCKED = "with .ci/constraints.txt from outside"
INSTALLED = [f"{PIP} . {LOCKED}", "compile"]


class _Tree:
    """A fresh tree with the scripts, in a folder whose name has a blank."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a tree"
        self.venv = self.root / ".venv"
        (self.root / ".ci").mkdir(parents=True)
        for name in ("run-proxy.sh", ".ci/setup.sh", ".ci/constraints.txt", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        python = folder / "python"
        python.write_text(FAKE.replace("{python}", sys.executable))
        python.chmod(0o755)
        self._log = folder / "log"
        self._log.touch()
        self.environ = {"PATH": os.environ["PATH"], "PYTHON": str(python), "LOG": str(self._log)}

    def start(self, *arguments: str, script: Path | None = None) -> subprocess.Popen[str]:
        """run-proxy.sh, started in the folder above the tree."""
        return subprocess.Popen(
            [str(script or self.root / "run-proxy.sh"), *arguments],
            cwd=self.root.parent,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, script: Path | None = None) -> tuple[int, str, str]:
        """Its status, stdout and stderr."""
        process = self.start(*arguments, script=script)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def has_begun_to_install(self) -> bool:
        """Whether pip was called."""
        return "pip" in self._log.read_text()

    def log(self) -> list[str]:
        """The steps since the last call."""
        lines = self._log.read_text().splitlines()
        self._log.write_text("")
        return lines


@pytest.fixture
def tree(tmp_path: Path) -> _Tree:
    """A fresh tree."""
    return _Tree(tmp_path)


def test_once(tree: _Tree) -> None:
    """The first start sets up and says so on stderr; a second does and says nothing but its work."""
    status, out, err = tree.run("ls")
    assert (status, out) == (0, f"in {tree.root.parent}:\n<ls>")
    begun, installing, done = err.splitlines()
    assert begun == f"provider-proxy: setting up {tree.venv} (once)"
    assert installing == "provider-proxy: installing 3 packages"
    assert re.fullmatch(r"provider-proxy: set up in \d+ seconds", done)
    assert tree.log() == ["venv", *INSTALLED]
    assert tree.run("ls") == (0, out, "")
    assert tree.log() == []


@pytest.mark.parametrize(
    ("arguments", "handed_over"),
    [
        ([], "<serve>"),
        (["web"], "<serve><--web>"),
        (["web", "--port", "1"], "<serve><--web><--port><1>"),
        (["--", "sh", "-c", "a  b"], "<run><--><sh><-c><a  b>"),
        (["--"], "<run><-->"),
        (["ci", "--x=y z"], "<ci><--x=y z>"),
        (["show", "*", "$HOME", ""], "<show><*><$HOME><>"),
        ([""], "<>"),
    ],
)
def test_what_is_handed_over(tree: _Tree, arguments: list[str], handed_over: str) -> None:
    """Nothing, `web` and `--` mean more, everything else is handed over as it is."""
    assert tree.run(*arguments)[1].splitlines()[1] == handed_over


def test_through_symbolic_links(tree: _Tree) -> None:
    """The tree is found through links, relative ones too, from another folder."""
    folder = tree.root.parent / "links"
    folder.mkdir()
    (folder / "one").symlink_to("../a tree/run-proxy.sh")
    (folder / "two").symlink_to(folder / "one")
    assert tree.run("ls", script=folder / "two")[0] == 0
    assert tree.venv.is_dir()


def test_pyproject_changed(tree: _Tree) -> None:
    """Another pyproject.toml is installed into the venv that is there."""
    tree.run("ls")
    tree.log()
    (tree.venv / "mine").touch()
    with (tree.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    tree.run("ls")
    assert tree.log() == INSTALLED
    assert (tree.venv / "mine").exists()
    tree.run("ls")
    assert tree.log() == []


def test_a_moved_tree(tree: _Tree) -> None:
    """In a folder that was moved the paths in the venv are wrong: it is set up again."""
    tree.run("ls")
    tree.log()
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    assert tree.run("ls")[0] == 0
    assert tree.log() == INSTALLED


def test_a_failed_set_up_is_made_anew(tree: _Tree) -> None:
    """Where pip fails the start ends with 1 and a line on stderr; the next one begins from nothing."""
    tree.environ["PIP_FAILS"] = "1"
    status, out, err = tree.run("ls")
    assert (status, out) == (1, "")
    assert "\nERROR: no matching distribution\nprovider-proxy: setting up" in err
    assert err.endswith("failed, see above; the next start tries again\n")
    (tree.venv / "half").touch()
    del tree.environ["PIP_FAILS"]
    tree.log()
    assert tree.run("ls")[0] == 0
    assert tree.log() == ["venv", *INSTALLED]
    assert not (tree.venv / "half").exists()


def test_a_killed_set_up_is_made_anew(tree: _Tree) -> None:
    """A start that was killed while it installed leaves neither a lock nor a venv that is trusted."""
    tree.environ["SLOW"] = "30"
    process = tree.start("ls")
    while not tree.has_begun_to_install():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    tree.log()
    del tree.environ["SLOW"]
    (tree.venv / "bin" / "provider-proxy").touch()
    assert tree.run("ls")[0] == 0
    assert tree.log() == ["venv", *INSTALLED]


def test_an_interrupted_set_up_says_so(tree: _Tree) -> None:
    """Ctrl-C ends it with one line, and nothing of pip's log."""
    tree.environ["SLOW"] = "30"
    process = tree.start("ls")
    while not tree.has_begun_to_install():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[1:] == ["provider-proxy: set-up interrupted; the next start makes it anew"]


def test_a_venv_that_does_not_run(tree: _Tree) -> None:
    """A venv whose interpreter is gone is made anew."""
    tree.run("ls")
    tree.log()
    (tree.venv / "bin" / "python").unlink()
    (tree.venv / "bin" / "python").symlink_to("/gone/python")
    assert tree.run("ls")[0] == 0
    assert tree.log() == ["venv", *INSTALLED]


def test_a_venv_made_by_hand(tree: _Tree) -> None:
    """A venv that somebody made, and that works, is not thrown away."""
    subprocess.run([tree.environ["PYTHON"], "-m", "venv", str(tree.venv)], env=tree.environ, check=True)
    (tree.venv / "mine").touch()
    tree.log()
    assert tree.run("ls")[0] == 0
    assert tree.log() == INSTALLED
    assert (tree.venv / "mine").exists()


def test_two_at_once(tree: _Tree) -> None:
    """Of two first starts one sets up, the other waits for it and says so."""
    tree.environ["SLOW"] = "1"
    both = [tree.start("ls") for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert tree.log() == ["venv", *INSTALLED]
    assert "setting up" in said[0]
    assert "waiting" in said[1]


def test_the_test_extra(tree: _Tree) -> None:
    """With the `dev` extra it is installed on top, in the newest versions, and has every other extra."""
    tree.run("ls")
    tree.log()
    script = f"cd '{tree.root}' && . .ci/setup.sh && set_up \"$PWD\" dev"
    for expected in (["pip install -qq pip>=25 with ", f"{PIP} .[dev] with ", "compile"], []):
        subprocess.run(["bash", "-uc", script], env=tree.environ, check=True, capture_output=True)
        assert tree.log() == expected
    tree.environ["PROVIDER_PROXY_REDIS_URL"] = "redis://x"
    tree.run("ls")
    assert tree.log() == []


def test_extras(tree: _Tree) -> None:
    """Those that the environment asks for, or `extras` adds, are installed once and stay when something else changes."""
    tree.environ["PROVIDER_PROXY_REMOTE"] = "s3://x"
    tree.run("ls")
    assert tree.log() == ["venv", f"{PIP} .[buckets] {LOCKED}", "compile"]
    del tree.environ["PROVIDER_PROXY_REMOTE"]
    assert tree.run("extras", "redis", "buckets")[0] == 0
    assert tree.log() == [f"{PIP} .[redis,buckets] {LOCKED}", "compile"]
    for arguments in (["ls"], ["extras", "redis"]):
        assert tree.run(*arguments)[0] == 0
        assert tree.log() == []
    with (tree.root / ".ci" / "constraints.txt").open("a") as file:
        file.write("# changed\n")
    tree.run("ls")
    assert tree.log() == [f"{PIP} .[buckets,redis] {LOCKED}", "compile"]
    status, _, err = tree.run("extras", "rediss")
    assert (status, err.count("\n"), "[redis]" in err) == (2, 1, True)


def test_a_python_without_pip(tree: _Tree) -> None:
    """The venv gets a pip of its own, as on Debian, where pip is in a package of its own."""
    tree.environ["NO_PIP"] = "1"
    assert tree.run("ls")[0] == 0
    assert tree.log() == ["venv", "ensurepip", f"{PIP} . with .ci/constraints.txt", "compile"]


def test_from_wheels(tree: _Tree) -> None:
    """`wheels` fills a folder, with every extra; with PROVIDER_PROXY_WHEELS pip asks no registry."""
    wheels = tree.root.parent / "my wheels"
    assert tree.run("wheels", "my wheels")[0] == 0
    made = f"pip wheel -qq --wheel-dir {wheels} .[all] hatchling editables {LOCKED}"
    assert tree.log() == ["venv", *INSTALLED, made]
    tree.environ["PROVIDER_PROXY_WHEELS"] = "my wheels"
    assert tree.run("extras", "redis")[0] == 0
    assert tree.log() == [f"{PIP} .[redis] --no-index --find-links {wheels} {LOCKED}", "compile"]
    assert tree.run("wheels")[0] == 2


def test_nothing_foreign_is_imported_while_setting_up(tree: _Tree) -> None:
    """A venv.py or pip.py in the working directory or on PYTHONPATH does not run, and the command gets the variable
    back by the name that our own start knows."""
    for name in ("venv", "pip", "ensurepip", "fcntl", "json"):
        (tree.root.parent / f"{name}.py").write_text("raise SystemExit('ANOTHER FILE')\n")
    tree.environ |= {"PYTHONPATH": str(tree.root.parent), "SHOW": "yes"}
    status, out, err = tree.run("ls")
    assert (status, out.splitlines()[0]) == (0, f"unset {tree.root.parent}"), err
    assert "ANOTHER FILE" not in out + err
