"""Why an answer is not stored: the closed set that the report counts and `cache-status; detail=` shows."""

from __future__ import annotations

import enum

from addon.judging.expected_errors import may_be_stored

__all__ = ["IN_THE_ANSWER", "NotStored", "advice", "named"]


class NotStored(enum.StrEnum):
    """One member per reason. The values are tokens of RFC 8941; users see them."""

    # Found in the answer.
    STATUS = "status"  # not 2xx (nor an expected error), or a 204 to a request that needs a body
    REDIRECT = "redirect"
    PARTIAL_CONTENT = "partial-content"
    MEDIA = "media"  # a fetched image or PDF, not a model's answer
    MEDIA_MISMATCH = "media-mismatch"  # JSON under a content-type of audio, image or video
    HTML_PAGE = "html-page"  # a captive portal, a CDN's error page, a web site
    EMPTY = "empty"  # no body, or an answer without a result
    BAD_JSON = "bad-json"
    BAD_TEXT = "bad-text"  # a text stream that is not UTF-8
    BAD_FRAME = "bad-frame"  # an event-stream frame with a wrong checksum or cut short
    CUT_OFF = "cut-off"  # ended inside an event, or the transport broke
    NO_TERMINAL_EVENT = "no-terminal-event"  # ended between events, before the terminal one
    NOT_FINISHED = "not-finished"  # queued, in progress, or without a finish reason
    ERROR = "error"  # an error object under a 2xx
    ERROR_IN_STREAM = "error-in-stream"
    NO_RESULT = "no-result"  # a 2xx without the result that this endpoint returns
    FAILED = "failed"  # failed, cancelled or expired, says the provider
    INCOMPLETE = "incomplete"  # ended at a token or content limit, and STORE_INCOMPLETE is off
    SESSION = "session"  # a WebSocket with sound, binary messages, or frames that no recording can replay

    # Found around the answer.
    CONTENT_CODING = "content-coding"  # its content-encoding does not decode to the end
    TOO_LARGE = "too-large"  # longer than MAX_BODY
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    MODE = "mode"  # this mode does not store
    NEVER_CACHED = "never-cached"  # the request is on the never-cached list
    UNREACHABLE = "unreachable"  # the provider could not be reached, or sent nothing
    TIMED_OUT = "timed-out"  # no connection in time, or nothing had come when the client gave up
    CLIENT_LEFT = "client-left"  # before the terminal event
    NEWER_ENTRY = "newer-entry"  # the request began before the present entry was stored
    STORE_FAILED = "store-failed"  # disk full, locked, gone
    NOT_FROM_PROVIDER = "not-from-provider"  # made by another addon or by the proxy itself


_SEE = "see what the provider answers with PROVIDER_PROXY_CACHE_MODE=off"
_IN_BAND = "set PROVIDER_PROXY_STORE_ERRORS=in-band if a test expects it, and record again"
_PENDING = (
    "let the test wait until the job has ended, or set PROVIDER_PROXY_STORE_PENDING=true, and record again"
)
_PAGE = "if a page is what it asks for, set PROVIDER_PROXY_STORE_MEDIA=true and record again"
# By the setting that would store such an answer.
_SETTINGS = {
    NotStored.NOT_FINISHED: _PENDING,
    NotStored.ERROR: _IN_BAND,
    NotStored.ERROR_IN_STREAM: _IN_BAND,
    NotStored.FAILED: _IN_BAND,
    NotStored.MEDIA: "set PROVIDER_PROXY_STORE_MEDIA=true and record again",
    NotStored.HTML_PAGE: _PAGE,
    NotStored.INCOMPLETE: "set PROVIDER_PROXY_STORE_INCOMPLETE=true and record again",
    NotStored.TOO_LARGE: "raise PROVIDER_PROXY_MAX_BODY and record again",
    NotStored.SECRET: (
        "if it only looks like a secret, set PROVIDER_PROXY_ALLOW_SECRETS_IN_RESPONSES=true and record again; a "
        "real credential is never stored"
    ),
}
_OTHERS = {
    NotStored.REDIRECT: "a redirect is never stored: ask for the address to which it leads",
    NotStored.PARTIAL_CONTENT: "a part of a file is never stored: ask for the whole, without a Range header",
    NotStored.MEDIA_MISMATCH: _SEE,
    NotStored.EMPTY: f"it has no result: {_SEE}",
    NotStored.NO_RESULT: f"it has no result: {_SEE}",
    NotStored.BAD_JSON: f"it is damaged: {_SEE}",
    NotStored.BAD_TEXT: f"it is damaged: {_SEE}",
    NotStored.BAD_FRAME: f"it is damaged: {_SEE}",
    NotStored.CONTENT_CODING: f"it is damaged: {_SEE}",
    NotStored.SESSION: "sound, binary messages and frames that steer a response are not recorded yet",
    NotStored.NO_TERMINAL_EVENT: "the provider ended the stream too early: record again",
}
_UNFINISHED = "the model's answer has no finish reason: record again"
_NOT_LASTING = (
    "the setting that stores such answers is on, but this one is temporary or has no provider's form, so it is "
    "never stored"
)
IN_THE_ANSWER = frozenset({NotStored.STATUS, *_SETTINGS, *_OTHERS})
"""The reasons that lie in the answer. Recording again as before may not help, unlike after a client that left."""


def named(reason: NotStored, status: int = 0) -> str:
    """A reason as reports show it: `failed`, `status 429`."""
    return f"{reason} {status}" if reason is NotStored.STATUS and status else str(reason)


def advice(reason: NotStored, status: int = 0, *, allowed: bool = False) -> str:
    """What to do about an answer that was not stored for this `reason`; '' for a reason around the answer.

    `status`: its HTTP status. `allowed`: the setting that stores such answers was on, or would not help here.
    """
    if reason is NotStored.STATUS:
        return _NOT_LASTING if allowed else _advice_on_status(status)
    if allowed and reason in _SETTINGS:
        return _UNFINISHED if reason is NotStored.NOT_FINISHED else _NOT_LASTING
    return _SETTINGS.get(reason) or _OTHERS.get(reason, "")


def _advice_on_status(status: int) -> str:
    if may_be_stored(status):
        return (
            f"set PROVIDER_PROXY_STORE_ERRORS={status} if a test expects it (commas separate several), and "
            "record again"
        )
    if status < 400:
        return f"it has no result: {_SEE}"
    return "this error may be gone a moment later, so it is never stored: record again"
