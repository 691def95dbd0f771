"""The folder `.provider-proxy`."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from addon.settings.settings import Settings
from addon.settings.state_folder import make_state_folder, open_private
from addon.settings.stores import open_for_run, open_store


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask() -> None:
    os.umask(0o022)


def test_a_new_folder_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    """git shows nothing of what lies in it, the file that says so included."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    folder = tmp_path / "project" / ".provider-proxy"
    make_state_folder(folder)
    (folder / "cache").mkdir()
    (folder / "cache" / "cache.db").touch()
    assert _mode(folder) == 0o700
    status = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, capture_output=True, check=True).stdout == b""


def test_a_folder_that_holds_only_a_restored_cache_is_ours(tmp_path: Path) -> None:
    """A CI step that restores a cache makes the folder before the proxy does."""
    folder = tmp_path / ".provider-proxy"
    (folder / "cache").mkdir(parents=True)
    make_state_folder(folder)
    assert _mode(folder) == 0o700
    assert (folder / ".gitignore").read_text().endswith("\n*\n")


def test_a_folder_of_the_users_is_left_alone(tmp_path: Path) -> None:
    """Its mode and its content are the user's: recordings may be committed on purpose."""
    folder = tmp_path / ".provider-proxy"
    folder.mkdir(mode=0o755)
    make_state_folder(folder)
    assert list(folder.iterdir()) == []
    assert _mode(folder) == 0o755


def test_a_private_file_stays_private(tmp_path: Path) -> None:
    """Also one that others could read before; a link to another file is refused."""
    (tmp_path / "log").write_text("old")
    (tmp_path / "log").chmod(0o644)
    with open_private(tmp_path / "log") as file:
        file.write(b"new")
    assert (_mode(tmp_path / "log"), (tmp_path / "log").read_text()) == (0o600, "new")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(OSError, match="link"):
        open_private(tmp_path / "link")


@pytest.mark.parametrize("for_run", [True, False])
def test_a_cache_in_it_makes_it(tmp_path: Path, for_run: bool) -> None:
    """Wherever the folder of that name is to be; a cache directory of another name gets no such file."""
    raw = {"cache_dir": str(tmp_path / "deep" / ".provider-proxy" / "cache")}
    store = open_for_run(Settings.parse(raw))[0] if for_run else open_store(Settings.parse(raw))
    store.open()
    store.close()
    assert "\n*\n" in (tmp_path / "deep" / ".provider-proxy" / ".gitignore").read_text()
    store = open_store(Settings.parse({"cache_dir": str(tmp_path / "fixtures" / "cache")}))
    store.open()
    store.close()
    assert list(tmp_path.rglob(".gitignore")) == [tmp_path / "deep" / ".provider-proxy" / ".gitignore"]
