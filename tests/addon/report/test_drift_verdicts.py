"""The last verdicts of `drift`, as the page reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.report.drift_verdicts import KeptVerdict, keep_verdicts, read_verdicts


def _row(key: str, verdict: str, *, benign: bool = False) -> dict[str, Any]:
    reason = {
        "what": "other words",
        "place": "/a",
        "old": "Paris\x1b",
        "new": "x" * 500,
        "benign": benign,
    }
    return {"key": key, "verdict": verdict, "recorded_at": 5.0, "reasons": [reason] * 9, "question": "Who?"}


def test_the_last_verdict_of_each_entry_stays(tmp_path: Path) -> None:
    """In a private file, without what was asked, and without the values of a benign difference."""
    folder = tmp_path / "state"
    keep_verdicts(folder, [_row("a", "changed"), _row("b", "benign", benign=True)], 10.0)
    keep_verdicts(
        folder, [_row("a", "not answered"), _row("b", "same"), _row("c", "benign", benign=True)], 20.0
    )
    found = read_verdicts(folder)
    assert [(key, kept.verdict, kept.at) for key, kept in found.items()] == [
        ("a", "changed", 10.0), ("b", "same", 20.0), ("c", "benign", 20.0),
    ]  # fmt: skip
    assert found["c"].reasons == ("other words at /a",) * 5
    assert found["a"].reasons[0].startswith("other words at /a: Paris\\x1b / xxx")
    assert all(len(reason) <= 300 for reason in found["a"].reasons)
    path = folder / "drift.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Who?" not in path.read_text()


def test_the_file_is_bounded(tmp_path: Path) -> None:
    """The oldest verdicts go."""
    keep_verdicts(tmp_path, [_row(f"{number}", "same") | {"reasons": []} for number in range(5002)], 1.0)
    found = read_verdicts(tmp_path)
    assert (len(found), next(iter(found))) == (5000, "2")


@pytest.mark.parametrize(
    "value",
    [
        "nonsense", "[]", "{}", '{"version": 2, "verdicts": {}}', '{"version": 1, "verdicts": []}',
        *(f'{{"version": 1, "verdicts": {{"a": {one}}}}}' for one in (
            "5", "[]", '["other", 1, 1, []]', '[["same"], 1, 1, []]', '["same", NaN, 1, []]', '["same", {}, 1, []]',
            '["same", "1", 1, []]', '["same", 1, 1, {}]', '["same", 1e400, 1, []]')),
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_anyone_may_have_written(value: str, tmp_path: Path) -> None:
    """What cannot be read gives no verdicts."""
    (tmp_path / "drift.json").write_text(value)
    assert read_verdicts(tmp_path) == {}


def test_long_reasons_are_cut(tmp_path: Path) -> None:
    """Those that are no text are left out."""
    value = ["same", 1, 2, ["x" * 9000, 5, "b"]]
    (tmp_path / "drift.json").write_text(json.dumps({"version": 1, "verdicts": {"a": value}}))
    assert read_verdicts(tmp_path) == {"a": KeptVerdict("same", 1.0, 2.0, ("x" * 300, "b"))}
