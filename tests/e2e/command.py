"""Runs `provider-proxy` as a user does: the installed command, its exit status and what it printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMAND = (str(Path(sys.executable).with_name("provider-proxy")),)
# The same with every name resolved to TEST_UPSTREAM_PORT, in all of its processes.
MAPPED_COMMAND = (
    sys.executable,
    "-P",
    str(Path(__file__).with_name("mapped_start.py")),
    "addon.cli.console_script",
)


def provider_proxy(
    *arguments: str, environ: dict[str, str], folder: Path, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """The finished process."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
