"""The comparison of a suite's runs; the suites themselves need sources that are not here (README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.suites.compare import main, outcomes

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_good"/>
<testcase classname="tests.a" name="test_bad{}"><failure/></testcase>
<testcase classname="tests.a" name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


def _write(out: Path, phase: str, results: str, report: str = "") -> None:
    (out / f"{phase}.results").write_text(results)
    (out / f"{phase}.report").write_text(report)
    (out / f"{phase}.time").write_text("a line of a shell\n6.00 4.50 0.50\n")
    (out / f"{phase}.suite-time").write_text("10.00 3.50 0.50\n")


def test_a_run_is_compared_with_the_direct_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By test, not by number; with the times, and the proxy's share of the CPU."""
    _write(tmp_path, "direct", JUNIT.format(""))
    (tmp_path / "direct.time").write_text("12.00 1.00 1.00\n")
    _write(
        tmp_path, "replay", JUNIT.format("_renamed"), "provider-proxy: warning: a\nprovider-proxy, mode x\n"
    )
    main(tmp_path, "replay", "2")
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "2 replay: 1 of 3 passed, 6.0 s (0.50 of direct), proxy CPU 25.0% of the suite's, 1 warnings in 2 lines "
        "(the tests alone: 10.0 s)"
    )
    assert second == "  not run, directly failed: tests.a::test_bad"


def test_jests_report_is_read_too(tmp_path: Path) -> None:
    """Files of one name in two folders have tests of their own."""
    cases = [{"fullName": "x", "status": "passed"}, {"fullName": "y", "status": "pending"}]
    files = [
        {"name": f"/s/openai-node/tests/api/{folder}/a.test.ts", "assertionResults": cases} for folder in "bc"
    ]
    (tmp_path / "r").write_text(json.dumps({"testResults": files}))
    assert outcomes(tmp_path / "r") == {
        "api/b/a.test.ts: x": "passed",
        "api/b/a.test.ts: y": "skipped",
        "api/c/a.test.ts: x": "passed",
        "api/c/a.test.ts: y": "skipped",
    }
