"""Peers that are not ours: from PyPI into environments of their own, from Debian unpacked beside them.

All lies in one folder of the user's cache; the system is left as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.processes import Absent

__all__ = ["debian", "python_environment"]


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(cache).expanduser() / "provider-proxy-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python_environment(name: str, requirements: list[str]) -> Path:
    """The `bin` of a virtual environment with `requirements`, made the first time. Raises Absent."""
    folder = _folder() / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}"
    done = folder / "installed"
    if not done.exists():
        print(f"installing {', '.join(requirements)} …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *requirements])
        done.touch()
    return folder / "bin"


def debian(program: str, packages: list[str]) -> tuple[str, dict[str, str]]:
    """`program` and the environment that it needs: the installed one, else out of Debian's packages. Raises Absent."""
    if found := shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return found, {}
    if not shutil.which("apt-get"):
        raise Absent(f"no {program} and no apt-get")
    folder = _folder() / f"debian-{program}"
    done = folder / "unpacked"
    if not done.exists():
        print(f"fetching {', '.join(packages)} …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            _run(["apt-get", "download", "-q", *packages], folder)
        except Absent:
            _run(["apt-get", "update", "-q"], folder)  # a fresh container has no lists
            _run(["apt-get", "download", "-q", *packages], folder)
        for package in folder.glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(folder)])
        done.touch()
    binary = next((path for path in folder.rglob(program) if path.parent.name in ("bin", "sbin")), None)
    if binary is None:
        raise Absent(f"Debian's {packages[0]} holds no {program}")
    libraries = {str(path.parent) for path in folder.rglob("*.so*")}
    return str(binary), {"LD_LIBRARY_PATH": ":".join(sorted(libraries))} if libraries else {}


def _run(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Absent(
            f"{' '.join([Path(command[0]).name, *command[1:3]])}: {lines[-1] if lines else done.returncode}"[
                :200
            ]
        )
