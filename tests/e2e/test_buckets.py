"""`push` and `pull` between machines, over a real S3 server on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Upstream
from tests.s3_server import BUCKET, Gateway, running_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[Gateway]:
    """One S3 for this file."""
    with running_s3() as running:
        yield running


@pytest.fixture
def command(
    s3: Gateway, environ: dict[str, str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command with the bucket of this test, blank variables taken out of it."""
    s3.answers.clear()
    s3.hang = 0.0
    s3.seen.clear()

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = environ | s3.environ() | {"PROVIDER_PROXY_REMOTE": f"s3://{BUCKET}/{tmp_path.name}"} | variables
        return subprocess.run(
            [*COMMAND, *arguments], env=env, cwd=tmp_path, capture_output=True, text=True,
            timeout=90,
        )  # fmt: skip

    return run


type Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_job_reaches_another_machine_with_three_commands(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream
) -> None:
    """Record, push; pull there: every request is a hit that sends nothing."""
    proxy = start_proxy(upstream, cache_dir="job")
    live = ask(proxy)
    proxy.stop()
    pushed = command("push", PROVIDER_PROXY_CACHE_DIR="job")
    assert (pushed.returncode, pushed.stdout) == (0, "")
    assert pushed.stderr.startswith("pushed 1 entry, ")
    pulled = command("pull", PROVIDER_PROXY_CACHE_DIR="reviewer")
    assert (pulled.returncode, pulled.stderr) == (0, "pulled 1 pack: 1 entry new, 0 not newer\n")
    replaying = start_proxy(upstream, mode="read-only-require-hit", cache_dir="reviewer")
    answer = ask(replaying)
    assert (cached(answer), answer.content) == ("true", live.content)
    assert upstream.count == 1
    again = command("pull", PROVIDER_PROXY_CACHE_DIR="reviewer")
    assert again.stderr == "nothing new to pull\n"
    assert command("push", PROVIDER_PROXY_CACHE_DIR="reviewer").stderr == "nothing new to push\n"


def test_what_was_removed_here_comes_back_with_a_pull(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream
) -> None:
    """A pull makes this cache hold what the remote holds."""
    proxy = start_proxy(upstream)
    ask(proxy)
    proxy.stop()
    command("push")
    command("rm", "--all")
    assert "1 entry new" in command("pull").stderr


def test_wrong_usage_is_told(command: Command, tmp_path: Path) -> None:
    """No remote, a wrong one, no cache, an empty one."""
    assert command("pull", PROVIDER_PROXY_REMOTE="").returncode == 2
    assert "PROVIDER_PROXY_REMOTE takes" in command("pull", PROVIDER_PROXY_REMOTE="bucket").stderr
    assert command("push").returncode == 2
    assert command("pull").returncode == 0
    emptied = command("push", "--replace")
    assert emptied.returncode == 2
    assert "would empty the remote" in emptied.stderr


def test_faults_are_one_line_and_status_1(command: Command, s3: Gateway, tmp_path: Path) -> None:
    """A bucket that does not exist, no permission, nobody there; no credential is printed."""
    missing = command("pull", PROVIDER_PROXY_REMOTE="s3://no-such-bucket/x")
    s3.answers[:] = [403]
    denied = command("pull")
    gone = command("pull", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    for done, says in ((missing, "no such bucket"), (denied, "no permission"), (gone, "cannot be reached")):
        assert done.returncode == 1, done.stderr
        assert done.stderr.count("\n") == 1
        assert says in done.stderr
        assert "s3cret" not in done.stderr


def test_without_credentials_an_optional_pull_says_so(command: Command) -> None:
    """A fork's secrets are blank: it pulls nothing, and its job goes on."""
    done = command("pull", "--optional", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.returncode == 0
    assert done.stderr.startswith("no credentials for s3://")
    done = command("pull", "--optional", "--remote", "s3://AKIA:s3cret@bucket", AWS_ACCESS_KEY_ID="")
    assert done.returncode == 2
    assert "s3cret" not in done.stderr


def test_a_damaged_pack_merges_nothing(
    command: Command, s3: Gateway, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """An object that was cut short is refused as a whole."""
    proxy = start_proxy(upstream, cache_dir="job")
    ask(proxy)
    proxy.stop()
    command("push", PROVIDER_PROXY_CACHE_DIR="job")
    client = s3.client()
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=tmp_path.name)["Contents"]  # type: ignore[attr-defined]
    body = client.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"].read()  # type: ignore[attr-defined]
    client.put_object(Bucket=BUCKET, Key=listed[0]["Key"], Body=body[:-20])  # type: ignore[attr-defined]
    done = command("pull", PROVIDER_PROXY_CACHE_DIR="other")
    assert done.returncode == 1
    assert "does not have the content that its name says" in done.stderr
    assert json.loads(command("ls", "--json", PROVIDER_PROXY_CACHE_DIR="other").stdout) == []
