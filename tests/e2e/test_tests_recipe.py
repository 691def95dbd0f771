"""The shell recipe of docs/tests.md, for runners that have no plugin."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.e2e.command import provider_proxy
from tests.e2e.conftest import ROOT
from tests.e2e.suites import environment, last_run
from tests.e2e.test_run import ask_command, local
from tests.e2e.upstream import Upstream

__all__ = ["local"]


def test_the_shell_recipe(local: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """What the command in the middle asks is the test's, and the last line prints the verdict."""
    page = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")
    (recipe,) = [code for code in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "-X DELETE" in code]
    asking = shlex.join(ask_command(local))
    script = re.sub("^go test .*$", lambda _: f"{asking} >&2", recipe, flags=re.MULTILINE)
    assert asking in script
    done = provider_proxy(
        "run", "--", "sh", "-ec", script, environ=environment(environ, local), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["test"], verdict["requests"], verdict["stored"]) == ("TestAnswer", 1, 1)
    (row,) = last_run(tmp_path)["tests"]  # type: ignore[misc]
    assert (row["client"], row["test"]) == ("go", "TestAnswer")  # type: ignore[index]
