"""Suites that `run` is given as its command, and what is in a cache afterwards."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cache_store.disk.disk_store import DiskStore
from tests.e2e.upstream import Upstream

TESTS = 30
_SUITE = """
import pytest
from tests.e2e.suite_client import ask

@pytest.mark.parametrize("number", range({count}))
def test_question(number):
    answer = ask(f"the {{number}}th of many questions{words}")
    assert answer["choices"][0]["message"]["content"].startswith("answer"){more}
"""


def environment(environ: dict[str, str], upstream: Upstream, **more: str) -> dict[str, str]:
    """Where suites ask, and which hosts are intercepted."""
    return environ | {
        "PROVIDER_PROXY_HOSTS": f"localhost:{upstream.port}",
        "PROVIDER_PROXY_CACHE_MODE": "read-write",
        "TEST_URL": f"https://localhost:{upstream.port}/v1/chat/completions",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # importing ours takes a second, and no suite uses one
        **more,
    }  # fmt: skip


def suite(folder: Path, words: str = "", more: str = "", count: int = TESTS) -> list[str]:
    """The command that runs a suite of `count` tests, each with a question that ends in `words`."""
    path = folder / "test_suite.py"
    path.write_text(_SUITE.format(count=count, words=words, more=more))
    return [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,  # whatever lies above the folder
        "--rootdir",
        str(folder),
        str(path),
    ]


@contextmanager
def opened(folder: Path) -> Iterator[DiskStore]:
    """The cache of a test's folder."""
    store = DiskStore(folder / ".provider-proxy" / "cache")
    store.open()
    try:
        yield store
    finally:
        store.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every entry's bytes by key."""
    with opened(folder) as store:
        return {entry.key: entry.encode() for entry in store.iterate()}


def last_run(folder: Path) -> dict[str, object]:
    """The last run's report."""
    found: dict[str, object] = json.loads((folder / ".provider-proxy" / "last-run.json").read_text())
    return found
