"""What an unfinished probe leaves for the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.cli.probe_state import ProbeState
from addon.probing.edits import Change, Kind
from addon.probing.trials import Finding, Trial

TRIALS = [Trial(f"secret_{n}", "pp2-1", Change(Kind.TEXT, f"/content/{n}")) for n in range(3)]
FINDINGS = {TRIALS[0]: Finding.DEPENDS, TRIALS[1]: Finding.BLIND}
DIGESTS = {"pp2-1": "0" * 64}


def state(folder: Path, seed: int = 0, command: tuple[str, ...] = ("pytest",), **digests: str) -> ProbeState:
    """The state of a probe."""
    return ProbeState(folder / ".provider-proxy", command, seed, digests or DIGESTS)


def test_the_next_probe_goes_on(tmp_path: Path) -> None:
    """It knows what was tried, and nothing once that is complete. The file names neither tests nor parts."""
    state(tmp_path).save(FINDINGS)
    file = tmp_path / ".provider-proxy" / "probe.json"
    assert file.stat().st_mode & 0o077 == 0
    assert "secret" not in file.read_text()
    assert "content" not in file.read_text()
    assert state(tmp_path).load(TRIALS) == FINDINGS
    state(tmp_path).clear()
    state(tmp_path).clear()
    assert state(tmp_path).load(TRIALS) == {}


def test_another_probe_begins_anew(tmp_path: Path) -> None:
    """With another seed, another command, or after the answer was recorded again."""
    state(tmp_path).save(FINDINGS)
    for other in (
        state(tmp_path, seed=1),
        state(tmp_path, command=("pytest", "-k", "x")),
        state(tmp_path, **{"pp2-1": "1" * 64}),
    ):
        assert other.load(TRIALS) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"at": 0},
        {"at": 1e12},
        {"at": "now"},
        {"findings": []},
        {"findings": {"0" * 32: "wonderful"}},
        None,
    ],
)
def test_an_unusable_file_says_nothing(tmp_path: Path, change: dict[str, Any] | None) -> None:
    """Old, of another version, or written by somebody else."""
    state(tmp_path).save(FINDINGS)
    file = tmp_path / ".provider-proxy" / "probe.json"
    file.write_text("[" * 100_000 if change is None else json.dumps(json.loads(file.read_text()) | change))
    assert state(tmp_path).load(TRIALS) == {}
