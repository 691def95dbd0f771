"""`python -m tests.bench.plugin`: what the pytest plugin costs a test. 1,000 tests without requests, with and without it."""

from __future__ import annotations

import os
import re
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


def seconds(folder: Path, plugin: str) -> float:
    """How long pytest says that the suite took."""
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
    return float(found[1])


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text(SUITE)
        added = []
        for number in range(ROUNDS):
            without, with_it = seconds(folder, "off"), seconds(folder, "on")
            added.append((with_it - without) / TESTS * 1000)
            print(
                f"round {number + 1}: {without:.2f} s without, {with_it:.2f} s with: {added[-1]:.2f} ms a test"
            )
        print(f"median: {statistics.median(added):.2f} ms a test ({min(added):.2f} to {max(added):.2f})")


if __name__ == "__main__":
    main()
