"""Fixtures that drive the real command in real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from tests.e2e import upstream as upstreams
from tests.e2e.command import COMMAND, MAPPED_COMMAND
from tests.e2e.upstream import Script, Upstream

ROOT = Path(__file__).resolve().parents[2]
MAP_HOSTS = Path(__file__).with_name("map_hosts.py")

# Trust and proxy variables of the machine that runs the tests must not decide what is tested.
_AMBIENT = ("_PROXY", "_proxy", "CERT", "CA_BUNDLE", "CAINFO", "PROVIDER_PROXY", "GITHUB_", "SSL_", "XDG_",
            "NODE_", "GRPC_")  # fmt: skip


def clean_environ(**more: str) -> dict[str, str]:
    """This process's environment without proxy and trust variables, plus `more`."""
    kept = {name: value for name, value in os.environ.items() if not any(part in name for part in _AMBIENT)}
    return kept | more


@dataclass
class Proxy:
    """A running `provider-proxy serve`, and how clients reach it."""

    process: subprocess.Popen[str]
    url: str
    bundle: str
    folder: Path
    environ: dict[str, str]
    exports: list[str] = field(default_factory=list)

    def client_environ(self) -> dict[str, str]:
        """The environment that the proxy's own exports make."""
        environ = dict(self.environ)
        for line in self.exports:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                environ[name] = value.strip("'")
            elif line.startswith("unset "):
                for name in line.split()[1:]:
                    environ.pop(name, None)
        return environ

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it; what it printed at its end."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=120)
        return errors


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.LeafCert, Path]:
    """The upstream's certificate and the file of the CA that signed it."""
    return upstreams.make_ca(tmp_path_factory.mktemp("upstream-ca"))


@pytest.fixture(scope="session")
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One user data directory, so that the CA is made once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def start_upstream(certificates: tuple[trustme.LeafCert, Path]) -> Iterator[Callable[..., Upstream]]:
    """Starts upstreams; ends them after the test."""
    with contextlib.ExitStack() as stack:

        def start(script: Script = upstreams.default_script, *, tls: bool = True) -> Upstream:
            return stack.enter_context(upstreams.running(certificates[0] if tls else None, script))

        yield start


@pytest.fixture
def upstream(start_upstream: Callable[..., Upstream]) -> Upstream:
    """A provider whose answers differ from request to request."""
    return start_upstream()


@pytest.fixture
def environ(certificates: tuple[trustme.LeafCert, Path], data_home: Path) -> dict[str, str]:
    """An environment in which upstream certificates verify."""
    return clean_environ(SSL_CERT_FILE=str(certificates[1]), XDG_DATA_HOME=str(data_home))


def launch(
    folder: Path,
    environ: dict[str, str],
    upstream: Upstream | None,
    mode: str,
    arguments: tuple[str, ...] = (),
    *,
    before: tuple[str, ...] = (),
    **settings: str,
) -> Proxy:
    """Start `serve` in `folder` and wait until it answers; `before` is a command that starts it."""
    variables = {f"PROVIDER_PROXY_{name.upper()}": value for name, value in settings.items()}
    env = environ | variables | {"PROVIDER_PROXY_CACHE_MODE": mode}
    command: tuple[str, ...] = COMMAND
    if upstream is not None:
        env["TEST_UPSTREAM_PORT"] = str(upstream.port)
        if "workers" in settings:  # mitmproxy's arguments would mean one
            command = MAPPED_COMMAND
        else:
            arguments = ("-s", str(MAP_HOSTS), *arguments)
    given = ("--", *arguments) if arguments else ()
    process = subprocess.Popen(
        [*before, *command, "serve", "--listen", "127.0.0.1:0", *given],
        env=env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    if not first.startswith("# provider-proxy listens on "):
        raise AssertionError(f"no proxy: {first!r} {process.communicate(timeout=120)}")
    exports = []
    while not (line := process.stdout.readline()).startswith("# Ctrl-C"):
        exports.append(line.rstrip("\n"))
    bundle = next(e.partition("=")[2].strip("'") for e in exports if e.startswith("export SSL_CERT_FILE="))
    return Proxy(process, first.split()[4], bundle, folder, env, exports)


def end(proxy: Proxy) -> None:
    """End a proxy whatever became of it."""
    if proxy.process.poll() is None:
        proxy.process.kill()
    proxy.process.communicate(timeout=120)


@pytest.fixture
def start_proxy(environ: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts proxies in the test's folder; ends what is left of them after the test."""
    started: list[Proxy] = []

    def start(
        upstream: Upstream | None = None,
        mode: str = "read-old-write-new",
        arguments: tuple[str, ...] = (),
        *,
        before: tuple[str, ...] = (),
        **settings: str,
    ) -> Proxy:
        started.append(launch(tmp_path, environ, upstream, mode, arguments, before=before, **settings))
        return started[-1]

    yield start
    for proxy in started:
        end(proxy)


@pytest.fixture(scope="module")
def module_proxy(
    certificates: tuple[trustme.LeafCert, Path], data_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, Upstream]]:
    """One read-write proxy and its upstream for all tests of a module that do not disturb each other."""
    environ = clean_environ(SSL_CERT_FILE=str(certificates[1]), XDG_DATA_HOME=str(data_home))
    with upstreams.running(certificates[0]) as upstream:
        proxy = launch(tmp_path_factory.mktemp("shared"), environ, upstream, "read-write")
        yield proxy, upstream
        end(proxy)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `condition` holds within `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
