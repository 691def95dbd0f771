"""`serve`: the proxy in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from addon.cli.context import fault_option, how_to_record, make_host, proxy_options, raw_from_flags
from addon.cli.ending import Ending, ending_options, take_ending
from addon.cli.gate_options import gate_options, gates_for, take_gates
from addon.cli.ignored_content import check_ignored_content, force_option
from addon.cli.output import mask_password, print_lines, say, terminal_width, write_output
from addon.host.log import flush_log, log_to_stderr
from addon.host.options import client_changes, host_options
from addon.settings.settings import SETTINGS, Settings
from addon.settings.state_folder import STATE_FOLDER

__all__ = ["serve"]

_KEEP = "; they are kept if `stop --job-status success` ends the run and no gate failed"


@click.command()
@proxy_options
@fault_option
@force_option
@gate_options(hidden=True)
@ending_options(hidden=True)
@click.option("--web", is_flag=True, help="Run under mitmweb, to watch the traffic in a browser.")
@click.option("--background", is_flag=True, hidden=True, help="Started by ci: state instead of exports.")
@click.argument("mitmproxy_options", nargs=-1, type=click.UNPROCESSED)
def serve(
    *, web: bool, background: bool, force: bool, mitmproxy_options: tuple[str, ...], **flags: Any
) -> None:
    """Run the proxy until Ctrl-C, and print the lines to export.

    Arguments after `--` go to mitmproxy: `serve -- --set onboarding=false -w flows.mitm -s my_addon.py`.
    """
    gates, ending = take_gates(flags), take_ending(flags)
    raw = raw_from_flags(**flags)
    settings = Settings.parse(raw)
    check_ignored_content(settings, force=force)
    if web or mitmproxy_options:
        # Last, so that the user's scripts find their modules and we do not.
        sys.path += filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if web:  # mitmweb has a log of its own
        sys.exit(_serve_web(raw, settings, mitmproxy_options))
    log_to_stderr()
    record = how_to_record(flags["cache_mode"])
    ending = replace(ending, gates=gates_for(gates, settings))
    asyncio.run(_serve(raw, settings, mitmproxy_options, ending if background else None, record))


async def _serve(
    raw: dict[str, str],
    settings: Settings,
    arguments: tuple[str, ...],
    background: Ending | None,
    record: str,
) -> None:
    """Serve until a signal. `background` is the end of a proxy that `ci` started; None is any other proxy.

    `record` tells a user how to record what is missing.
    """
    from addon.host.background import SUCCESS, Background, claim, forget, proxy_variables, take_job_status
    from addon.report.publishing import publish, write_last_run

    # First of all, in the environment as it was: requests must go through the proxy that it names.
    host = make_host(host_options(raw, settings, os.environ, arguments))

    host.cache.life.rerecord = record
    state = -1
    if background is not None:
        background.prepare(host.cache)

    def ready() -> None:
        nonlocal state
        if background is not None:
            github = "GITHUB_ENV" in os.environ
            before = proxy_variables(os.environ) if github else {}
            state = claim(STATE_FOLDER, Background(os.getpid(), host.url, before))
        else:
            _print_exports(settings, host.url, host.cache.page_url(host.url))

    await host.run(ready)
    flush_log()
    counts = host.cache.counts
    if background is not None:  # `stop` prints the report
        passed = take_job_status(STATE_FOLDER) == SUCCESS
        background.settle(host.cache, 0 if passed or not background.staged else 1, _KEEP)
        write_last_run(STATE_FOLDER, counts)
        forget(state)
    else:
        print_lines(publish(STATE_FOLDER, counts, width=terminal_width(err=True)), err=True)


def _print_exports(settings: Settings, url: str, page: str = "") -> None:
    from addon.environment.client_env import render

    cache = settings.cache_dir or "memory"
    say(f"# provider-proxy listens on {url} (mode {settings.cache_mode}, cache {cache})")
    mask_password(settings.auth)
    write_output(render(client_changes(settings, url, os.environ), "sh"))
    if page:
        say(f"# See the run at {page}")
    say("# Ctrl-C stops it and prints a report.")


def _serve_web(raw: dict[str, str], settings: Settings, arguments: tuple[str, ...]) -> int:
    from mitmproxy.tools.main import mitmweb

    options = host_options(raw, settings, os.environ).mitmproxy
    sets = {k: v for k, v in options.items() if isinstance(v, str) and k != "listen_host"}
    sets |= {setting.option: raw[setting.name] for setting in SETTINGS if setting.name in raw}
    modes = [part for mode in options.get("mode", []) for part in ("--mode", mode)]
    if settings.listen_port:
        _print_exports(settings, f"http://{settings.listen_host}:{settings.listen_port}")
    script = Path(__file__).resolve().parents[1] / "script.py"
    listen = ["--listen-host", settings.listen_host, "--listen-port", str(settings.listen_port)]
    pairs = [part for name, value in sets.items() for part in ("--set", f"{name}={value}")]
    mitmweb(["-s", str(script), *modes, *listen, *pairs, *arguments])
    return 0
