"""`push` and `pull`: the cache to and from a bucket."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from addon.accounting.figures import plural
from addon.cli.context import cache_options, open_store_for_reading, open_store_for_writing, read_settings
from addon.cli.filters import SIZE
from addon.cli.output import say
from addon.cli.progress import progress
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import UsageError

__all__ = ["pull", "push"]

_MAX_LINES = 20

_remote = click.option("--remote", metavar="URL", help="The bucket; by default PROVIDER_PROXY_REMOTE.")
_optional = click.option(
    "--optional", is_flag=True, help="Without credentials in the environment (a fork's) say so and succeed."
)


@click.command()
@cache_options
@_remote
@_optional
@click.option("--replace", is_flag=True, help="Make the remote hold just what this cache holds, in one pack.")
def push(*, remote: str | None, optional: bool, replace: bool, cache_dir: str | None) -> None:
    """Upload to the bucket what it does not hold yet."""
    from cache_store.transfer.ledger import Ledger
    from cache_store.transfer.remote import Remote
    from cache_store.transfer.sync import push as push_to

    url, folder = _places(remote, cache_dir)
    if optional and _is_without_credentials(url, "pushed"):
        return
    with open_store_for_reading(cache_dir) as store, progress() as shown:
        if replace and not store.stats().entries:
            raise UsageError("this cache is empty and `push --replace` would empty the remote; record first")
        near = store.local
        assert isinstance(near, DiskStore)  # `_places` names a directory
        done = push_to(
            near,
            Remote(url),
            Ledger(folder, url),
            replace=replace,
            advance=shown.counter("entries looked at"),
        )
    removed = f"; {plural(done.removed, 'older pack')} removed" if done.removed else ""
    what = (
        f"pushed {plural(done.entries, 'entry', 'entries')}, {done.bytes} bytes"
        if done.entries
        else "nothing new to push"
    )
    say(f"{what}{removed}", err=True)


@click.command()
@cache_options
@_remote
@_optional
@click.option(
    "--trust", is_flag=True, help="Take entries without a saved request too: their keys cannot be checked."
)
@click.option("--max-size", type=SIZE, help="How much one pack may unpack to; by default 100 times its size.")
def pull(
    *, remote: str | None, optional: bool, trust: bool, max_size: int | None, cache_dir: str | None
) -> None:
    """Fetch from the bucket what this cache does not hold yet. The newer recording wins. Exit status 1 if a pack or
    entry was refused; the others are stored."""
    from addon.transfer.own_entries import OwnEntries
    from cache_store.transfer.ledger import Ledger
    from cache_store.transfer.remote import Remote
    from cache_store.transfer.sync import pull as pull_from

    url, folder = _places(remote, cache_dir)
    if optional and _is_without_credentials(url, "pulled"):
        return
    admit = OwnEntries(read_settings(cache_dir=cache_dir), trust=trust).admit
    source = Remote(url, must_exist=True)
    with open_store_for_writing(cache_dir) as store, progress() as shown:
        near = store.local
        assert isinstance(near, DiskStore)
        done = pull_from(
            near, source, Ledger(folder, url), admit=admit, max_size=max_size,
            advance=shown.counter("fetched", is_bytes=True), checked=shown.counter("entries checked"),
            merged=shown.counter("entries merged"),
        )  # fmt: skip
    for line in done.refused[:_MAX_LINES]:
        say(f"refused: {line}", err=True)
    if not done.packs:
        say("nothing new to pull", err=True)
        return
    stored = plural(done.merged.stored, "entry", "entries")
    refused = f", {len(done.refused)} refused" if done.refused else ""
    say(f"pulled {plural(done.packs, 'pack')}: {stored} new, {done.merged.kept} not newer{refused}", err=True)
    sys.exit(1 if done.refused else 0)


def _is_without_credentials(url: str, done: str) -> bool:
    """Whether there are none, which is said."""
    from cache_store.transfer.credentials import has_credentials
    from cache_store.transfer.remote import checked_url

    if has_credentials(checked_url(url), os.environ):
        return False
    say(f"no credentials for {url} in the environment: nothing was {done}", err=True)
    return True


def _places(remote: str | None, cache_dir: str | None) -> tuple[str, Path]:
    settings = read_settings(cache_dir=cache_dir, remote=remote)
    if not settings.remote:
        raise UsageError("no bucket is named; set PROVIDER_PROXY_REMOTE=s3://bucket/prefix or give --remote")
    if settings.cache_dir is None:
        raise UsageError("PROVIDER_PROXY_CACHE_DIR=:memory: keeps nothing to push or pull; name a directory")
    return settings.remote, settings.cache_dir
