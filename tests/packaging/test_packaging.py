"""The package as users get it: run-proxy.sh from nothing, wheel and sdist, pip, pipx and uv."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(os.environ["PACKAGING"])
# What issue 20 measured before: half of these are the bounds.
SECONDS_BEFORE, MEGABYTES_BEFORE = 66, 182


def _run(*command: str | Path, folder: Path, **more: str) -> str:
    names = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PROVIDER_PROXY_") and n not in names}
    done = subprocess.run(
        [str(part) for part in command],
        env=kept | more,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of the files as they are, in a folder whose name has a blank."""
    folder = tmp_path_factory.mktemp("a") / "my checkout"
    listed = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if name.startswith("tests/") or not source.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(source.stat().st_mode)
    return folder


@pytest.fixture(scope="module")
def wheels(checkout: Path) -> Path:
    """The wheel folder of `run-proxy.sh wheels`, which has set the checkout up before."""
    began = time.monotonic()
    _run("./run-proxy.sh", "--version", folder=checkout, PYTHON=sys.executable)
    seconds, size = time.monotonic() - began, _megabytes(checkout / ".venv")
    print(f"set-up: {seconds:.0f} s (was {SECONDS_BEFORE}), {size:.0f} MB (was {MEGABYTES_BEFORE})")
    assert size <= MEGABYTES_BEFORE / 2  # seconds depend on the machine
    _run("./run-proxy.sh", "wheels", "../my wheels", folder=checkout, PYTHON=sys.executable)
    return checkout.parent / "my wheels"


def _no_registry(wheels: Path) -> dict[str, str]:
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(wheels),
    }


def test_a_set_up_is_the_same_tomorrow(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    """Without a registry, from the wheels: every installed file has the bytes that the first set-up installed."""
    first = _files(checkout / ".venv")
    _run("./run-proxy.sh", "--version", folder=checkout, PYTHON=sys.executable)  # installs nothing
    (checkout / ".venv").rename(tmp_path / "first")
    nowhere = {"PROVIDER_PROXY_WHEELS": "../my wheels", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    _run("./run-proxy.sh", "--version", folder=checkout, PYTHON=sys.executable, **nowhere)
    assert _files(checkout / ".venv") == first
    said = _run("./run-proxy.sh", "help", "modes", folder=checkout)
    assert "read-only-require-hit" in said
    _run("./run-proxy.sh", "demo", folder=checkout)


def _files(venv: Path) -> dict[str, bytes]:
    """Bytes by path, without what names times or places: compiled files, pip's notes and our own editable install."""
    return {
        str(path.relative_to(venv)): path.read_bytes()
        for path in (venv / "lib").rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and path.name not in ("RECORD", "REQUESTED", "direct_url.json")
        and "provider_proxy" not in str(path)
    }


def test_wheel_and_sdist(checkout: Path, wheels: Path, tmp_path: Path) -> None:
    """Both are built, the wheel from the sdist; they have types, pages and licence, and no tests. Installed without
    extras the command works, and says what an extra needs; with extras it has them."""
    _run(TOOLS / "python", "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", folder=checkout)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "addon/py.typed",
        "cache_store/py.typed",
        "addon/pages/docs/identity.md",
        "provider_proxy_start.py",
    ):
        assert name in names
    with tarfile.open(sdist) as archive:
        packed = archive.getnames()
    assert any(name.endswith("/LICENSE") for name in packed)
    assert not any("/tests/" in name for name in packed)
    _run(sys.executable, "-m", "venv", tmp_path / "empty", folder=tmp_path)
    pip = (tmp_path / "empty" / "bin" / "python", "-m", "pip", "install", "-qq")
    command = tmp_path / "empty" / "bin" / "provider-proxy"
    _run(*pip, wheel, folder=tmp_path, **_no_registry(wheels))
    assert "mitmproxy 1" in _run(command, "--version", folder=tmp_path)
    assert "A key is" in _run(command, "help", "key", folder=tmp_path)
    pull = [str(command), "pull", "--remote", tmp_path.as_uri()]
    done = subprocess.run(pull, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "provider-proxy[buckets]" in done.stderr) == (2, True), done.stderr
    _run(*pip, f"{wheel}[redis,buckets,prices,import]", folder=tmp_path, **_no_registry(wheels))
    _run(command, "pull", "--remote", tmp_path.as_uri(), folder=tmp_path)


@pytest.mark.parametrize("tool", ["pipx", "uv"])
@pytest.mark.parametrize("place", ["git", "folder"])
def test_pipx_and_uv(tool: str, place: str, checkout: Path, wheels: Path, tmp_path: Path) -> None:
    """From a git URL and from a folder both give the command, in an environment of its own."""
    source = str(checkout)
    if place == "git":
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
        repository = tmp_path / "repository"
        for arguments in (
            ("init", "-q", repository),
            ("-C", repository, "add", "-A"),
            ("-C", repository, "commit", "-qm", "all"),
        ):
            if arguments[-1] == "-A":
                _run("cp", "-R", f"{checkout}/.", repository, folder=tmp_path)
                _run("rm", "-rf", repository / ".venv", folder=tmp_path)
            _run(*git, *arguments, folder=tmp_path)
        source = f"git+{repository.as_uri()}"
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    places |= {"UV_TOOL_DIR": str(tmp_path / "home"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    places |= {"UV_PYTHON": sys.executable, "UV_CACHE_DIR": str(tmp_path / "cache")}
    arguments = (
        ["install", "--python", sys.executable, source] if tool == "pipx" else ["tool", "install", source]
    )
    _run(TOOLS / tool, *arguments, folder=tmp_path, **places, **_no_registry(wheels))
    assert "mitmproxy 1" in _run(tmp_path / "bin" / "provider-proxy", "--version", folder=tmp_path)


def test_an_environment_with_packages_of_our_names(wheels: Path, tmp_path: Path) -> None:
    """pip overwrites them without a word, as docs/installing.md says."""
    other = tmp_path / "other"
    (other / "addon").mkdir(parents=True)
    (other / "addon" / "__init__.py").write_text("THEIRS = True\n")
    (other / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "other"\nversion = "1"\n[tool.hatch.build.targets.wheel]\npackages = ["addon"]\n'
    )
    _run(sys.executable, "-m", "venv", tmp_path / "both", folder=tmp_path)
    pip = (tmp_path / "both" / "bin" / "python", "-m", "pip", "install", "-qq")
    (ours,) = wheels.glob("provider_proxy-*.whl")
    for package in (str(other), str(ours)):
        _run(*pip, "--no-deps", package, folder=tmp_path, **_no_registry(wheels))
    (addon,) = (tmp_path / "both").glob("lib/*/site-packages/addon/__init__.py")
    assert "THEIRS" not in addon.read_text()
    assert "writes its files over it without a word" in (ROOT / "docs" / "installing.md").read_text()
