"""Ten of the clients of docs/clients.md, run as `run_clients.py` runs them, and the table that it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.clients.catalogue import CLIENTS, IN_OUR_ENVIRONMENT, Client
from tests.clients.run_clients import BASE_URLS, LOUD, REPLAY_ONLY, RESULTS, WORKS
from tests.e2e import upstream as upstreams
from tests.e2e.command import MAPPED_COMMAND
from tests.e2e.upstream import Upstream

OUTCOMES = json.loads(RESULTS.read_text(encoding="utf-8"))
TEN = [client for client in CLIENTS if client.runtime == "python" and client.name in IN_OUR_ENVIRONMENT]
ALL_AT_ONCE = """
import json, subprocess, sys
started = {name: subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
           for name, code in json.loads(sys.argv[1]).items()}
ended = {name: (process.communicate()[1].decode()[-400:], process.returncode) for name, process in started.items()}
print(json.dumps({name: error for name, (error, status) in ended.items() if status}))
"""


def test_every_client_has_an_outcome() -> None:
    """At least 40 rows, each of which says what the client needs: none bypasses the proxy silently."""
    assert len(OUTCOMES) >= 40
    assert set(OUTCOMES) == {f"{client.runtime}: {client.name}" for client in CLIENTS}
    for name, row in OUTCOMES.items():
        assert row["outcome"] in (WORKS, BASE_URLS, REPLAY_ONLY, LOUD), name
        assert row["version"], name


def _run(
    clients: list[Client], environ: dict[str, str], folder: Path, mode: str, *options: str
) -> tuple[dict[str, str], dict[str, object]]:
    """What the clients that failed said, and the report."""
    codes = json.dumps({client.name: client.code for client in clients})
    command = [
        *MAPPED_COMMAND,
        "run",
        "--mode",
        mode,
        *options,
        "--",
        sys.executable,
        "-c",
        ALL_AT_ONCE,
        codes,
    ]
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    report = json.loads((folder / ".provider-proxy" / "last-run.json").read_text())
    return json.loads(done.stdout), report


def test_ten_clients(
    certificates: tuple[trustme.LeafCert, Path], environ: dict[str, str], tmp_path: Path
) -> None:
    """Those that work with `run` do, and those that need their base URL work with it: recorded, then replayed."""
    assert len(TEN) == 10
    expected = {client.name: OUTCOMES[f"python: {client.name}"]["outcome"] for client in TEN}
    assert set(expected.values()) == {WORKS, BASE_URLS}
    with upstreams.running(certificates[0]) as provider:
        environ |= {"TEST_UPSTREAM_PORT": str(provider.port)}
        with_variables = [client for client in TEN if expected[client.name] == WORKS]
        with_base_urls = [client for client in TEN if expected[client.name] == BASE_URLS]
        _record_and_replay(with_variables, provider, environ, tmp_path)
        _record_and_replay(with_base_urls, provider, environ, tmp_path, "--base-urls")


def _record_and_replay(
    clients: list[Client], provider: Upstream, environ: dict[str, str], folder: Path, *options: str
) -> None:
    cache = ("--cache-dir", str(folder / f"cache{len(options)}"))
    for mode in ("read-write", "read-only-require-hit"):
        failed, report = _run(clients, environ, folder, mode, *options, *cache)
        assert failed == {}
    assert report["total"]["misses"] == 0  # type: ignore[index]
    assert report["total"]["hits"] >= len({client.code for client in clients}) > 0  # type: ignore[index]


@pytest.fixture
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.LeafCert, Path]:
    """The provider's certificate and the file of the CA that signed it."""
    return upstreams.make_ca(tmp_path_factory.mktemp("upstream-ca"))


@pytest.fixture
def environ(certificates: tuple[trustme.LeafCert, Path], tmp_path: Path) -> dict[str, str]:
    """An environment in which the provider's certificate verifies."""
    from tests.e2e.conftest import clean_environ

    return clean_environ(SSL_CERT_FILE=str(certificates[1]), XDG_DATA_HOME=str(tmp_path / "data"))
