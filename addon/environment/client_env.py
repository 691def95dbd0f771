"""The environment variables with which a client finds the proxy and trusts it.

Each is read by some client, as tried with real ones; none may be left out.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from addon.environment.no_proxy import NoProxyEntry, no_proxy_entries
from addon.settings.hosts import HostRules
from cache_store.errors import UsageError

__all__ = [
    "BUNDLE_VARIABLES",
    "FORMATS",
    "OUTER_PROXY",
    "PROXY_VARIABLES",
    "EnvChanges",
    "apply",
    "client_environment",
    "render",
]

# Tells a provider-proxy that the proxy in its environment is one too: the host and port of that one.
OUTER_PROXY = "_PROVIDER_PROXY_OUTER"
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

# Each replaces its client's roots, except NODE_EXTRA_CA_CERTS, which adds to them.
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL, httpx, Go, rustls
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
# SSL_CERT_DIR would be trusted in addition to the bundle; some clients prefer ALL_PROXY to HTTPS_PROXY.
_UNSET = ("SSL_CERT_DIR", "ALL_PROXY", "all_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Cloud SDKs ask these for credentials, and boto3 would do so through the proxy.
_METADATA = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "fd00:ec2::254")


@dataclass(frozen=True)
class EnvChanges:
    """Variables to set, by name, and variables to unset."""

    set: dict[str, str]
    unset: tuple[str, ...]


def client_environment(
    environ: Mapping[str, str], *, proxy_url: str, bundle: Path, rules: HostRules, metadata: bool = False
) -> EnvChanges:
    """The changes to `environ` with which a client's requests to the hosts of `rules` reach the proxy.

    `proxy_url` may contain `user:password@`. `bundle` holds the user's roots and our CA. With `metadata` the proxy
    is asked for instance metadata too, which clients ask directly otherwise.
    """
    no_proxy = _no_proxy(environ, rules, metadata=metadata)
    return EnvChanges(
        set={
            # Also for plain http: Ruby's Net::HTTP reads `http_proxy` alone, for https too.
            **dict.fromkeys(PROXY_VARIABLES, proxy_url),
            **dict.fromkeys(BUNDLE_VARIABLES, str(bundle)),
            "NODE_USE_ENV_PROXY": "1",
            OUTER_PROXY: proxy_url.rpartition("/")[2].rpartition("@")[2],
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        },
        unset=_UNSET,
    )


def _no_proxy(environ: Mapping[str, str], rules: HostRules, *, metadata: bool) -> str:
    wanted = [*no_proxy_entries(environ), *map(NoProxyEntry.parse, _LOOPBACK)]
    hosts = [(rule.host, rule.port) for rule in rules.rules]
    kept = [entry.text for entry in wanted if not any(entry.covers_some(*host) for host in hosts)]
    asked_directly = () if metadata else _METADATA
    if metadata:
        kept = [text for text in kept if text not in _METADATA]
    return ",".join(dict.fromkeys([*kept, *asked_directly]))


def apply(environ: Mapping[str, str], changes: EnvChanges) -> dict[str, str]:
    """A copy of `environ` with the changes made."""
    kept = {name: value for name, value in environ.items() if name not in changes.unset}
    return kept | changes.set


def render(changes: EnvChanges, fmt: str) -> str:
    """The changes as text: for a shell to evaluate (`sh`, `fish`), for the file that GITHUB_ENV names (`github`, in
    which an unset variable is an empty one), or as JSON (`json`, in which it is null).

    Raises UsageError for another format.
    """
    if fmt not in FORMATS:
        raise UsageError(f"{fmt!r} is not a format of the environment; use one of: {', '.join(FORMATS)}")
    return FORMATS[fmt](changes)


def _sh(changes: EnvChanges) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in changes.set.items()]
    return "".join(f"{line}\n" for line in [*lines, f"unset {' '.join(changes.unset)}"])


def _fish(changes: EnvChanges) -> str:
    lines = [f"set -gx {name} {_fish_quote(value)}" for name, value in changes.set.items()]
    return "".join(f"{line}\n" for line in [*lines, *(f"set -e {name}" for name in changes.unset)])


def _fish_quote(value: str) -> str:
    # fish has just these two escapes within single quotes.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _github(changes: EnvChanges) -> str:
    return "".join(_github_value(n, v) for n, v in [*changes.set.items(), *((n, "") for n in changes.unset)])


def _github_value(name: str, value: str) -> str:
    if not value:
        return f"{name}=\n"
    # A value that contains the end marker could set more variables; no value can contain its own digest.
    end = hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{name}<<{end}\n{value}\n{end}\n"


def _json(changes: EnvChanges) -> str:
    return json.dumps({**changes.set, **dict.fromkeys(changes.unset)}, indent=2) + "\n"


FORMATS = {"sh": _sh, "fish": _fish, "github": _github, "json": _json}
