"""`ci` and `stop`: a proxy in the background, for steps of a CI job."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from addon.accounting.gates import FAILED_STATUS
from addon.cli.client_options import base_urls_option, dummy_keys_option, keys_to_set
from addon.cli.console_script import own_command_line
from addon.cli.context import PROXY_FLAGS, fault_option, proxy_options, raw_from_flags
from addon.cli.ending import check_refresh, ending_arguments, ending_options
from addon.cli.gate_options import gate_arguments, gate_options, take_gates
from addon.cli.ignored_content import check_ignored_content, force_option
from addon.cli.output import mask_password, print_json, print_lines, terminal_width, write_output
from addon.environment.after_stop import after_stop
from addon.environment.client_env import PROXY_VARIABLES, EnvChanges, render
from addon.host.background import (
    Background,
    is_claimed,
    read_background,
    take_dead,
    take_job_status,
    tell_job_status,
)
from addon.host.options import client_changes
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER, make_state_folder, open_private
from cache_store.errors import ProviderProxyError, UsageError
from provider_proxy_start import own_environ

__all__ = ["ci", "stop"]

_START_SECONDS = 60
_STOP_SECONDS = 60
_LOG = "proxy.log"


@click.command()
@proxy_options
@fault_option
@force_option
@gate_options()
@ending_options()
@dummy_keys_option
@base_urls_option
def ci(*, force: bool, dummy_keys: bool, base_urls: bool, **flags: Any) -> None:
    """Start a proxy in the background and print the exports, for `eval "$(provider-proxy ci)"`.

    Under GitHub Actions they are appended to $GITHUB_ENV too. Log and state are in .provider-proxy/.
    """
    refresh = flags["refresh"]
    more = [*gate_arguments(take_gates(flags)), *ending_arguments(flags)]
    settings = Settings.parse(raw_from_flags(**flags))
    check_refresh(refresh, settings)
    keys = keys_to_set(os.environ, settings, wanted=dummy_keys)
    if read_background(STATE_FOLDER) is not None:
        raise UsageError("a background proxy is already running here; stop it with `provider-proxy stop`")
    check_ignored_content(settings, force=force)
    _ignore_dead_proxy()
    background = _start(flags, more)
    mask_password(settings.auth)
    changes = client_changes(settings, background.url, os.environ | keys, with_base_urls=base_urls)
    changes = replace(changes, set=changes.set | keys)
    _to_github(changes)
    write_output(render(changes, "sh"))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--job-status",
    envvar="CI_JOB_STATUS",
    metavar="STATUS",
    help="success: the job has passed, so that `ci --commit on-success` keeps its recordings. On GitHub, give "
    "${{ job.status }}; GitLab sets CI_JOB_STATUS.",
)
def stop(*, as_json: bool, job_status: str | None) -> None:
    """Stop the proxy that `ci` started, and print its report.

    Exits with 3 if a gate that was given to `ci` failed.
    """
    from addon.cli.report import annotate_run
    from addon.report.publishing import read_last_run, to_github
    from addon.report.table import render_report

    background = read_background(STATE_FOLDER)
    if background is None:
        raise _nothing_to_stop()
    if job_status:
        tell_job_status(STATE_FOLDER, job_status)
    with contextlib.suppress(ProcessLookupError):  # it may have ended just now
        os.kill(background.pid, signal.SIGTERM)
    if not _wait(lambda: not is_claimed(STATE_FOLDER), _STOP_SECONDS):
        raise ProviderProxyError(
            f"the proxy (process {background.pid}) does not stop; kill it and look at {STATE_FOLDER / _LOG}"
        )
    _restore(background)
    report = read_last_run(STATE_FOLDER)
    if as_json:
        print_json(report)
    else:
        print_lines(render_report(report, terminal_width()))
    annotate_run(report)
    to_github(report)
    if report.get("failed_gates"):
        sys.exit(FAILED_STATUS)


def _ignore_dead_proxy() -> None:
    """Replace a proxy that died here in this process's variables: it is not upstream of the new one, and `stop`
    must not restore it.
    """
    dead = take_dead(STATE_FOLDER, keep=True)  # kept for `stop` if the start fails
    if dead is None:
        return
    own = dead.url.removeprefix("http://")
    for name in PROXY_VARIABLES:
        if os.environ.get(name, "").rpartition("@")[2].removeprefix("http://") == own:
            os.environ[name] = dead.before.get(name, "")


def _nothing_to_stop() -> ProviderProxyError:
    dead = take_dead(STATE_FOLDER)
    if dead is None:
        return UsageError("no background proxy is running here; `provider-proxy ci` starts one")
    _restore(dead)
    return ProviderProxyError(
        f"the background proxy (process {dead.pid}) died without a report; see {STATE_FOLDER / _LOG}"
    )


def _restore(background: Background) -> None:
    """Give later steps the proxy that they had before, and lead nothing to this one; the bundle stays valid."""
    for value in background.before.values():
        mask_password(value.rpartition("@")[0].rpartition("/")[2])
    left = after_stop(os.environ, background.url)
    _to_github(EnvChanges(set={**left, **background.before}, unset=()))


def _to_github(changes: EnvChanges) -> None:
    github = os.environ.get("GITHUB_ENV")
    if github:
        with Path(github).open("a", encoding="utf-8") as file:
            file.write(render(changes, "github"))


def _start(flags: dict[str, str | None], more: list[str]) -> Background:
    make_state_folder(STATE_FOLDER)
    take_job_status(STATE_FOLDER)  # of an earlier run
    log = STATE_FOLDER / _LOG
    given = [
        part
        for name, flag in PROXY_FLAGS.items()
        if (value := flags.get(name)) is not None
        for part in (flag, value)
    ]
    environ = own_environ()
    if (faults := flags.get("faults")) is not None:
        environ["PROVIDER_PROXY_FAULTS"] = faults
    serve = ["serve", "--background", "--force", *given, *more]
    with open_private(log) as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            own_command_line(serve),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _wait(lambda: process.poll() is not None or _is(process.pid), _START_SECONDS)
    background = read_background(STATE_FOLDER)
    if background is None or background.pid != process.pid:
        process.kill()
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = lines[-1].removeprefix("provider-proxy: ") if lines else "it printed nothing"
        raise UsageError(f"the background proxy did not start: {reason}")
    return background


def _is(pid: int) -> bool:
    background = read_background(STATE_FOLDER)
    return background is not None and background.pid == pid


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
