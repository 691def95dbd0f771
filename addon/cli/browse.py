"""`browse`: the page over the cache and the last run, without a proxy."""

from __future__ import annotations

import secrets

import click

from addon.cli.context import cache_options, open_store_for_reading
from addon.cli.output import say
from addon.settings.state_folder import STATE_FOLDER
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import UsageError

__all__ = ["browse"]


@click.command()
@cache_options
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; 0 is any free one.")
def browse(*, cache_dir: str | None, port: int) -> None:
    """Show the cache and the last run in a browser.

    It prints the URL and opens nothing. The page only reads, and only this machine reaches it. Ctrl-C ends it.
    """
    from addon.page.browsing import Browsing
    from addon.page.pages import Pages, Shown
    from addon.report.publishing import read_last_run

    try:
        run = read_last_run(STATE_FOLDER)
    except UsageError:
        run = None
    with open_store_for_reading(cache_dir) as store:
        near = store.local
        pages = Pages(near, near.stored_sizes if isinstance(near, DiskStore) else dict, STATE_FOLDER)
        used: dict[str, int] = {}
        for row in run["tests"] if run is not None else ():
            for key, times in row["entries"].items():
                used[key] = used.get(key, 0) + times
        try:
            browsing = Browsing(pages, Shown(run, used=used), secrets.token_urlsafe(24), port)
        except OSError as error:
            raise UsageError(
                f"127.0.0.1:{port} cannot be listened on ({error.strerror}); use another --port"
            ) from error
        say(f"provider-proxy: open {browsing.url}")
        say("Ctrl-C ends it.")
        try:
            browsing.serve()
        except KeyboardInterrupt:
            pass  # that is how it is ended
        finally:
            pages.close()
            browsing.close()
