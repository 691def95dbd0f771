"""Says how one run of a suite went, against the direct one: `compare.py OUT PHASE NUMBER`."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def outcomes(results: Path) -> dict[str, str]:
    """The outcome of each test in a JUnit or a jest report: `passed`, `failed` or `skipped`, by id."""
    text = results.read_text()
    if not text.startswith("{"):
        found = {}
        for case in ElementTree.fromstring(text).iter("testcase"):
            kinds = {child.tag for child in case}
            outcome = (
                "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
            )
            found[f"{case.get('classname')}::{case.get('name')}"] = outcome
        return found
    return {
        f"{file['name'].rpartition('/tests/')[2]}: {case['fullName']}": case["status"].replace(
            "pending", "skipped"
        )
        for file in json.loads(text)["testResults"]
        for case in file["assertionResults"]
    }


def seconds(file: Path) -> tuple[float, float]:
    """Wall and CPU seconds in the last line of a file that bash's `time` wrote."""
    wall, user, system = map(float, file.read_text().splitlines()[-1].split())
    return wall, user + system


def main(out: Path, phase: str, number: str) -> None:
    """Print one line about the run, and one for each test that passed directly and not here."""
    here = outcomes(out / f"{phase}.results")
    direct = outcomes(out / "direct.results") if (out / "direct.results").exists() else {}
    wall, cpu = seconds(out / f"{phase}.time")
    suite_wall, suite_cpu = seconds(out / f"{phase}.suite-time")
    line = f"{number} {phase}: {list(here.values()).count('passed')} of {len(here)} passed, {wall:.1f} s"
    if direct and phase != "direct":
        report = (out / f"{phase}.report").read_text().splitlines()
        warnings = sum(": warning: " in text for text in report)
        line += f" ({wall / seconds(out / 'direct.time')[0]:.2f} of direct), proxy CPU {(cpu - suite_cpu) / suite_cpu:.1%}"
        line += f" of the suite's, {warnings} warnings in {len(report)} lines"
    print(line, f"(the tests alone: {suite_wall:.1f} s)")
    for test, outcome in direct.items():
        if here.get(test) != outcome:
            print(f"  {here.get(test, 'not run')}, directly {outcome}: {test}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
