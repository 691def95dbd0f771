"""The background proxy of `ci`: its state file, which its process locks as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from addon.environment.client_env import PROXY_VARIABLES
from addon.settings.state_folder import make_state_folder
from cache_store.atomic_file import replace_file
from cache_store.errors import UsageError

__all__ = [
    "SUCCESS",
    "Background",
    "claim",
    "forget",
    "is_claimed",
    "proxy_variables",
    "read_background",
    "take_dead",
    "take_job_status",
    "tell_job_status",
]

SUCCESS = "success"
"""The status of a job that has not failed, in GitHub's `job.status` and GitLab's `CI_JOB_STATUS`."""

_NAME = "ci.json"
_JOB_STATUS = "job-status"
_URL = re.compile(r"http://(?:[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_PROXY = re.compile(r"(?:[a-z0-9]{1,10}://)?[!-~]{1,4096}")  # what a client may take; no blanks or line ends
_LOCK_SECONDS = 0.5  # a reader of the state holds its lock for an instant


@dataclass(frozen=True)
class Background:
    """A running background proxy: its process, its URL, and the variables that `stop` restores.

    These may contain the password of a company's proxy, so they are saved only under GitHub Actions.
    """

    pid: int
    url: str
    before: dict[str, str]

    def is_plausible(self) -> bool:
        """Whether `ci` can have written this: anybody may have put the file there, and `stop` acts on it."""
        return (
            type(self.pid) is int
            and self.pid > 1
            and _fits(_URL, self.url)
            and isinstance(self.before, dict)
            and all(name in PROXY_VARIABLES for name in self.before)
            and all(value == "" or _fits(_PROXY, value) for value in self.before.values())
        )


def proxy_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables of `environ` for `Background.before`; '' for one that is unset or invalid."""
    values = {name: environ.get(name, "").strip() for name in PROXY_VARIABLES}
    return {name: value if _fits(_PROXY, value) else "" for name, value in values.items()}


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def claim(folder: Path, background: Background) -> int:
    """Write the state and lock it; the lock ends with the process. Returns the file descriptor.

    Raises UsageError if another background proxy has locked it.
    """
    make_state_folder(folder)
    handle = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not _lock(handle, _LOCK_SECONDS):
        os.close(handle)
        raise UsageError("a background proxy is already running here; stop it with `provider-proxy stop`")
    os.ftruncate(handle, 0)
    os.fchmod(handle, 0o600)
    os.write(handle, json.dumps(asdict(background)).encode())
    return handle


def forget(handle: int) -> None:
    """Empty the state of a proxy that ends normally; the lock ends with its process."""
    os.ftruncate(handle, 0)


def read_background(folder: Path) -> Background | None:
    """The background proxy that runs in `folder`, or None."""
    with _opened(folder) as handle:
        return None if handle is None or _lock(handle, 0) else _parsed(handle)


def tell_job_status(folder: Path, status: str) -> None:
    """Tell the background proxy, before it is ended, what became of its job."""
    replace_file(folder / _JOB_STATUS, status.encode("ascii", "replace"), 0o600)


def take_job_status(folder: Path) -> str:
    """What `tell_job_status` has told, once; '' if it has told nothing."""
    path = folder / _JOB_STATUS
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(handle, 64).decode("ascii", "replace")
    finally:
        os.close(handle)
        path.unlink(missing_ok=True)


def is_claimed(folder: Path) -> bool:
    """Whether the process of a background proxy lives in `folder`, even if it has emptied its state."""
    with _opened(folder) as handle:
        return handle is not None and not _lock(handle, 0)


def take_dead(folder: Path, *, keep: bool = False) -> Background | None:
    """The background proxy that died in `folder` without `forget`, or None. Its state is emptied unless `keep`."""
    with _opened(folder) as handle:
        if handle is None or not _lock(handle, 0):
            return None
        dead = _parsed(handle)
        if not keep:
            forget(handle)
        return dead


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    try:
        handle = os.open(folder / _NAME, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _parsed(handle: int) -> Background | None:
    """The state in an open file; None if `ci` of this user has not written it."""
    status = os.fstat(handle)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:  # unpacked or checked out, for example
        return None
    try:
        background = Background(**json.loads(os.read(handle, 65536)))
    except (ValueError, TypeError, RecursionError):
        return None
    return background if background.is_plausible() else None


def _lock(handle: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        else:
            return True
