"""Ours and stock mitmdump, started as their users start them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.load import Door, put_load
from tests.bench.processes import Process, environment, free_port, started
from tests.bench.provider import Provider
from tests.bench.work import HOST, PATH, SIZES, body, post

__all__ = ["ROOT", "Running", "Stand"]

ROOT = Path(__file__).resolve().parents[2]
OURS = Path(sys.executable).with_name("provider-proxy")
MITMDUMP = Path(sys.executable).with_name("mitmdump")
CA = "mitmproxy-ca-cert.pem"


@dataclass(frozen=True)
class Running:
    """A peer that accepts connections, and its doors by name: `CONNECT`, `plain`."""

    process: Process
    doors: dict[str, Door]
    version: str = ""


@dataclass
class Stand:
    """Where everything runs: a folder for each peer, and one provider."""

    folder: Path
    provider: Provider
    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environ = environment(
            PROVIDER_PROXY_HOSTS=f"{HOST}:{self.provider.tls.port}",
            PROVIDER_PROXY_CACHE_MODE="read-write",
            SSL_CERT_FILE=str(self.provider.ca),
            XDG_DATA_HOME=str(self.folder / "data"),
        )

    @property
    def authority(self) -> str:
        """The provider's, with TLS."""
        return f"{HOST}:{self.provider.tls.port}"

    @property
    def our_ca(self) -> Path:
        """The root that clients of ours trust."""
        return self.folder / "data" / "provider-proxy" / CA

    @contextmanager
    def ours(self, name: str, **settings: str) -> Iterator[Running]:
        """`provider-proxy serve`."""
        port = free_port()
        command = [str(OURS), "serve", "--listen", f"127.0.0.1:{port}"]
        with started(command, self.environ | settings, self.folder / name, port) as process:
            doors = {
                "CONNECT": Door(port, cafile=str(self.our_ca), tunnel=self.authority),
                "plain": Door(port, f"/https/{self.authority}{PATH}"),
            }
            yield Running(process, doors)

    @contextmanager
    def stock(self, name: str, *arguments: str, reverse: bool = False, **environ: str) -> Iterator[Running]:
        """Stock `mitmdump -q`; `reverse` adds a second port, which is mitmdump's own plain door."""
        port, second = free_port(), free_port()
        confdir = self.folder / name / "conf"
        modes = ["--mode", f"regular@127.0.0.1:{port}"]
        doors = {"CONNECT": Door(port, cafile=str(confdir / CA), tunnel=self.authority)}
        if reverse:
            modes += ["--mode", f"reverse:https://{self.authority}@127.0.0.1:{second}"]
            doors["plain"] = Door(second)
        command = [str(MITMDUMP), "-q", *modes, "--set", f"confdir={confdir}",
                   "--set", f"ssl_verify_upstream_trusted_ca={self.provider.ca}", *arguments]  # fmt: skip
        with started(command, self.environ | environ, self.folder / name, port) as process:
            yield Running(process, doors)

    @contextmanager
    def constant(self) -> Iterator[Running]:
        """Stock with an addon that answers the same bytes again and again."""
        with self.stock("constant", *_script("tests/bench/stock_addons.py"), reverse=True) as running:
            yield running

    @contextmanager
    def tee(self) -> Iterator[Running]:
        """Stock with an addon that streams and keeps the pieces."""
        script = _script("tests/bench/stock_addons.py")
        with self.stock("tee", *script, BENCH_ADDON="tee") as running:
            yield running

    @contextmanager
    def inside(self) -> Iterator[Running]:
        """Our addon in stock mitmdump."""
        with self.stock("inside", *_script("addon/script.py")) as running:
            door = running.doors["CONNECT"]
            running.doors["plain"] = Door(door.port, f"/https/{self.authority}{PATH}")
            yield running

    @contextmanager
    def replay(self) -> Iterator[Running]:
        """`mitmdump --server-replay` of one recorded flow a size."""
        flows = self.folder / "flows.mitm"
        with self.stock("record", "-w", str(flows)) as recorder:
            for size in SIZES.values():
                put_load(recorder.doors["CONNECT"], post(body(size)), connections=1, seconds=0.0)
        options = ("server_replay_reuse=true", "server_replay_extra=404", "connection_strategy=lazy")
        sets = [part for option in options for part in ("--set", option)]
        with self.stock("replay", "--server-replay", str(flows), *sets, reverse=True) as running:
            yield running


def _script(path: str) -> tuple[str, str]:
    return "-s", str(ROOT / path)


def mitmproxy_version() -> str:
    """As mitmdump itself says it."""
    said = subprocess.run([MITMDUMP, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]
