"""The answers that provider-proxy gives itself: misses, refusals, wrong use, a provider that cannot be reached.

Each body is a JSON object that every provider's SDK turns into a readable exception. Most SDKs read `error`. AWS's
read a `message` at the top, and the kind from a header.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from addon.exchange.cache_status import PROBE, REBIND_REFUSED, bypass_status, miss_status
from addon.exchange.decisions import Forward, OwnAnswer
from addon.identity.rules import Profile
from addon.offline.dummies import OfflineAnswer
from addon.policy.never_cached import MCP_STREAM, NEVER_NEEDED, TOKEN
from addon.redaction import redact_text
from addon.settings.modes import Mode, mode_for_request
from addon.settings.settings import Settings
from cache_store.errors import ProviderProxyError

__all__ = [
    "FOREIGN_SITE",
    "NO_SUCH_PAGE",
    "bad_mode",
    "bypassed",
    "cache_unavailable",
    "fault",
    "is_expected",
    "miss",
    "offline",
    "refused_tunnel",
    "try_again",
    "unreachable",
]

_UNKNOWN_ROOT = (
    "its certificate is signed by an unknown root; if a company's own CA signs for it, name that in "
    "NODE_EXTRA_CA_CERTS before the proxy starts"
)
# mitmproxy's words for a failed connection, and ours. Nothing else of its messages is repeated: they quote the
# bytes that a provider sent, which may be the credential that it was sent. The first match counts.
_CAUSES = (
    ("unable to get local issuer certificate", _UNKNOWN_ROOT),
    ("self-signed certificate", _UNKNOWN_ROOT),
    ("certificate has expired", "its certificate has expired"),
    ("ostname mismatch", "its certificate is for another name"),
    ("IP address mismatch", "its certificate is for another address"),
    ("Certificate verify failed", "its certificate cannot be verified"),
    ("does not speak TLS", "it does not speak TLS"),
    ("cannot agree on a TLS version", "it and mitmproxy have no TLS version in common"),
    ("OpenSSL", "the TLS handshake failed"),
    ("Name or service not known", "its name cannot be resolved"),
    ("nodename nor servname provided", "its name cannot be resolved"),
    ("name resolution", "its name cannot be resolved"),
    ("No address associated with hostname", "its name cannot be resolved"),
    ("Connect call failed", "the connection was refused"),
    ("server closed connection", "it closed the connection before it answered"),
    (
        "peer closed connection without sending complete message body",
        "it closed the connection in mid-answer",
    ),
    ("stream reset by", "it reset the HTTP/2 stream"),
    ("HTTP/2 connection closed", "it closed the HTTP/2 connection"),
    ("HTTP/2 protocol error", "its HTTP/2 is not valid"),
    ("Cannot parse HTTP response", "its answer is not valid HTTP"),
    ("unexpected server response", "its answer is not valid HTTP"),
    ("HTTP/1 protocol error", "its answer is not valid HTTP"),
    ("refusing to prevent request smuggling", "its answer has invalid headers"),
    ("body_size_limit", "the message is longer than mitmproxy's option body_size_limit"),
    ("refused HTTP CONNECT request", "the upstream proxy refused the connection"),
    ("this mode sends nothing", "this mode sends nothing to providers"),
    ("Connection killed", "an addon closed the connection"),
    ("connection cancelled", "the connection was cancelled"),
)
_ERRNO = re.compile(r"\[Errno (\d{1,3})\]")


def unreachable(host: str, error: str) -> OwnAnswer:
    """The answer for a provider that did not answer; `error` is mitmproxy's message."""
    message = f"provider-proxy: {host} did not answer: {_cause(error)}"
    return _answer(502, "provider_proxy_unreachable", message, bypass_status("unreachable"), retryable=True)


def _cause(error: str) -> str:
    number = _ERRNO.search(error)
    if number:
        return os.strerror(int(number[1]))
    return next((ours for theirs, ours in _CAUSES if theirs in error), "the connection failed")


def miss(
    key: str,
    place: str,
    why: str,
    diagnosis: str,
    nearest: dict[str, Any] | None,
    status: int,
    note: str = "",
) -> OwnAnswer:
    """The answer to a miss that is not forwarded.

    `place` is method, host and path, `why` what forbids forwarding. `diagnosis` names the nearest recorded request
    and what to do; without one the message says how to record. `nearest` is its JSON form. `note` comes last.
    """
    hint = diagnosis or "Record it once with PROVIDER_PROXY_CACHE_MODE=read-old-write-new."
    message = (
        f"provider-proxy: no recorded answer for {redact_text(place)} ({why}, nothing was sent). "
        f"{hint[:1].upper()}{hint[1:]}"
    )
    if note:
        message = f"{message}{'' if message.endswith('.') else '.'} {note}"
    return _answer(status, "provider_proxy_cache_miss", message, miss_status(key), key=key, nearest=nearest)


def rebind_refused(key: str, place: str, why: str, status: int) -> OwnAnswer:
    """The answer to a request whose recorded answer cannot be adapted to its volatile values."""
    message = (
        f"provider-proxy: the recorded answer for {redact_text(place)} cannot be replayed with this run's volatile "
        f"values: {why}. Make the value fixed in the test, or record the request again in a mode that sends."
    )
    cache_status = miss_status(key, detail=REBIND_REFUSED)
    return _answer(status, "provider_proxy_cache_miss", message, cache_status, key=key, nearest=None)


