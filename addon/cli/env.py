"""`env`: the environment that a client needs."""

from __future__ import annotations

import os

import click

from addon.cli.context import proxy_options, read_settings
from addon.cli.output import mask_password, write_output
from addon.environment.client_env import FORMATS, render
from addon.host.background import read_background
from addon.host.options import client_changes
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import UsageError

__all__ = ["env"]


@click.command()
@proxy_options
@click.option("--format", "fmt", type=click.Choice(sorted(FORMATS)), default="sh", show_default=True)
def env(*, fmt: str, **flags: str | None) -> None:
    """Print the environment with which a client finds the proxy and trusts it.

    The address is that of the background proxy if one runs here, else PROVIDER_PROXY_LISTEN.
    """
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
    write_output(render(client_changes(settings, url, os.environ), fmt))
