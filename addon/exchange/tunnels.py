"""Which connections to hosts that are not intercepted are refused instead of passed on."""

from __future__ import annotations

from addon.exchange.decisions import OwnAnswer
from addon.exchange.own_answers import refused_tunnel
from addon.policy.never_cached import METADATA, TOKEN, refused_host
from addon.settings.modes import Mode
from addon.settings.settings import Settings

__all__ = ["sends_nothing_to", "tunnel_refusal"]

_TOKENS = (TOKEN, METADATA)


def tunnel_refusal(host: str, mode: Mode, settings: Settings) -> OwnAnswer | None:
    """The answer to a request to connect to `host`, which is not intercepted; None lets it pass."""
    if not mode.forwards and (kind := _never_asked(host, settings)):
        return refused_tunnel(host, f"{kind}, mode {mode}")
    if settings.refuses_tunnels:
        return refused_tunnel(host, "PROVIDER_PROXY_TUNNEL=refuse")
    return None


def sends_nothing_to(host: str, port: int | None, mode: Mode, settings: Settings) -> bool:
    """Whether no connection to `host` may be opened in this mode."""
    if mode.forwards:
        return False
    return settings.hosts.match(host, port) or _never_asked(host, settings) in _TOKENS


def _never_asked(host: str, settings: Settings) -> str | None:
    kind = refused_host(host)
    return None if kind in _TOKENS and not settings.answers_tokens else kind