def bypassed(forward: Forward, detail: str, settings: Settings) -> Forward | OwnAnswer:
    """Forward a request that the cache is not asked about, or refuse it. `detail` says why it is not asked."""
    request, mode = forward.request, forward.mode
    if detail == "websocket" and not settings.websocket_passes(mode):
        message = f"provider-proxy: WebSocket upgrades are refused here (mode {mode}); use HTTPS requests"
        return _answer(426, "provider_proxy_websocket", message, bypass_status(detail))
    if detail == MCP_STREAM and not mode.forwards:
        # The MCP specification's answer of a server that sends no messages of its own.
        message = f"provider-proxy: mode {mode} has no messages of an MCP server"
        return _answer(405, "provider_proxy_refused", message, bypass_status(detail))
    if not mode.forwards:
        message = f"provider-proxy: {request.host} ({detail}) is never cached, and mode {mode} sends nothing"
        if detail == TOKEN:
            message += "; give the client a fixed token (docs/secrets.md, Tokens offline)"
        return _answer(settings.miss_status, "provider_proxy_refused", message, bypass_status(detail))
    forward.cache_status = bypass_status(detail)
    return forward


def try_again() -> OwnAnswer:
    """A 429 that tells a client to repeat its request at once, as a probe gives it before each answer."""
    message = "provider-proxy: a probe refuses this request once; the same request gets its answer"
    answer = _answer(429, "rate_limit_error", message, bypass_status(PROBE), retryable=True)
    # `retry-after-ms` is what OpenAI's and Anthropic's SDKs look at first.
    return answer._replace(more={"retry-after-ms": "1", "retry-after": "0"})


def offline(answer: OfflineAnswer) -> OwnAnswer:
    """An answer of `addon.offline`, marked as ours."""
    return OwnAnswer(answer.status, answer.body, bypass_status("offline"), "", more=answer.headers)


def refused_tunnel(host: str, why: str) -> OwnAnswer:
    """The answer to a request for a tunnel, and to one over plain http, that is not passed on."""
    message = f"provider-proxy: nothing is sent to {redact_text(host)}: {why}"
    answer = _answer(403, "provider_proxy_tunnel_refused", message, bypass_status("tunnel-refused"))
    # Clients show little of a refused tunnel, most of them the status line.
    return answer._replace(reason=f"Refused by provider-proxy ({why})")


def is_expected(detail: str, settings: Settings) -> bool:
    """Whether a replaying run refuses such requests although its tests pass without them."""
    if detail == "websocket":
        return settings.websocket == "refuse" or settings.identity.profile is Profile.AGENTS
    return detail in NEVER_NEEDED


def bad_mode(error: ProviderProxyError) -> OwnAnswer:
    """The answer to a request whose mode header is not valid, or asks for more than the run's mode allows."""
    return _answer(400, "provider_proxy_bad_mode", str(error), bypass_status("bad-mode"))


def cache_unavailable(error: ProviderProxyError, status: int) -> OwnAnswer:
    """The answer where the cache cannot be read and the mode sends nothing."""
    message = f"provider-proxy: {error}"
    cache_status = bypass_status("cache-unavailable")
    return _answer(status, "provider_proxy_cache_unavailable", message, cache_status, retryable=True)


def fault(mode: Mode, asked: str | None) -> OwnAnswer | None:
    """The answer to a request on which provider-proxy itself failed; None lets the request go to the provider.

    Fails closed where the run's `mode`, or the one that the request `asked` for, forwards nothing.
    """
    try:
        forwards = mode_for_request(mode, asked).forwards
    except ProviderProxyError:
        forwards = False
    if forwards:
        return None
    message = "provider-proxy failed on this request and, in this mode, sent nothing; see its log"
    return _answer(502, "provider_proxy_fault", message, bypass_status("internal-error"), retryable=True)


def _answer(
    status: int, kind: str, message: str, cache_status: str, *, retryable: bool = False, **more: Any
) -> OwnAnswer:
    """A body of `{"type": "error", "error": {"type": …, "code": …, "message": …, …}, "message": …}`; `kind` is type
    and code.
    """
    error = {
        "message": message,
        "type": kind,
        "code": kind,
        **more,
    }  # the message first: some SDKs cut a long body
    whole = {"type": "error", "error": error, "message": message}
    body = json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace")
    return OwnAnswer(status, body, cache_status, kind, retryable)


FOREIGN_SITE = _answer(
    403,
    "provider_proxy_foreign_site",
    "provider-proxy: refused: the Host header is not one of this proxy's own names, or a page of another web site "
    "sent the request; if they are yours, add the name to PROVIDER_PROXY_NAMES or the origin to "
    "PROVIDER_PROXY_ORIGINS",
    bypass_status("foreign-site"),
)

NO_SUCH_PAGE = _answer(
    404,
    "provider_proxy_no_such_page",
    "provider-proxy: this is a proxy; use it as HTTPS_PROXY, or as a base URL such as "
    "/https/api.openai.com/v1 for an intercepted host (PROVIDER_PROXY_HOSTS)",
    bypass_status("not-intercepted"),
)
