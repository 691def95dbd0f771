"""`push` and `pull` against Azurite, and against what stands for Google's storage (tests/gcs_server.py says how far)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.azure_server import KEY, Azure, running_azure
from tests.e2e.command import COMMAND
from tests.e2e.recordings import file_content
from tests.gcs_server import Gcs, running_gcs
from tests.s3_server import BUCKET

type Done = subprocess.CompletedProcess[str]
type Run = Callable[..., Done]


@pytest.fixture(scope="module", params=["az", "gs"])
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure | Gcs]:
    """One server of each kind."""
    folder = tmp_path_factory.mktemp("cloud")
    start = {"az": running_azure, "gs": running_gcs}[request.param]
    with start(folder) as running:  # type: ignore[operator]
        yield running


@pytest.fixture
def scheme(cloud: Azure | Gcs) -> str:
    """How its URLs begin."""
    return "az" if isinstance(cloud, Azure) else "gs"


@pytest.fixture
def environment(cloud: Azure | Gcs, scheme: str, environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Variables with the bucket of this test."""
    cloud.reset()
    remote = {"PROVIDER_PROXY_REMOTE": f"{scheme}://{BUCKET}/{tmp_path.name}/ci"}
    return environ | cloud.environ() | remote


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs the command over the cache that is named."""

    def run(command: str, cache: str, *options: str, **variables: str) -> Done:
        return subprocess.run(
            [*COMMAND, command, "--cache-dir", cache, *options],
            env=environment | variables, cwd=tmp_path, capture_output=True, text=True, timeout=90,
        )  # fmt: skip

    return run


def _entry(number: int, body: bytes = b"answer") -> Entry:
    return file_content(number, body)


def _fill(folder: Path, *entries: Entry) -> None:
    store = DiskStore(folder)
    store.put_newer(entries)
    store.close()


def _by_key(*entries: Entry) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.key)


def _held(folder: Path) -> list[Entry]:
    store = DiskStore(folder)
    entries = sorted(store.iterate(), key=lambda entry: entry.key)
    store.close()
    return entries


def test_recordings_travel(run: Run, cloud: Azure | Gcs, tmp_path: Path) -> None:
    """One pack up and down; with nothing new, one request each; `--replace` leaves just this cache."""
    _fill(tmp_path / "job", _entry(1), _entry(2))
    pushed = run("push", "job")
    assert (pushed.returncode, pushed.stderr.partition(",")[0]) == (0, "pushed 2 entries")
    assert [method for method, _ in cloud.seen] == ["GET", "PUT"]
    pulled = run("pull", "other")
    assert (pulled.returncode, pulled.stderr) == (0, "pulled 1 pack: 2 entries new, 0 not newer\n")
    assert _held(tmp_path / "other") == _by_key(_entry(1), _entry(2))
    cloud.seen.clear()
    assert run("pull", "other").stderr == "nothing new to pull\n"
    assert len(cloud.seen) == 1
    _fill(tmp_path / "other", _entry(3))
    assert run("push", "other").stderr.startswith("pushed 1 entry,")
    _fill(tmp_path / "night", _entry(4))
    assert run("push", "night", "--replace").stderr.endswith("; 2 older packs removed\n")
    run("pull", "fresh")
    assert _held(tmp_path / "fresh") == [_entry(4)]


def test_a_large_pack_goes_up_in_parts(run: Run, cloud: Azure | Gcs, tmp_path: Path) -> None:
    """And comes down whole."""
    large = [_entry(number, os.urandom(9 * 2**20)) for number in (1, 2)]
    _fill(tmp_path / "job", *large)
    assert run("push", "job").returncode == 0
    assert sum(method in ("PUT", "POST") for method, _ in cloud.seen) > 3
    pulled = run("pull", "other")
    assert (pulled.returncode, pulled.stderr) == (0, "pulled 1 pack: 2 entries new, 0 not newer\n")
    assert _held(tmp_path / "other") == _by_key(*large)


def test_jobs_at_once_lose_nothing(environment: dict[str, str], run: Run, tmp_path: Path) -> None:
    """Two pushes at the same time, then two replacements: what was there is gone, and theirs is there."""

    def at_once(*options: str) -> None:
        jobs = [
            subprocess.Popen([*COMMAND, "push", "--cache-dir", name, *options],
                             env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
            for name in ("one", "two")
        ]  # fmt: skip
        for job in jobs:
            _, said = job.communicate(timeout=120)
            assert (job.returncode, said.count("\n")) == (0, 1), said

    _fill(tmp_path / "one", _entry(1))
    _fill(tmp_path / "two", _entry(2))
    at_once()
    run("pull", "reader")
    assert _held(tmp_path / "reader") == _by_key(_entry(1), _entry(2))
    for number in range(10, 14):
        _fill(tmp_path / "old", _entry(number))
        run("push", "old")
    at_once("--replace")
    run("pull", "later")
    held = _held(tmp_path / "later")
    assert held
    assert all(entry in (_entry(1), _entry(2)) for entry in held)


def test_faults_are_one_line_and_status_1(run: Run, cloud: Azure | Gcs, scheme: str, tmp_path: Path) -> None:
    """No such bucket, a wrong key, nobody there, a server that is busy for good: nothing secret is printed."""
    _fill(tmp_path / "job", _entry(1))
    nobody = {"AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9/x", "GOOGLE_BASE_URL": "http://127.0.0.1:9"}
    missing = {"PROVIDER_PROXY_REMOTE": f"{scheme}://no-such-bucket/x"}
    for says, variables in (
        ("there is no such bucket", missing), ("no permission", cloud.wrong()), ("cannot be reached", nobody)
    ):  # fmt: skip
        for command, cache in (("push", "job"), ("pull", "other")):
            done = run(command, cache, **variables)
            assert done.returncode == 1, done.stderr
            assert done.stderr.count("\n") == 1
            assert done.stderr.startswith(f"provider-proxy: {scheme}://")
            assert says in done.stderr
            assert KEY not in done.stderr
            assert "AccountKey" not in done.stderr
    cloud.answers[:] = [503, 429]
    assert run("push", "job").returncode == 0


def test_an_account_in_one_variable(
    run: Run, cloud: Azure | Gcs, environment: dict[str, str], tmp_path: Path
) -> None:
    """As a CI's secret: Azure's connection string, Google's key file as text. Blank, an optional pull says so."""
    _fill(tmp_path / "job", _entry(1))
    if isinstance(cloud, Azure):
        name, secret = "AZURE_STORAGE_CONNECTION_STRING", cloud.connection_string()
        for split in cloud.environ():
            del environment[split]
    else:
        name = "GOOGLE_SERVICE_ACCOUNT_KEY"
        secret = Path(environment.pop("GOOGLE_APPLICATION_CREDENTIALS")).read_text()
    done = run("pull", "job", "--optional", **{name: ""})
    assert (done.returncode, done.stderr.partition(" for ")[0]) == (0, "no credentials")
    done = run("push", "job", "--optional", **{name: secret})
    assert done.stderr.startswith("pushed 1 entry,"), done.stderr


@pytest.mark.slow
def test_a_server_that_hangs_is_given_up(run: Run, cloud: Azure | Gcs) -> None:
    """Within half a minute, in one line."""
    cloud.hang = 60
    started = time.monotonic()
    done = run("pull", "other")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "does not answer in time" in done.stderr
    assert time.monotonic() - started < 30
