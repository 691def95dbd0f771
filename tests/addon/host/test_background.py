"""The background proxy's state file."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from addon.host.background import (
    Background,
    claim,
    forget,
    is_claimed,
    proxy_variables,
    read_background,
    take_dead,
)
from cache_store.errors import UsageError

HERE = Background(pid=4711, url="http://127.0.0.1:8080", before={"HTTPS_PROXY": "http://company:3128"})


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    """No folder, no file and an empty file are all nothing."""
    assert read_background(tmp_path / "none") is None
    (tmp_path / "ci.json").touch()
    assert read_background(tmp_path) is None


def test_a_claim_is_read_while_it_lives(tmp_path: Path) -> None:
    """The state counts as long as its process holds the lock, and no longer."""
    handle = claim(tmp_path / "state", HERE)
    assert read_background(tmp_path / "state") == HERE
    assert read_background(tmp_path / "state") == HERE
    assert stat.S_IMODE((tmp_path / "state" / "ci.json").stat().st_mode) == 0o600
    os.close(handle)
    assert read_background(tmp_path / "state") is None


def test_a_proxy_that_ends_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its state may hold a password: it is gone while the process still ends, which can be told."""
    handle = claim(tmp_path, HERE)
    forget(handle)
    assert (tmp_path / "ci.json").read_bytes() == b""
    assert read_background(tmp_path) is None
    assert is_claimed(tmp_path)
    os.close(handle)
    assert not is_claimed(tmp_path)
    assert take_dead(tmp_path) is None


def test_a_proxy_that_died_is_told_once(tmp_path: Path) -> None:
    """Not while it lives, and not a second time."""
    assert take_dead(tmp_path) is None
    handle = claim(tmp_path, HERE)
    assert take_dead(tmp_path) is None
    os.close(handle)
    assert take_dead(tmp_path, keep=True) == HERE
    assert take_dead(tmp_path) == HERE
    assert take_dead(tmp_path) is None
    assert (tmp_path / "ci.json").read_bytes() == b""


def test_a_second_claim_is_refused(tmp_path: Path) -> None:
    """Two proxies in one folder would mix up their state; the first one's stays."""
    handle = claim(tmp_path, HERE)
    with pytest.raises(UsageError, match="provider-proxy stop"):
        claim(tmp_path, Background(pid=2, url="http://127.0.0.1:1", before={}))
    assert read_background(tmp_path) == HERE
    os.close(handle)


def test_a_new_claim_replaces_an_old_longer_state(tmp_path: Path) -> None:
    """Nothing of an earlier proxy's state stays in the file."""
    os.close(
        claim(
            tmp_path,
            Background(
                pid=123456789, url="http://127.0.0.1:65535", before={"HTTP_PROXY": "http://longer" * 20}
            ),
        )
    )
    handle = claim(tmp_path, HERE)
    assert read_background(tmp_path) == HERE
    os.close(handle)


def test_somebody_who_looks_does_not_spoil_a_claim(tmp_path: Path) -> None:
    """`ci` looks at the state, and holds its lock for an instant, while the new proxy claims it: that must never
    fail the start."""
    os.close(claim(tmp_path, HERE))
    looking = os.open(tmp_path / "ci.json", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_EX)
    timer = threading.Timer(0.1, os.close, [looking])
    timer.start()
    os.close(claim(tmp_path, HERE))
    timer.join()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"[]", b'{"pid": 1}', b'{"pid": 1, "url": "u", "x": 1}', b"\xff", b"7"]
)
def test_a_damaged_state_is_none(tmp_path: Path, content: bytes) -> None:
    """A file that does not parse is no state, even while it is locked."""
    handle = claim(tmp_path, HERE)
    (tmp_path / "ci.json").write_bytes(content)
    assert read_background(tmp_path) is None
    os.close(handle)


@pytest.mark.parametrize(
    "forged",
    [
        {"before": {"LD_PRELOAD": "/evil.so"}},
        {"before": {"HTTPS_PROXY": "", "BASH_ENV": "x"}},
        {"before": {"HTTPS_PROXY": "http://a:1\nNODE_OPTIONS=--require=evil"}},
        {"before": {"HTTPS_PROXY": "http://a:1 b"}},
        {"before": {"HTTPS_PROXY": 7}},
        {"before": {"HTTPS_PROXY": "http://" + "a" * 5000}},
        {"before": ["HTTPS_PROXY"]},
        {"pid": -1},
        {"pid": 0},
        {"pid": 1},
        {"pid": True},
        {"pid": "4711"},
        {"url": "http://a:1\n"},
        {"url": "https://a:1"},
        {"url": "http://a:1/path"},
        {"url": None},
    ],
)
def test_a_forged_state_is_none(tmp_path: Path, forged: dict[str, object]) -> None:
    """`stop` sends a signal to its process and exports its variables: it has nothing that `ci` never writes."""
    handle = os.open(tmp_path / "ci.json", os.O_RDWR | os.O_CREAT, 0o600)
    os.write(handle, json.dumps(asdict(HERE) | forged).encode())
    assert take_dead(tmp_path, keep=True) is None
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert read_background(tmp_path) is None
    os.close(handle)


def test_a_state_that_others_could_write_is_none(tmp_path: Path) -> None:
    """One that was checked out or unpacked has other permissions than one that `ci` has written."""
    os.close(claim(tmp_path, HERE))
    assert take_dead(tmp_path, keep=True) == HERE
    (tmp_path / "ci.json").chmod(0o644)
    assert take_dead(tmp_path, keep=True) is None


def test_a_link_is_no_state(tmp_path: Path) -> None:
    """Neither is it followed, nor its target overwritten."""
    (tmp_path / "target").write_text("of somebody")
    (tmp_path / "ci.json").symlink_to(tmp_path / "target")
    assert read_background(tmp_path) is None
    with pytest.raises(OSError, match="link"):
        claim(tmp_path, HERE)
    assert (tmp_path / "target").read_text() == "of somebody"


def test_only_addresses_of_proxies_are_saved() -> None:
    """A variable that is not set, or whose value no client can use, is restored as an empty one."""
    environ = {"HTTPS_PROXY": " http://u:p@h:1 ", "http_proxy": "a b", "HTTP_PROXY": "h:1", "PATH": "/bin"}
    assert proxy_variables(environ) == {
        "HTTPS_PROXY": "http://u:p@h:1",
        "https_proxy": "",
        "HTTP_PROXY": "h:1",
        "http_proxy": "",
    }
