"""Runs `provider-proxy` as a user does: a process, its exit status and what it printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def provider_proxy(
    *arguments: str, environ: dict[str, str], folder: Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The finished process."""
    return subprocess.run(
        [sys.executable, "-m", "addon.cli", *arguments],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
