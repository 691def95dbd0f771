"""`ci`."""

from __future__ import annotations

from addon.cli.ci import ci
from addon.cli.run import run
from addon.cli.serve import serve

# `ci` sets these itself, and a later step's processes cannot be enclosed by an earlier step.
_OF_THE_COMMAND = {"--dummy-keys", "--base-urls"}
_IN_THE_STEP = {"--enclosed", "--allow-local"}


def test_ci_has_every_option_of_run() -> None:
    """Whoever moves from `run` to `ci` finds each of them, and the process in the background understands them."""
    of_run = {option for parameter in run.params for option in parameter.opts if option.startswith("--")}
    of_run -= _IN_THE_STEP
    assert of_run <= {option for parameter in ci.params for option in parameter.opts}
    assert of_run - _OF_THE_COMMAND <= {option for parameter in serve.params for option in parameter.opts}
