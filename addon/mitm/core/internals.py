"""The private names of mitmproxy that we use, by feature, and what a user loses without each feature.

Any release of mitmproxy may change them. A feature is used only where every name that it needs is as we know it;
otherwise mitmproxy's own behaviour stays, and the other features go on. `docs/mitmproxy-internals.md` is made of
this list.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from functools import cache
from typing import Any, NamedTuple

__all__ = ["FEATURES", "Feature", "Name", "changed", "usable", "warn_of_changes"]

logger = logging.getLogger(__name__)


class Name(NamedTuple):
    """An attribute, class or function of a mitmproxy module.

    `parameters` are a function's, None where it need only exist. `mentions` are names and texts that the function's
    own code must contain: a duck type, a log message or an attribute that it sets.
    """

    module: str
    name: str
    parameters: tuple[str, ...] | None = None
    mentions: tuple[str | bytes, ...] = ()


class Feature(NamedTuple):
    """Something that we do with private names; `without` says what a user sees where it is not usable."""

    title: str
    without: str
    needs: tuple[Name, ...]


_EVENT = ("self", "event")
_LAYER = "mitmproxy.proxy.layer"
_SERVER = "mitmproxy.proxy.server"
_HTTP = "mitmproxy.proxy.layers.http"
_HTTP1 = "mitmproxy.proxy.layers.http._http1"
_HTTP2 = "mitmproxy.proxy.layers.http._http2"
_EVENTS = "mitmproxy.proxy.layers.http._events"
_HOOKS = "mitmproxy.proxy.layers.http._hooks"
_TUNNEL = "mitmproxy.proxy.tunnel"

_INVALID = (
    " from server, refusing to prevent request smuggling attacks. "
    "Disable the validate_inbound_headers option to skip this security check."
)
_SEND = (Name(_HTTP, "SendHttp"), Name(_EVENTS, "ResponseData.__init__", ("self", "stream_id", "data")))
_TRANSPORT = (
    Name("mitmproxy.addons.proxyserver", "Proxyserver.connections"),
    Name(_SERVER, "ConnectionHandler.transports"),
    Name(_SERVER, "ConnectionIO.writer"),
)

OUR_LAYER = Feature(
    "Our HTTP layer",
    "the base-URL door and /-/ pages are closed, HTTP/2 is off, error pages are mitmproxy's, and hits are slower",
    (
        Name(_LAYER, "NextLayer.layer"),
        Name("mitmproxy.proxy.context", "Context.layers"),
        Name(_HTTP, "HttpClient.child_layer"),
        Name(_HTTP, "HttpLayer.__init__", ("self", "context", "mode")),
        Name(_HTTP, "HttpLayer._handle_event", _EVENT),
        Name(_HTTP, "HttpLayer.connections"),
        Name(_HTTP, "HttpLayer.event_to_child", ("self", "child", "event")),
        Name(_HTTP, "HttpLayer.make_stream", ("self", "stream_id")),
        Name(_HTTP, "HttpLayer.mode"),
        Name(_HTTP, "HttpLayer.register_connection", ("self", "command")),
        Name(_HTTP, "HttpLayer.streams"),
        Name(_HTTP, "HttpStream.__init__", ("self", "context", "stream_id")),
        Name(_HTTP1, "Http1Client.__init__", ("self", "context")),
        Name(_HTTP1, "Http1Server.__init__", ("self", "context")),
    ),
)
DIRECT_REQUESTS = Feature(
    "Telling direct requests from proxied ones",
    "the base-URL door and /-/ pages are closed",
    (
        Name(_HTTP, "HTTPMode.transparent"),
        Name(_HTTP, "HttpStream.mode"),
        Name(_HTTP, "HttpStream.state_wait_for_request_headers", _EVENT),
        Name(_EVENTS, "RequestHeaders.request"),
        Name(_HOOKS, "HttpRequestHeadersHook"),
    ),
)
EXCHANGE_ERRORS = Feature(
    "Our answer where a provider cannot be reached, and who ended an exchange",
    "error pages are mitmproxy's, and an answer whose client left after its last event is not stored",
    (
        *_SEND,
        Name(_HTTP, "HttpStream.__init__", mentions=("client_state", "server_state")),
        Name(_HTTP, "DropStream"),
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.handle_protocol_error", _EVENT),
        Name(_HTTP, "HttpStream.state_consume_response_body", _EVENT),
        Name(_HTTP, "HttpStream.state_done"),
        Name(_HTTP, "HttpStream.state_uninitialized"),
        Name(_HTTP, "HttpStream.state_wait_for_response_headers", _EVENT),
        Name(_EVENTS, "ErrorCode.RESPONSE_VALIDATION_FAILED"),
        Name(_EVENTS, "RequestProtocolError"),
        Name(_EVENTS, "ResponseEndOfMessage.__init__", ("self", "stream_id")),
        Name(_EVENTS, "ResponseHeaders.__init__", ("self", "stream_id", "response", "end_stream")),
        Name(_EVENTS, "ResponseProtocolError"),
    ),
)
FINISHING = Feature(
    "Reading an answer to its end after its client has left",
    "an answer whose client left before its last event is not stored",
    (
        Name(_HTTP, "HttpStream.__init__", mentions=("server_state",)),
        Name(_HTTP, "HttpStream._handle_event", _EVENT),
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.handle_protocol_error", _EVENT),
        Name(_HTTP, "HttpStream.state_stream_response_body", _EVENT),
        Name(_EVENTS, "RequestProtocolError"),
        Name(_EVENTS, "ResponseProtocolError"),
        Name("mitmproxy.proxy.commands", "RequestWakeup.__init__", ("self", "delay")),
        Name("mitmproxy.proxy.events", "Wakeup"),
    ),
)
FRAMING = Feature(
    "Framing an HTTP/2 client's request for an HTTP/1.1 provider",
    "HTTP/2 is turned off",
    (
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.make_server_connection", ("self",)),
        Name(_HTTP1, "Http1Client.send", _EVENT, ("transfer-encoding", "chunked")),
    ),
)
HELD_END = Feature(
    "Holding the last bytes of an answer until its entry is on disk",
    "a client may see the end of a long answer before its entry is on disk",
    (
        *_SEND,
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.send_response", ("self", "already_streamed")),
        Name(_HOOKS, "HttpResponseHook"),
    ),
)
PACED_ANSWERS = Feature(
    "Sending an answer piece by piece, with pauses",
    "streams are replayed at once, whatever PROVIDER_PROXY_REPLAY and PROVIDER_PROXY_RECHUNK say",
    (
        *_SEND,
        Name(_LAYER, "Layer.handle_event", _EVENT),
        Name(_LAYER, "Layer._paused_event_queue"),
        Name(_HTTP, "DropStream"),
        Name(_HTTP, "HttpStream.check_killed", ("self", "emit_error_hook"), ("_paused_event_queue",)),
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.send_response", ("self", "already_streamed")),
        Name(_HTTP, "HttpStream.state_errored"),
        Name(_EVENTS, "ErrorCode.KILL"),
        Name(_EVENTS, "RequestProtocolError"),
        Name(_EVENTS, "ResponseHeaders"),
        Name(_EVENTS, "ResponseProtocolError.__init__"),
        Name("mitmproxy.proxy.commands", "StartHook"),
    ),
)
HOOKS_IN_PLACE = Feature(
    "Calling hooks without a task for each",
    "hits are slower",
    (
        Name(_HTTP, "HttpStream._handle_event", _EVENT),
        Name(_HTTP, "HttpStream.flow"),
        Name("mitmproxy.proxy.commands", "Command.blocking"),
        Name("mitmproxy.proxy.commands", "StartHook"),
        Name("mitmproxy.master", "Master.run", mentions=("set_eager_task_factory",)),
    ),
)
ONE_WRITE = Feature(
    "Sending the head of an answer together with its body, and acknowledging a request that comes in pieces",
    "hits are slower, and clients that send head and body apart wait 40 ms",
    (
        Name(_HTTP1, "Http1Server.read_body", _EVENT),
        Name(_HTTP1, "Http1Server.send", _EVENT),
        Name(_HTTP1, "Http1Server.state"),
        Name(_EVENTS, "ResponseHeaders.__init__", ("self", "stream_id", "response", "end_stream")),
        Name("mitmproxy.proxy.commands", "SendData.data"),
        *_TRANSPORT,
    ),
)
TRAILERS = Feature(
    "Relaying HTTP/1.1 trailers",
    "a trailer ends its exchange: the connection is closed and nothing is stored",
    (
        Name("h11._readers", "ChunkedReader.read_eof", ("self",)),
        Name(_HTTP1, "Http1Connection.body_reader"),
        Name(_HTTP1, "Http1Connection.read_body", _EVENT, ("read_eof", "EndOfMessage")),
        Name(_HTTP1, "Http1Client.send", _EVENT, (b"0\r\n\r\n",)),
        Name(_HTTP1, "Http1Server.send", _EVENT, (b"0\r\n\r\n",)),
        Name("mitmproxy.proxy.layers.http._base", "ReceiveHttp"),
        Name(_EVENTS, "RequestEndOfMessage"),
        Name(_EVENTS, "RequestTrailers.__init__", ("self", "stream_id", "trailers")),
        Name(_EVENTS, "ResponseEndOfMessage"),
        Name(_EVENTS, "ResponseTrailers.__init__", ("self", "stream_id", "trailers")),
    ),
)
INTERIM = Feature(
    "Skipping a provider's informational answers",
    "an answer behind a 100 or 103 is lost: the connection is closed and nothing is stored",
    (
        Name(_HTTP1, "Http1Client.read_headers", _EVENT, ("maybe_extract_lines",)),
        Name(_HTTP1, "Http1Client.request"),
        Name(_HTTP1, "Http1Connection.buf"),
    ),
)
HALF_CLOSED = Feature(
    "Answering a client that has closed its sending side",
    "such a client gets no answer",
    (
        Name(_HTTP1, "Http1Server._handle_event", _EVENT),
        Name(_HTTP1, "Http1Server.mark_done", ("self", "request", "response")),
        Name(_HTTP1, "Http1Server.read_headers", _EVENT),
        Name(_HTTP1, "Http1Server.request"),
        Name(_HTTP1, "Http1Server.response"),
        Name(_HTTP1, "Http1Server.state"),
        Name(_HTTP1, "Http1Server.wait", _EVENT),
        Name("mitmproxy.proxy.commands", "RequestWakeup.__init__", ("self", "delay")),
        Name("mitmproxy.proxy.events", "Wakeup"),
        Name(_SERVER, "ConnectionIO.reader"),
        *_TRANSPORT,
    ),
)
TUNNEL_BYTES = Feature(
    "Passing a tunnel's bytes on as they are",
    "requests inside a tunnel are slower",
    (
        Name(_LAYER, "Layer._handle_event", _EVENT),
        Name(_LAYER, "Layer._paused"),
        Name(_LAYER, "Layer.handle_event", _EVENT),
        Name(_LAYER, "NextLayer.layer"),
        Name(_HTTP, "HttpStream.child_layer"),
        Name(_HTTP, "HttpStream.passthrough", _EVENT),
        Name(_HTTP1, "Http1Server.passthrough", _EVENT),
        Name(_HTTP1, "Http1Server.request"),
        Name(_HTTP1, "Http1Server.state"),
        Name(_HTTP1, "Http1Server.stream_id"),
        Name("mitmproxy.proxy.layers.tls", "ServerTLSLayer.child_layer"),
        Name(_TUNNEL, "TunnelLayer.tunnel_state"),
        Name(_TUNNEL, "TunnelState.INACTIVE"),
    ),
)
LIGHT_FORK = Feature(
    "Forking a context without a new connection",
    "requests are a little slower",
    (
        Name(
            "mitmproxy.proxy.context",
            "Context.fork",
            ("self",),
            mentions=("client", "options", "server", "layers"),
        ),
    ),
)
SOCKETS = Feature(
    "Holding the sockets of WebSocket sessions",
    "WebSocket sessions are not recorded: they pass, or are refused where nothing is sent",
    (
        *_SEND,
        Name(_HTTP, "HttpStream.child_layer"),
        Name(_HTTP, "HttpStream.flow"),
        Name(_HTTP, "HttpStream.flow_done", ("self",), ("status_code", "websocket", "passthrough")),
        Name(
            _HTTP,
            "GetHttpConnection.__init__",
            ("self", "address", "tls", "via", "transport_protocol"),
        ),
        Name(_EVENTS, "ErrorCode.PASSTHROUGH_CLOSE"),
        Name(_EVENTS, "RequestData.__init__", ("self", "stream_id", "data")),
        Name(_EVENTS, "RequestEndOfMessage.__init__", ("self", "stream_id")),
        Name(
            _EVENTS, "RequestHeaders.__init__", ("self", "stream_id", "request", "end_stream", "replay_flow")
        ),
        Name(_EVENTS, "RequestProtocolError.__init__", ("self", "stream_id", "message", "code")),
        Name(_EVENTS, "ResponseEndOfMessage.__init__", ("self", "stream_id")),
        Name(_EVENTS, "ResponseHeaders"),
        Name(_EVENTS, "ResponseProtocolError.__init__", ("self", "stream_id", "message", "code")),
        Name("mitmproxy.proxy.commands", "RequestWakeup.__init__", ("self", "delay")),
        Name("mitmproxy.proxy.commands", "StartHook"),
        Name("mitmproxy.proxy.events", "Wakeup"),
    ),
)
BACKPRESSURE = Feature(
    "Reading from a provider no faster than an HTTP/2 client reads",
    "an HTTP/2 client that does not read makes the proxy hold the whole answer in memory",
    (
        *_TRANSPORT,
        Name(_HTTP, "GetHttpConnection"),
        Name(_HTTP, "HttpLayer._handle_event", _EVENT),
        Name(_HTTP, "HttpLayer.get_connection", ("self", "event", "reuse")),
        Name(_HTTP2, "Http2Connection.h2_conn"),
        Name(_HTTP2, "Http2Server"),
        Name("mitmproxy.proxy.layers.http._http_h2", "BufferedH2Connection.stream_buffers"),
        Name("mitmproxy.proxy.layers.http._http_h2", "SendH2Data.data"),
        Name(
            _SERVER,
            "ConnectionHandler.handle_connection",
            ("self", "connection"),
            ("transports", "reader", "read"),
        ),
        Name(_SERVER, "ConnectionHandler.open_connection", ("self", "command"), ("ServerConnectedHook",)),
        Name(_SERVER, "ConnectionIO.reader"),
    ),
)
UPSTREAM_CONNECTIONS = Feature(
    "More connections to a provider for one HTTP/2 client",
    "an HTTP/2 client has at most 5 requests at a time on their way to an HTTP/1.1 provider",
    (
        Name("mitmproxy.addons.proxyserver", "Proxyserver.connections"),
        Name(_SERVER, "ConnectionHandler.max_conns"),
    ),
)
HOOK_TABLE = Feature(
    "Looking hooks up once",
    "hits are slower",
    (
        Name("mitmproxy.addonmanager", "AddonManager.trigger_event", _EVENT),
        Name("mitmproxy.addonmanager", "AddonManager.handle_lifecycle", _EVENT),
        Name("mitmproxy.addonmanager", "AddonManager._iter_hooks", ("self", "addon", "event")),
        Name("mitmproxy.addonmanager", "AddonManager._configure_all"),
        Name("mitmproxy.addonmanager", "AddonManager.register", ("self", "addon")),
        Name("mitmproxy.addonmanager", "safecall", ()),
        Name("mitmproxy.hooks", "UpdateHook"),
        Name("mitmproxy.master", "Master.__init__", mentions=("addons",)),
    ),
)
NO_LOG_EVENTS = Feature(
    "No event for each log record",
    "requests are slower: mitmproxy formats every log record and offers it to every addon",
    (
        Name("mitmproxy.master", "Master.__init__", mentions=("_legacy_log_events",)),
        Name("mitmproxy.log", "LegacyLogEvents.uninstall", ("self",)),
    ),
)
CLOSING_SERVERS = Feature(
    "Closing the listening sockets when a run ends",
    "after `run` has ended its port stays taken as long as the process lives",
    (
        Name("mitmproxy.addons.proxyserver", "Proxyserver.servers"),
        Name("mitmproxy.addons.proxyserver", "Servers.update", ("self", "modes")),
    ),
)
START_ERRORS = Feature(
    "Ending the start with our own line for an error",
    "errors at the start are in mitmproxy's words, and its own exit status holds",
    (
        Name("mitmproxy.master", "Master.run", mentions=("errorcheck", "shutdown_if_errored", "finish")),
        Name("mitmproxy.addons.errorcheck", "ErrorCheckHandler.emit", mentions=("has_errored",)),
    ),
)
LISTEN_ERROR = Feature(
    "One short line where an address is already in use",
    "the line for an address that is already in use is mitmproxy's long one",
    (
        Name(
            "mitmproxy.proxy.mode_servers",
            "AsyncioServerInstance._start",
            mentions=(" failed to listen on ",),
        ),
    ),
)
SHARED_PORT = Feature(
    "Several processes that listen on one port",
    "PROVIDER_PROXY_WORKERS other than 1 is refused",
    (
        Name("mitmproxy.proxy.mode_servers", "ServerInstance.make", ("cls", "mode", "manager")),
        Name("mitmproxy.proxy.mode_servers", "ServerInstance.handle_stream", ("self", "reader", "writer")),
        Name("mitmproxy.options", "Options.__init__", mentions=("server",)),
    ),
)
CRASHES = Feature(
    "Closing a client's connection after a crash of mitmproxy's core",
    "such a client waits until its own timeout",
    (
        *_TRANSPORT,
        Name(_SERVER, "ConnectionHandler.close_connection", ("self", "connection", "half_close")),
        Name(_SERVER, "ConnectionHandler.log", mentions=("peername",)),
        Name(_SERVER, "ConnectionHandler.server_event", _EVENT, ("mitmproxy has crashed!",)),
    ),
)
RESETS = Feature(
    "Resetting a client's connection, as a fault rule asks for",
    "such a fault closes the connection and does not reset it",
    _TRANSPORT,
)
ERROR_WORDS = Feature(
    "Saying in our own words why a provider did not answer",
    "such an error page only says that the connection failed",
    (
        Name(_HTTP, "HttpStream.check_invalid", ("self", "request"), (_INVALID,)),
        Name(
            _HTTP1,
            "Http1Client.read_headers",
            _EVENT,
            ("server closed connection", "Cannot parse HTTP response: "),
        ),
        Name(_HTTP1, "Http1Connection.read_body", _EVENT, ("HTTP/1 protocol error: ",)),
        Name(
            _HTTP2,
            "Http2Connection.handle_h2_event",
            _EVENT,
            ("stream reset by client (", "HTTP/2 protocol error: "),
        ),
        Name(
            "mitmproxy.proxy.layers.tls",
            "TLSLayer.receive_handshake_data",
            mentions=("Certificate verify failed: ",),
        ),
    ),
)

FEATURES = tuple(value for value in globals().values() if isinstance(value, Feature))


@cache
def usable(feature: Feature) -> bool:
    """Whether this mitmproxy has every name that `feature` needs."""
    return not changed(feature)


def changed(feature: Feature) -> list[str]:
    """The names that `feature` needs and that are not as we know them, each with how; none where all is well."""
    return [f"{name.module}.{name.name} {how}" for name in feature.needs if (how := _changed(name))]


def warn_of_changes() -> None:
    """Log one warning for each feature that this mitmproxy does not allow."""
    for feature in FEATURES:
        if not usable(feature):
            logger.warning(
                "this mitmproxy differs from the ones that provider-proxy knows (%s), so %s; "
                "install a version that provider-proxy allows",
                changed(feature)[0],
                feature.without,
            )


def _changed(name: Name) -> str:
    try:
        value: Any = importlib.import_module(name.module)
        for part in name.name.split("."):
            # A class only annotates an attribute that each object gets for itself.
            value = getattr(value, part) if hasattr(value, part) else _annotation(value, part)
    except (ImportError, AttributeError):
        return "is gone"
    if name.parameters is not None and _parameters(value) != name.parameters:
        return "takes other parameters"
    missing = [part for part in name.mentions if part not in _mentioned(value)]
    return f"lacks '{_text(missing[0])}'" if missing else ""


def _text(part: str | bytes) -> str:
    return part.strip() if isinstance(part, str) else repr(part)


def _code(function: Any) -> Any:
    return getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)


def _parameters(function: Any) -> tuple[str, ...]:
    # Not by inspect.signature, which would take 4 ms of every start for all of them.
    code = _code(function)
    return tuple(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else ()


def _mentioned(function: Any) -> set[Any]:
    code = _code(function)
    return {*code.co_names, *code.co_consts} if code else set()


def _annotation(value: Any, part: str) -> Any:
    for base in getattr(value, "__mro__", ()):
        annotations = inspect.get_annotations(base)
        if part in annotations:
            return annotations[part]
    raise AttributeError(part)
