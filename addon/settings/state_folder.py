"""The folder `.provider-proxy`: the log, the state and the last run's report, and by default the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

__all__ = ["STATE_FOLDER", "make_state_folder", "open_private"]

# Relative to the working directory.
STATE_FOLDER = Path(".provider-proxy")
_GITIGNORE = "# Made by provider-proxy, so that nobody commits recordings by accident.\n*\n"


def make_state_folder(folder: Path) -> None:
    """Make `folder`, private and ignored by git, if it does not exist or holds a cache and nothing else.

    A CI step that restores a cache makes the folder before we do. Any other that exists is left as it is. Raises
    OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_symlink() or [path.name for path in folder.iterdir()] != ["cache"]:
            return
        folder.chmod(0o700)
    with open_private(folder / ".gitignore") as file:
        file.write(_GITIGNORE.encode())


def open_private(path: Path) -> IO[bytes]:
    """Open a file for writing, empty, which nobody else can read even if it existed before. Raises OSError."""
    # O_NONBLOCK: a pipe under this name would wait for a reader.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    file = os.fdopen(descriptor, "wb")
    os.fchmod(descriptor, 0o600)
    return file
