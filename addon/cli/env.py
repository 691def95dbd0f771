"""`env`: the environment that a client needs."""

from __future__ import annotations

import os

import click

from addon.cli.client_options import base_urls_option
from addon.cli.context import proxy_options, read_settings
from addon.cli.output import mask_password, write_output
from addon.environment.client_env import FORMATS, EnvChanges, render
from addon.environment.pytest_env import pytest_environment
from addon.host.background import read_background
from addon.host.options import client_changes
from addon.runners import SETUP_FILE
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import UsageError

__all__ = ["env"]


@click.command()
@proxy_options
@base_urls_option
@click.option("--format", "fmt", type=click.Choice(sorted(FORMATS)), default="sh", show_default=True)
@click.option(
    "--pytest", "with_pytest", is_flag=True, help="Also name the plugin with which pytest names its tests."
)
@click.option(
    "--setup-file", is_flag=True, help="Print the path of the set-up file for vitest, jest and node:test."
)
def env(*, fmt: str, base_urls: bool, with_pytest: bool, setup_file: bool, **flags: str | None) -> None:
    """Print the environment with which a client finds the proxy and trusts it.

    The address is that of the background proxy if one runs here, else PROVIDER_PROXY_LISTEN.
    """
    if setup_file:
        write_output(f"{SETUP_FILE}\n")
        return
    settings = read_settings(**flags)
    background = read_background(STATE_FOLDER)
    if background is not None and flags["listen"] is None:
        url = background.url
    elif settings.listen_port:
        host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
        url = f"http://{host}:{settings.listen_port}"
    else:
        raise UsageError("PROVIDER_PROXY_LISTEN has no fixed port; start the proxy with `provider-proxy ci`")
    mask_password(settings.auth)
    changes = client_changes(settings, url, os.environ, with_base_urls=base_urls)
    if with_pytest:
        plugin = pytest_environment(os.environ, strict=settings.strict)
        changes = EnvChanges(set=changes.set | plugin.set, unset=changes.unset + plugin.unset)
    write_output(render(changes, fmt))
