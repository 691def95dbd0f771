"""docs/container: what the image does at its start, and the image itself where an engine can build it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import COMMAND
from tests.e2e.conftest import ROOT

CONTAINER = ROOT / "docs" / "container"
DOCKERFILE = (CONTAINER / "Dockerfile").read_text(encoding="utf-8")
HADOLINT = shutil.which(
    "hadolint", path=f"{ROOT / '.tools' / 'hadolint' / 'bin'}{os.pathsep}{os.environ['PATH']}"
)


def _works(engine: str) -> bool:
    base = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)[0]
    return shutil.which(engine) is not None and all(
        subprocess.run([engine, *arguments], capture_output=True, timeout=120).returncode == 0
        for arguments in (["info"], ["pull", base])
    )


def test_the_start_of_the_image(environ: dict[str, str], tmp_path: Path) -> None:
    """Without a password it does not start; with one, clients get roots without the CA's key, and it is healthy."""
    script = tmp_path / "entrypoint.sh"
    text = (CONTAINER / "entrypoint.sh").read_text(encoding="utf-8")
    script.write_text(text.replace("/ca/", f"{tmp_path}/ca/"))
    (tmp_path / "ca").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ |= {
        "PATH": f"{Path(COMMAND[0]).parent}{os.pathsep}{environ['PATH']}",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PROVIDER_PROXY_CACHE_DIR": str(tmp_path / "data" / "cache"),
        "PROVIDER_PROXY_LISTEN": f"0.0.0.0:{port}",
    }
    refused = subprocess.run(
        ["sh", str(script), "serve"], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (refused.returncode, refused.stderr.count("\n"), "PROVIDER_PROXY_AUTH" in refused.stderr) == (
        2,
        1,
        True,
    )
    environ["PROVIDER_PROXY_AUTH"] = "tests:a password"
    with subprocess.Popen(
        ["sh", str(script), "serve"],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert f":{port}" in process.stdout.readline()
            health = [sys.executable, str(CONTAINER / "health.py")]
            for listen, status in ((f"0.0.0.0:{port}", 0), ("0.0.0.0:1", 1)):
                asked = environ | {"PROVIDER_PROXY_LISTEN": listen}
                done = subprocess.run(health, env=asked, capture_output=True, text=True, timeout=120)
                assert done.returncode == status, done.stderr
        finally:
            process.terminate()
            process.communicate(timeout=120)
    assert [path.name for path in (tmp_path / "ca").iterdir()] == ["roots.pem"]
    assert "PRIVATE KEY" not in (tmp_path / "ca" / "roots.pem").read_text()


def test_the_image_has_what_the_package_is_made_of() -> None:
    """All that it copies exists, and all that a wheel is built from is copied; it does not run as root."""
    copied = {
        name.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    }
    assert [name for name in copied if not (ROOT / name).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"]}
    assert {name for name in needed if not name.startswith("addon/")} <= copied
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) != ["0"]
    assert len(re.findall(r"^VOLUME", DOCKERFILE, re.MULTILINE)) == 1


def test_the_compose_file() -> None:
    """The tests wait for a healthy proxy, trust its roots by a shared volume, and name it as it answers."""
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
    proxy, tests = compose["services"]["proxy"], compose["services"]["tests"]
    assert (CONTAINER / proxy["build"]["context"] / proxy["build"]["dockerfile"]).samefile(
        CONTAINER / "Dockerfile"
    )
    assert tests["depends_on"] == {
        proxy["environment"]["PROVIDER_PROXY_NAMES"]: {"condition": "service_healthy"}
    }
    assert "ca:/ca" in proxy["volumes"]
    assert tests["volumes"] == ["ca:/ca:ro"]
    assert tests["environment"]["SSL_CERT_FILE"] == "/ca/roots.pem"
    compile(tests["command"][2], "compose.yaml", "exec")


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_the_dockerfile_passes_hadolint() -> None:
    """The rules of its linter hold."""
    done = subprocess.run([str(HADOLINT), str(CONTAINER / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_image(tmp_path: Path) -> None:
    """It is built, becomes healthy, and is not root."""
    engine = next((name for name in ("docker", "podman") if _works(name)), None)
    if engine is None:
        pytest.skip("no container engine works here, or none can pull the base image")

    def run(*arguments: str) -> str:
        done = subprocess.run([engine, *arguments], capture_output=True, text=True, timeout=280, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run("build", "-t", "provider-proxy-test", "-f", "docs/container/Dockerfile", ".")
    container = run("run", "-d", "-e", "PROVIDER_PROXY_AUTH=tests:password", "provider-proxy-test")
    try:
        until = time.monotonic() + 60
        while run("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
            assert time.monotonic() < until, run("logs", container)
            time.sleep(0.5)
        assert run("exec", container, "id", "-u") == "10001"
    finally:
        run("rm", "-f", container)
