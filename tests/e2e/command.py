"""Runs `provider-proxy` as a user does: a process, its exit status and what it printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e import warm


def provider_proxy(
    *arguments: str, environ: dict[str, str], folder: Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The finished process."""
    if not warm.POSSIBLE:
        return cold_provider_proxy(*arguments, environ=environ, folder=folder, timeout=timeout)
    process = warm.Process(list(arguments), environ, folder)
    try:
        out, err = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(arguments, process.wait(), out, err)


def cold_provider_proxy(
    *arguments: str, environ: dict[str, str], folder: Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """The same from nothing: the interpreter is started."""
    return subprocess.run(
        [sys.executable, "-m", "addon.cli", *arguments],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
