"""run-proxy.sh's search for an interpreter, with made-up interpreters on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or ""
FAILS = "#!/bin/sh\necho 'this shim runs nothing' >&2\nexit 127\n"
# The script asks with `-c CODE`; an old one answers as that code does there.
OLD = "#!/bin/sh\nexit 1\n"


class _Machine:
    """A PATH, a home and a pyenv of one's own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.pyenv = folder / "pyenv"
        self.path.mkdir()
        # What the scripts themselves call; everything else is not on this machine.
        for tool in ("readlink",):
            (self.path / tool).symlink_to(shutil.which(tool) or "")
        self.environ = {"PATH": str(self.path), "HOME": str(folder / "home"), "PYENV_ROOT": str(self.pyenv)}

    def add(self, where: Path, text: str | None = None) -> str:
        """An interpreter at `where`: a script, or a real one that works."""
        where.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            where.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        else:
            where.write_text(text)
        where.chmod(0o755)
        return str(where)

    def find(self) -> str:
        """What the search prints; "" where it finds none."""
        script = f". '{ROOT}/.ci/setup.sh'; find_python"
        done = subprocess.run(
            [BASH, "-uc", script], env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        assert done.returncode == (0 if done.stdout else 1)
        return done.stdout.strip()


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    """A machine in a folder whose name has a blank."""
    folder = tmp_path / "a machine"
    folder.mkdir()
    return _Machine(folder)


def test_pythons_own_variable_first(machine: _Machine) -> None:
    """PYTHON wins, with blanks in its path, or as a name on PATH."""
    machine.add(machine.path / "python3.14")
    machine.environ["PYTHON"] = machine.add(machine.path / "my python")
    assert machine.find() == str(machine.path / "my python")
    machine.environ["PYTHON"] = "my python"
    assert machine.find() == "my python"


@pytest.mark.parametrize("text", [FAILS, OLD])
def test_pythons_own_variable_does_not_run(machine: _Machine, text: str) -> None:
    """A PYTHON that fails or is too old is passed over."""
    machine.environ["PYTHON"] = machine.add(machine.path / "mine", text)
    machine.add(machine.path / "python3.12")
    assert machine.find() == "python3.12"


def test_uv_before_path(machine: _Machine) -> None:
    """What uv finds comes before the names on PATH."""
    from_uv = machine.add(machine.path.parent / "uv" / "python3")
    machine.add(machine.path / "uv", f"#!/bin/sh\n[ \"$1 $2\" = 'python find' ] && echo '{from_uv}'\n")
    machine.add(machine.path / "python3.14")
    assert machine.find() == from_uv


def test_uv_finds_nothing(machine: _Machine) -> None:
    """A uv that fails stops nothing."""
    machine.add(machine.path / "uv", FAILS)
    machine.add(machine.path / "python3.13")
    assert machine.find() == "python3.13"


def test_newest_name_that_runs(machine: _Machine) -> None:
    """Shims that fail and a python3 that is too old are passed over, newer names come first."""
    machine.add(machine.path / "python3.14", FAILS)
    machine.add(machine.path / "python3", OLD)
    machine.add(machine.path / "python3.12")
    machine.add(machine.path / "python3.13")
    assert machine.find() == "python3.13"


def test_python3_last(machine: _Machine) -> None:
    """A plain python3 does where it is new enough."""
    machine.add(machine.path / "python3")
    assert machine.find() == "python3"


def test_pyenv_versions(machine: _Machine) -> None:
    """Where PATH has shims only, pyenv's own versions are tried, newest minor version first."""
    for name in ("python3.13", "python3.12", "python3"):
        machine.add(machine.path / name, FAILS)
    machine.add(machine.pyenv / "versions" / "3.11.7" / "bin" / "python", OLD)
    machine.add(machine.pyenv / "versions" / "3.12.1" / "bin" / "python")
    machine.add(machine.pyenv / "versions" / "3.13.0" / "bin" / "python", FAILS)
    assert machine.find() == str(machine.pyenv / "versions" / "3.12.1" / "bin" / "python")


def test_pyenv_below_home(machine: _Machine) -> None:
    """Without PYENV_ROOT pyenv is looked for in the home directory."""
    del machine.environ["PYENV_ROOT"]
    found = machine.add(Path(machine.environ["HOME"]) / ".pyenv" / "versions" / "3.13.1" / "bin" / "python")
    assert machine.find() == found


def test_a_real_old_interpreter(machine: _Machine) -> None:
    """The version is asked of the interpreter, whatever it is called."""
    old = next((p for v in range(6, 12) for p in _pyenv_of_this_machine(v)), None)
    if old is None:
        pytest.skip("no Python older than 3.12 here")
    machine.environ["PYTHON"] = str(old)
    assert machine.find() == ""


def _pyenv_of_this_machine(minor: int) -> list[Path]:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return sorted(root.glob(f"versions/3.{minor}.*/bin/python"))


def test_none_at_all(machine: _Machine, tmp_path: Path) -> None:
    """Without any, run-proxy.sh says in one line what to install, exits 2, and makes no .venv."""
    tree = tmp_path / "the tree"
    (tree / ".ci").mkdir(parents=True)
    for name in ("run-proxy.sh", ".ci/setup.sh", ".ci/constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tree / name)
    machine.add(machine.path / "python3", OLD)
    done = subprocess.run(
        [BASH, str(tree / "run-proxy.sh"), "--help"],
        env=machine.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "install" in done.stderr
    assert "3.12" in done.stderr
    assert not (tree / ".venv").exists()
