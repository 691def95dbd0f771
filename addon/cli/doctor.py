"""`doctor`: checks the set-up, and whether a command's requests reach the proxy."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import urllib.request
from collections.abc import Callable
from importlib.metadata import version

import click

from addon.accounting.counts import RunCounts
from addon.cli.client_options import Given, enclosed_options
from addon.cli.context import proxy_options, raw_from_flags
from addon.cli.output import print_json, say
from addon.environment.ca import data_directory, ensure_ca
from addon.environment.upstream_proxy import upstream_proxy
from addon.host.background import read_background
from addon.host.log import log_to_stderr
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER
from addon.settings.stores import open_store
from cache_store.errors import ProviderProxyError

__all__ = ["doctor"]

type Check = tuple[str, bool, str]


@click.command(context_settings={"allow_interspersed_args": False})
@proxy_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@enclosed_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def doctor(
    *,
    as_json: bool,
    command: tuple[str, ...],
    enclosed: bool,
    allow_local: tuple[int, ...],
    **flags: str | None,
) -> None:
    """Check CA, port and cache, and whether the requests of COMMAND reach the proxy.

    A command that ignores the proxy variables works and goes live, and nothing else tells you. With --enclosed it
    cannot, and each of its connections is listed with its program. Exits with 1 if a check fails.
    """
    raw = raw_from_flags(**flags)
    settings = Settings.parse(raw)
    checks = [_checked(name, check) for name, check in _checks(settings).items()]
    if command:
        given = Given(enclosed=enclosed, local_ports=allow_local)
        checks += _check_command(raw, command, given)
    if as_json:
        print_json([{"check": name, "ok": ok, "found": found} for name, ok, found in checks])
    else:
        for name, ok, found in checks:
            say(f"{'ok ' if ok else 'BAD'}  {name:9} {found}")
    sys.exit(0 if all(ok for _, ok, _ in checks) else 1)


def _checked(name: str, check: Callable[[], str]) -> Check:
    try:
        return name, True, check()
    except (ProviderProxyError, OSError) as error:
        return name, False, " ".join(str(error).split())


def _checks(settings: Settings) -> dict[str, Callable[[], str]]:
    return {
        "versions": _versions,
        "CA": lambda: str(ensure_ca(data_directory(os.environ))),
        "upstream": _upstream,
        "port": lambda: _port(settings),
        "cache": lambda: _cache(settings),
        "workers": lambda: _workers(settings),
        "mode": lambda: f"{settings.cache_mode}, {len(settings.hosts.rules)} host patterns",
    }


def _versions() -> str:
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"provider-proxy {version('provider-proxy')}, mitmproxy {version('mitmproxy')}, Python {python}"


def _upstream() -> str:
    corporate = upstream_proxy(os.environ, "http://127.0.0.1:1")
    return f"through the proxy {corporate.host}:{corporate.port}" if corporate else "directly"


def _port(settings: Settings) -> str:
    background = read_background(STATE_FOLDER)
    if background is not None:
        with urllib.request.urlopen(f"{background.url}/-/healthz", timeout=5) as answer:  # noqa: S310 - loopback http
            return f"{background.url} answers {answer.read().decode().strip()} (started by ci)"
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.listen_host, settings.listen_port))
        except OSError as error:
            where = f"{settings.listen_host}:{settings.listen_port}"
            raise OSError(f"{where}: {error.strerror}; set PROVIDER_PROXY_LISTEN=127.0.0.1:0") from error
    return f"{settings.listen_host}:{settings.listen_port or 'any'} is free"


def _cache(settings: Settings) -> str:
    if settings.cache_dir is not None and not settings.cache_dir.exists():
        return f"{settings.cache_dir} will be made at the first start"
    store = open_store(settings)
    store.open()
    try:
        return f"{settings.cache_dir or 'memory'}, {store.stats().entries} entries"
    finally:
        store.close()


def _workers(settings: Settings) -> str:
    if settings.workers == 1:
        return "1"
    from addon.host.how_many import how_many_here, processors

    count, why = how_many_here(settings, arguments=False)
    return why or f"{count}, of {processors()} processors"


def _check_command(raw: dict[str, str], command: tuple[str, ...], given: Given) -> list[Check]:
    from addon.cli.run import run_command

    log_to_stderr()
    status, counts = asyncio.run(run_command(raw, command, given))
    checks = [("command", status == 0, f"{command[0]} ended with {status}")]
    return [*checks, *_reached(counts)]


def _reached(counts: RunCounts) -> list[Check]:
    checks: list[Check] = []
    reached = {host: row.requests for host, row in counts.hosts.items() if row.requests}
    if reached:
        found = ", ".join(f"{host} {count}" for host, count in sorted(reached.items()))
        checks.append(("reached", True, found))
    else:
        hint = "the client ignores HTTPS_PROXY, or asked no provider; try `run --base-urls` (docs/clients.md)"
        checks.append(("reached", False, f"no request to a provider host reached the proxy; {hint}"))
    for place, count in sorted(counts.inside.items()):
        checks.append(("inside", True, f"{place} {count}"))
    for place, count in sorted(counts.outside.items()):
        hint = "it ignores HTTPS_PROXY; try --base-urls, or --allow-local for a port of this machine"
        checks.append(("outside", False, f"{place} {count}: refused; {hint}"))
    for host, count in sorted(counts.tls_refused.items()):
        hint = "the client does not trust the CA; it reads a CA variable that `env` does not print"
        checks.append(("trust", False, f"{host} {count}: {hint}"))
    for host, count in sorted(counts.tls_left.items()):
        hint = "the client left before its first request; if that is an error, it may not trust the CA"
        checks.append(("trust", host in reached, f"{host} {count}: {hint}"))
    for host, count in sorted(counts.tunnelled.items()):
        hint = "not intercepted; add it to PROVIDER_PROXY_HOSTS if it should be"
        checks.append(("tunnel", True, f"{host} {count}: {hint}"))
    return checks
