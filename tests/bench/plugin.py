"""`python -m tests.bench.plugin`: what the pytest plugin costs a test. 1,000 tests without requests, with and without it."""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS, ROUNDS = 1000, 5
SUITE = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_nothing(number):
    pass
"""


def seconds(folder: Path, plugin: str) -> tuple[float, float]:
    """How long pytest says that the suite took, and the processor time of pytest and proxy."""
    before = _processor_seconds()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder)]
    environ = os.environ | {"PROVIDER_PROXY_PYTEST": plugin, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("provider-proxy")), "run", "--", *command],
        env=environ, cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(rf"{TESTS} passed in ([0-9.]+)s", done.stdout)
    if (
        found is None
        or "tell tests apart" in done.stdout
        or ("provider-proxy:" in done.stdout) != (plugin == "on")
    ):
        raise RuntimeError(done.stdout)
    return float(found[1]), _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(SUITE)
        rounds = []
        for number in range(ROUNDS):
            without, with_it = seconds(folder, "off"), seconds(folder, "on")
            rounds.append([(b - a) / TESTS * 1000 for a, b in zip(without, with_it, strict=True)])
            print(f"round {number + 1}: {_shown(*rounds[-1])}")
        print(f"median: {_shown(*map(statistics.median, zip(*rounds, strict=True)))}")


def _shown(elapsed: float, processor: float) -> str:
    return f"{elapsed:.2f} ms a test, {processor:.2f} ms of processor time"


if __name__ == "__main__":
    main()
