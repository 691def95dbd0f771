"""The background proxy's state file."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from addon.host.background import Background, claim, forget, is_claimed, read_background, take_dead
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
        claim(tmp_path, Background(pid=1, url="http://127.0.0.1:1", before={}))
    assert read_background(tmp_path) == HERE
    os.close(handle)


def test_a_new_claim_replaces_an_old_longer_state(tmp_path: Path) -> None:
    """What a proxy before left in the file is gone."""
    os.close(
        claim(tmp_path, Background(pid=123456789, url="http://127.0.0.1:65535/" + "longer" * 20, before={}))
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
    """What does not parse is nobody, even while it is locked."""
    handle = claim(tmp_path, HERE)
    (tmp_path / "ci.json").write_bytes(content)
    assert read_background(tmp_path) is None
    os.close(handle)
