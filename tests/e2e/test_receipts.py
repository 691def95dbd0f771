"""Receipts: which entries a run used, and runs that may use no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command import provider_proxy
from tests.e2e.suites import contents, environment, suite
from tests.e2e.upstream import Upstream


def test_a_receipt_and_a_locked_run(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """The file lists what was used; a run that uses just that passes, anything else exits 3 and is named."""
    env = environment(environ, upstream)
    live = ("run", "--receipt", "live.lock")
    assert (
        provider_proxy(*live, "--", *suite(tmp_path, count=3), environ=env, folder=tmp_path).returncode == 0
    )
    assert "upstream: opened" in (tmp_path / "live.lock").read_text()
    replay = ("run", "--receipt", "provider-proxy.lock", "--locked", "live.lock")
    done = provider_proxy(*replay, "--", *suite(tmp_path, count=3), environ=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "provider-proxy.lock").read_text()
    entries, *tests = text.split("test ")
    assert [section.splitlines()[0] for section in tests] == [
        f'"test_suite.py::test_question[{n}]"' for n in range(3)
    ]
    head, upstream_line, *lines = entries.splitlines()
    assert (head, upstream_line) == ("# provider-proxy receipt 1", "upstream: none")
    assert {line.split()[0] for line in lines} == set(contents(tmp_path))
    assert all(line.endswith("POST localhost/v1/chat/completions gpt-4.1") for line in lines)
    assert lines == sorted(lines)
    locked = ("run", "--locked", "provider-proxy.lock")
    fewer = provider_proxy(*locked, "--", *suite(tmp_path, count=2), environ=env, folder=tmp_path)
    assert fewer.returncode == 0
    more = provider_proxy(*locked, "--", *suite(tmp_path, count=4), environ=env, folder=tmp_path)
    assert more.returncode == 3
    assert "--locked: 1 entry (pp2-" in more.stderr
    assert "is not in the lock file" in more.stderr
    env["PROVIDER_PROXY_CACHE_MODE"] = "write-only"
    assert (
        provider_proxy("run", "--", *suite(tmp_path, count=1), environ=env, folder=tmp_path).returncode == 0
    )
    env["PROVIDER_PROXY_CACHE_MODE"] = "read-only-require-hit"
    other = provider_proxy(*locked, "--", *suite(tmp_path, count=3), environ=env, folder=tmp_path)
    assert other.returncode == 3
    assert "is not what the lock file says" in other.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is not a lock file"),
        (b"\xff\xfe", "is not a lock file"),
        (b"# pip freeze\nrequests==2\n", "is not a lock file"),
        (
            b"# provider-proxy receipt 1\nupstream: none\npp1-short  sha256:1  2026  POST\n",
            "is broken at line 3",
        ),
        (b"# provider-proxy receipt 1\nupstream: perhaps\n", "is not a lock file"),
    ],
)
def test_a_broken_lock_file(
    content: bytes | None, said: str, environ: dict[str, str], tmp_path: Path
) -> None:
    """One line and exit 2, before the command runs."""
    if content is not None:
        (tmp_path / "x.lock").write_bytes(content)
    done = provider_proxy("run", "--locked", "x.lock", "--", "touch", "ran", environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "ran").exists()


def test_an_unwritable_receipt(environ: dict[str, str], tmp_path: Path) -> None:
    """A path that cannot be written is said before the command runs; one that turns so later changes no status."""
    done = provider_proxy(
        "run", "--receipt", "no/x.lock", "--", "touch", "ran", environ=environ, folder=tmp_path
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "ran").exists()
    late = provider_proxy(
        "run", "--receipt", "x.lock", "--", "mkdir", "x.lock", environ=environ, folder=tmp_path
    )
    assert late.returncode == 0
    assert "x.lock cannot be written" in late.stderr
