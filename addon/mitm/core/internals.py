"""What we rely on inside mitmproxy, beyond its public interface: any release may change it.

It is looked at before it is used. Where something is not as it was, mitmproxy runs as it is.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, NamedTuple

__all__ = ["DISPATCH", "HTTP", "Relied", "changed"]


class Relied(NamedTuple):
    """Something in a module of mitmproxy's; `parameters` are a function's, None is anything that is there."""

    module: str
    name: str
    parameters: tuple[str, ...] | None = None


_LAYER = "mitmproxy.proxy.layer"
_HTTP = "mitmproxy.proxy.layers.http"
_HTTP1 = "mitmproxy.proxy.layers.http._http1"
_EVENTS = "mitmproxy.proxy.layers.http._events"
_EVENT = ("self", "event")

HTTP = (
    Relied(_LAYER, "Layer.handle_event", _EVENT),
    Relied(_LAYER, "Layer._handle_event", _EVENT),
    Relied(_LAYER, "Layer._paused"),
    Relied(_LAYER, "NextLayer.layer"),
    Relied("mitmproxy.proxy.layers.tls", "ServerTLSLayer.child_layer"),
    Relied("mitmproxy.proxy.tunnel", "TunnelLayer.tunnel_state"),
    Relied("mitmproxy.proxy.tunnel", "TunnelState.INACTIVE"),
    Relied(_HTTP, "SendHttp"),
    Relied(_HTTP, "HTTPMode.transparent"),
    Relied(_HTTP, "HttpStream.__init__", ("self", "context", "stream_id")),
    Relied(_HTTP, "HttpStream.child_layer"),
    Relied(_HTTP, "HttpStream.flow"),
    Relied(_HTTP, "HttpStream.mode"),
    Relied(_HTTP, "HttpStream.handle_protocol_error", _EVENT),
    Relied(_HTTP, "HttpStream.passthrough", _EVENT),
    Relied(_HTTP, "HttpStream.send_response", ("self", "already_streamed")),
    Relied(_HTTP, "HttpStream.state_consume_response_body", _EVENT),
    Relied(_HTTP, "HttpStream.state_done"),
    Relied(_HTTP, "HttpStream.state_uninitialized"),
    Relied(_HTTP, "HttpStream.state_wait_for_request_headers", _EVENT),
    Relied(_HTTP, "HttpStream.state_wait_for_response_headers", _EVENT),
    Relied(_HTTP, "HttpLayer.__init__", ("self", "context", "mode")),
    Relied(_HTTP, "HttpLayer.connections"),
    Relied(_HTTP, "HttpLayer.event_to_child", ("self", "child", "event")),
    Relied(_HTTP, "HttpLayer.make_stream", ("self", "stream_id")),
    Relied(_HTTP, "HttpLayer.streams"),
    Relied(_HTTP1, "Http1Server.__init__", ("self", "context")),
    Relied(_HTTP1, "Http1Server.make_pipe", ("self",)),
    Relied(_HTTP1, "Http1Server.read_body", _EVENT),
    Relied(_HTTP1, "Http1Server.request"),
    Relied(_HTTP1, "Http1Server.send", _EVENT),
    Relied(_HTTP1, "Http1Server.state"),
    Relied(_HTTP1, "Http1Server.stream_id"),
    Relied(_EVENTS, "RequestHeaders"),
    Relied(_EVENTS, "RequestProtocolError"),
    Relied(_EVENTS, "ResponseData.__init__", ("self", "stream_id", "data")),
    Relied(_EVENTS, "ResponseEndOfMessage.__init__", ("self", "stream_id")),
    Relied(_EVENTS, "ResponseHeaders.__init__", ("self", "stream_id", "response", "end_stream")),
    Relied(_EVENTS, "ResponseProtocolError"),
    Relied("mitmproxy.proxy.layers.http._hooks", "HttpRequestHeadersHook"),
    Relied("mitmproxy.proxy.layers.http._hooks", "HttpResponseHook"),
    Relied("mitmproxy.proxy.commands", "Command.blocking"),
    Relied("mitmproxy.proxy.commands", "SendData.data"),
    Relied("mitmproxy.proxy.commands", "StartHook"),
    Relied("mitmproxy.proxy.context", "Context.fork", ("self",)),
)
"""For our HTTP layer (`addon.mitm.core.layers`)."""

DISPATCH = (
    Relied("mitmproxy.addonmanager", "AddonManager.trigger_event", _EVENT),
    Relied("mitmproxy.addonmanager", "AddonManager.handle_lifecycle", _EVENT),
    Relied("mitmproxy.addonmanager", "AddonManager._iter_hooks", ("self", "addon", "event")),
    Relied("mitmproxy.addonmanager", "AddonManager._configure_all"),
    Relied("mitmproxy.addonmanager", "AddonManager.register", ("self", "addon")),
    Relied("mitmproxy.addonmanager", "safecall", ()),
    Relied("mitmproxy.hooks", "UpdateHook"),
)
"""For our addon manager (`addon.mitm.core.dispatch`)."""


def changed(relied: tuple[Relied, ...]) -> list[str]:
    """What of `relied` is not as it was, each in a few words; nothing where all is well."""
    return [f"{one.module}.{one.name} {how}" for one in relied if (how := _changed(one))]


def _changed(one: Relied) -> str:
    try:
        found: Any = importlib.import_module(one.module)
        for name in one.name.split("."):
            # An attribute that each object gets for itself is only named by its class.
            found = getattr(found, name) if hasattr(found, name) else _annotated(found, name)
    except (ImportError, AttributeError):
        return "is gone"
    if one.parameters is not None and _parameters(found) != one.parameters:
        return "takes other parameters"
    return ""


def _parameters(function: Any) -> tuple[str, ...]:
    # Not by inspect.signature, which would take 4 ms of every start for all of them.
    code = getattr(inspect.unwrap(function), "__code__", None)
    return tuple(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else ()


def _annotated(found: Any, name: str) -> Any:
    for base in getattr(found, "__mro__", ()):
        named = inspect.get_annotations(base)
        if name in named:
            return named[name]
    raise AttributeError(name)
