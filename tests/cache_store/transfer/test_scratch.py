"""Temporary folders of transfers: those of killed processes go, those in use stay."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cache_store.errors import TransferError
from cache_store.transfer.scratch import scratch_folder

_HOLD = """
import sys
from cache_store.transfer.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "half").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_empty_and_goes_at_the_end(temporary: Path) -> None:
    """Nobody else may read it, and an error takes it along."""

    def work() -> None:
        with scratch_folder() as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "part").write_bytes(b"x")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        work()
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_removed_before_it_is_locked_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another transfer that starts at the same time may take it for one that was left."""
    make, made = tempfile.mkdtemp, []

    def removed_once(**named: str) -> str:
        made.append(make(**named))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", removed_once)
    with scratch_folder() as folder:
        assert folder == Path(made[1])
        assert folder.exists()


def test_a_killed_transfers_folder_goes_at_the_next_start(temporary: Path) -> None:
    """Not while its process lives, though, and nothing is taken that has another name or is a link."""
    command = [sys.executable, "-c", _HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        with scratch_folder():
            assert (left / "half").exists()
        other.send_signal(signal.SIGKILL)
    assert left.exists()
    (temporary / "provider-proxy-mine").mkdir()
    (temporary / "precious").mkdir()
    (temporary / "provider-proxy-transfer-link").symlink_to(temporary / "precious")
    with scratch_folder() as folder:
        assert not left.exists()
        assert folder.exists()
    names = {path.name for path in temporary.iterdir()}
    assert names == {"provider-proxy-mine", "precious", "provider-proxy-transfer-link"}


def test_no_room_for_it_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder for temporary files that does not exist is no traceback."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(TransferError, match="no temporary folder can be created"), scratch_folder():
        pass
