"""Nothing of the working directory or of PYTHONPATH is imported into a process of ours."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from addon.runners import PYTEST_FOLDER

ROOT = Path(__file__).parents[2]
CONSOLE_SCRIPT = (
    "import sys\nfrom provider_proxy_start import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
)
# What a foreign file would do: say so and end the process.
FOREIGN = "import os\nos.write(2, b'FOREIGN ' + __file__.encode())\nos._exit(99)\n"
OURS = ("addon", "cache_store", "tests")
DEPENDENCIES = (
    "backports",
    "certifi",
    "click",
    "cryptography",
    "diskcache",
    "genai_prices",
    "h2",
    "hpack",
    "mitmproxy",
    "mitmproxy_rs",
    "obstore",
    "orjson",
    "pyparsing",
    "redis",
    "rich",
    "ruamel",
    "sortedcontainers",
    "tornado",
    "typing_extensions",
    "wsproto",
    "yaml",
)


def _loaded_at_start(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module for every name that could be imported, but for those that Python itself needs first."""
    folder = tmp_path_factory.mktemp("modules")
    names = {*sys.stdlib_module_names, *DEPENDENCIES, "logging", "entry"} - _loaded_at_start("import runpy")
    for name in names:
        (folder / f"{name}.py").write_text(FOREIGN)
    assert {"json", "logging", "typing", "queue", "click", "h2", "asyncio", "email"} <= names
    return folder


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages that are called like ours and our dependencies."""
    folder = tmp_path_factory.mktemp("packages")
    for name in (*OURS, *DEPENDENCIES):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(FOREIGN)
    return folder


@pytest.fixture(params=["modules", "packages"])
def foreign(request: pytest.FixtureRequest) -> Path:
    """Each of the two folders."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    """The console script as pip writes it; an older installation has another."""
    script = tmp_path / "bin" / "provider-proxy"
    script.parent.mkdir()
    # A first line cannot name a path with a blank; pip then writes a shell's line that Python reads as a text.
    first = f"#!/bin/sh\n'''exec' \"{sys.executable}\" \"$0\" \"$@\"\n' '''\n"
    script.write_text(first + CONSOLE_SCRIPT)
    script.chmod(0o755)
    return (str(script),)


def test_the_console_script_is_the_isolated_start() -> None:
    """pip writes what the other tests run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"provider-proxy": "provider_proxy_start:main"}
    assert "provider_proxy_start.py" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]


class _User:
    """Somebody who works in `folder`, maybe with a PYTHONPATH."""

    def __init__(
        self, command: tuple[str, ...], environ: dict[str, str], tmp_path: Path, path: str | None
    ) -> None:
        self.command = command
        self.environ = environ | {"PROVIDER_PROXY_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}
        if path is not None:
            self.environ["PYTHONPATH"] = path

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "FOREIGN" not in done.stdout + done.stderr, done.stderr
        return done


WAYS = ("working directory", "PYTHONPATH", "PYTHONPATH=.", "PYTHONPATH=")


@pytest.fixture(params=WAYS)
def user(
    request: pytest.FixtureRequest,
    command: tuple[str, ...],
    environ: dict[str, str],
    tmp_path: Path,
    foreign: Path,
) -> _User:
    """A user whose foreign files are in the working directory, on PYTHONPATH, or both."""
    paths = {"working directory": None, "PYTHONPATH": str(foreign), "PYTHONPATH=.": ".", "PYTHONPATH=": ""}
    return _User(command, environ, tmp_path, paths[request.param])


def test_commands(user: _User, foreign: Path) -> None:
    """Every way of starting works, and the user's command gets its PYTHONPATH, behind the folder for pytest."""
    done = user(
        foreign, "run", "--", "sh", "-c", 'echo "${PYTHONPATH-unset} ${_PROVIDER_PROXY_PYTHONPATH-gone}"'
    )
    path = ":".join(filter(None, [str(PYTEST_FOLDER), user.environ.get("PYTHONPATH")]))
    assert (done.returncode, done.stdout) == (0, f"{path} gone\n"), done.stderr
    done = user(foreign, "stats")
    assert (done.returncode, "entries" in done.stdout) == (0, True), done.stderr
    done = user(foreign, "doctor", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    started = user(foreign, "ci", "--listen", "127.0.0.1:0")
    assert (started.returncode, "export HTTPS_PROXY=" in started.stdout) == (0, True), started.stderr
    stopped = user(foreign, "stop")
    assert (stopped.returncode, "0 requests" in stopped.stdout) == (0, True), stopped.stderr


def test_the_demo(command: tuple[str, ...], environ: dict[str, str], tmp_path: Path, modules: Path) -> None:
    """It records and replays."""
    done = _User(command, environ, tmp_path, str(modules))(modules, "demo")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="processes share a port on Linux only")
def test_workers(command: tuple[str, ...], environ: dict[str, str], tmp_path: Path, foreign: Path) -> None:
    """Worker processes start, and serve."""
    two = "import json, os, time, urllib.request as u\nwhile len(json.load(u.urlopen(os.environ['HTTPS_PROXY'] + '/-/stats'))['workers']) < 2: time.sleep(0.1)"
    script = f'unset PYTHONPATH; cd /; exec {shlex.quote(sys.executable)} -c "{two}"'
    user = _User(command, environ, tmp_path, str(foreign))
    done = user(foreign, "run", "--workers", "2", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "worker process" not in done.stderr


def test_python_m(environ: dict[str, str], tmp_path: Path, modules: Path) -> None:
    """`python -m addon.cli` starts isolated too; only an `addon` in the working directory would come before ours."""
    user = _User((sys.executable, "-m", "addon.cli"), environ, tmp_path, None)
    done = user(modules, "run", "--", "true")
    assert done.returncode == 0, done.stderr


def test_a_script_for_mitmproxy_finds_the_users_modules(
    command: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    """After `--` it may import from PYTHONPATH, but not in place of the standard library."""
    library = tmp_path / "library"
    library.mkdir()
    for name in ("json", "addon", "click"):
        (library / f"{name}.py").write_text(FOREIGN)
    (library / "of_the_user.py").write_text("import json\nNAME = json.__file__\n")
    script = tmp_path / "mine.py"
    script.write_text(
        "import os, of_the_user\nos.write(2, of_the_user.NAME.encode())\nraise ValueError('it was loaded')\n"
    )
    user = _User(command, environ, tmp_path, str(library))
    done = user(tmp_path, "serve", "--listen", "127.0.0.1:0", "--", "-s", str(script))
    assert "it was loaded" in done.stderr
    assert re.search(r"lib/python[\d.]+/json/__init__\.py", done.stderr)
