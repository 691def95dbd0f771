"""What was measured with: versions, and the machine without its name and its paths."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine", "versions"]

PACKAGES = ("mitmproxy", "diskcache", "vcrpy", "requests", "openai", "anthropic", "pytest", "pytest-xdist")


def machine() -> dict[str, str | int]:
    """CPU, cores, memory, system, Python."""
    cpu = _field("/proc/cpuinfo", "model name") or platform.machine()
    memory = int((_field("/proc/meminfo", "MemTotal") or "0").split()[0])
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 2**20),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "openssl": _openssl(),
    }


def versions() -> dict[str, str]:
    """Of ours (the commit too, where there is one) and of what we measure with."""
    found = {"provider-proxy": f"{version('provider-proxy')} ({_commit()})"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""


def _openssl() -> str:
    import ssl

    return ssl.OPENSSL_VERSION.split()[1]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"
