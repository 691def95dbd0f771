"""What is done with a request for which the cache is not asked."""

from __future__ import annotations

from addon.exchange.cache_status import bypass_status
from addon.exchange.decisions import Forward, Own
from addon.exchange.own_answers import error_body
from addon.messages import WireRequest
from addon.settings.modes import Mode
from addon.settings.settings import Settings

__all__ = ["bypassed"]


def bypassed(request: WireRequest, mode: Mode, detail: str, settings: Settings) -> Forward | Own:
    """Forward it where `mode` forwards; else our refusal. `detail` says why the cache is not asked."""
    status = bypass_status(detail)
    if detail == "websocket" and not settings.websocket_passes(mode):
        message = f"provider-proxy: WebSocket upgrades are refused here (mode {mode}); use HTTPS requests"
        return Own(426, error_body("provider_proxy_websocket", message), status)
    if not mode.forwards:
        message = f"provider-proxy: {request.host} ({detail}) is never cached, and mode {mode} sends nothing"
        return Own(settings.miss_status, error_body("provider_proxy_refused", message), status)
    return Forward(request, mode, status)
