"""How `probe` ends. That it finds what tests look at is tested end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from addon.cli import probe as module
from addon.cli.probe_report import ProbeResult, print_result
from addon.cli.probe_state import ProbeState
from addon.probing.edits import Change, Kind
from addon.probing.findings import Answer
from addon.probing.trials import Finding

NOTHING = ProbeResult((), {}, {}, left=0, unaltered=0, shown={}, seed=0)


@pytest.mark.parametrize(("is_interrupted", "status"), [(True, 130), (False, 3)])
def test_an_interrupted_probe_says_nothing_of_the_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_interrupted: bool, status: int
) -> None:
    """It was not measured. A whole probe in which no test depends on anything fails."""

    async def run(self: module._Probing) -> ProbeResult:
        self.is_interrupted = is_interrupted
        return NOTHING

    monkeypatch.setattr(module._Probing, "run", run)
    monkeypatch.setattr(module, "log_to_stderr", lambda: None)
    line = ["--cache-dir", str(tmp_path), "--min-depend", "0.8", "--", "true"]
    done = CliRunner().invoke(module.probe, line)
    assert done.exit_code == status
    assert ("tests depend on less than 80%" in done.output) != is_interrupted


@pytest.mark.parametrize("left", [0, 1])
def test_an_unfinished_probe_does_not_say_that_no_test_looks_at_an_answer(
    capsys: pytest.CaptureFixture[str], left: int
) -> None:
    """A test may look at a part that was not altered yet."""
    answer = Answer("test_a", "pp2-1", {Change(Kind.TEXT, "/text"): Finding.BLIND})
    print_result(replace(NOTHING, answers=(answer,), left=left))
    said = capsys.readouterr().out
    assert ("no test looks at" in said) == (not left)
    assert ("Blind so far" in said) == bool(left)


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_file_that_cannot_be_changed_does_not_end_the_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_complete: bool
) -> None:
    """What it found is still to be printed."""
    (tmp_path / "probe.json" / "x").mkdir(parents=True)
    module._keep(ProbeState(tmp_path, ("true",), 0, {}), {}, is_complete=is_complete)
    assert "what was found cannot be" in capsys.readouterr().err
