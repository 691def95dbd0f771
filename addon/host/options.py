"""Prepares the start of a proxy (CA, roots, a company's proxy) and the environment of its clients."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from addon.environment.base_urls import base_urls
from addon.environment.ca import data_directory, ensure_ca
from addon.environment.client_env import BUNDLE_VARIABLES, EnvChanges, client_environment
from addon.environment.java import java_options, write_trust_store
from addon.environment.offline_env import offline_environment
from addon.environment.trust import upstream_roots, write_bundle
from addon.environment.upstream_proxy import upstream_proxy
from addon.settings.settings import Settings

__all__ = ["HostOptions", "client_changes", "host_options"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HostOptions:
    """The options of a host.

    `raw` are the settings as text, `mitmproxy` its options, `arguments` what the user typed after `--`. `bypasses`
    says whether a host and port are reached directly rather than through the company's proxy. `workers` is the
    number of processes.
    """

    raw: Mapping[str, str]
    mitmproxy: Mapping[str, Any] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    bypasses: Callable[[str, int], bool] | None = None
    workers: int = 1


@dataclass(frozen=True)
class _Files:
    """The CA's certificate and the bundles, whose names depend on the roots that the environment names."""

    ca: Path
    bundle: Path
    upstream: Path


def _files(environ: Mapping[str, str]) -> _Files:
    folder = data_directory(environ)
    ca = ensure_ca(folder)
    named = "\0".join(environ.get(name, "") for name in (*BUNDLE_VARIABLES, "SSL_CERT_DIR"))
    suffix = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return _Files(ca, folder / f"bundle-{suffix}.pem", folder / f"roots-{suffix}.pem")


def host_options(
    raw: Mapping[str, str], settings: Settings, environ: Mapping[str, str], arguments: Sequence[str] = ()
) -> HostOptions:
    """The options of a host. Raises UsageError for an unusable CA or company's proxy."""
    files = _files(environ)
    mitmproxy: dict[str, Any] = {
        "confdir": str(files.ca.parent),
        "listen_host": settings.listen_host,
        "listen_port": settings.listen_port,
    }
    host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
    own_url = f"http://{host}:{settings.listen_port or 1}"
    corporate = upstream_proxy(environ, own_url)
    if corporate is not None:
        mitmproxy["mode"] = [corporate.mode]
        mitmproxy["upstream_auth"] = corporate.auth
    nested = corporate is not None and corporate.is_local
    roots = upstream_roots(environ, files.upstream, trust_own_ca=nested)
    mitmproxy["ssl_verify_upstream_trusted_ca"] = str(roots)
    if settings.auth:
        mitmproxy["proxyauth"] = settings.auth
    bypasses = corporate.bypasses if corporate is not None else None
    workers = 1 if settings.workers == 1 else _workers(settings, arguments)
    return HostOptions(raw, mitmproxy, arguments, bypasses, workers)


def _workers(settings: Settings, arguments: Sequence[str]) -> int:
    """The number of processes; a warning says why it is fewer than the setting asks for."""
    from addon.host.how_many import how_many_here

    count, why = how_many_here(settings, arguments=bool(arguments))
    if why:
        logger.warning("%s", why)
    return count


def client_changes(
    settings: Settings, url: str, environ: Mapping[str, str], *, with_base_urls: bool = False
) -> EnvChanges:
    """The changes to `environ` with which a client finds the proxy at `url` and trusts it.

    Raises UsageError if base URLs are wanted and the proxy needs a password.
    """
    files = _files(environ)
    bundle = write_bundle(environ, files.ca, files.bundle)
    forwards = settings.cache_mode.forwards
    metadata = not forwards and settings.answers_tokens
    proxy_url = _with_auth(url, settings.auth)
    changes = client_environment(
        environ, proxy_url=proxy_url, bundle=bundle, rules=settings.hosts, metadata=metadata
    )
    more: dict[str, str] = {}
    # The JVM and the SDKs that ask for metadata send no password.
    if not settings.auth and (trust_store := write_trust_store(bundle)):
        more["JAVA_TOOL_OPTIONS"] = java_options(environ, url, trust_store, changes.set["NO_PROXY"])
    if not forwards:
        more |= offline_environment(environ, url if metadata and not settings.auth else None)
    if with_base_urls:
        tokens = settings.offline_hosts if metadata else None
        more |= base_urls(environ, proxy_url, settings.hosts, forwards=forwards, tokens=tokens)
    return replace(changes, set=changes.set | more)


def _with_auth(url: str, auth: str) -> str:
    """`url` with `auth` (`user:password`) in it, if that is not empty."""
    if not auth:
        return url
    user, _, password = auth.partition(":")
    return url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@", 1)
