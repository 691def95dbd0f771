"""Why an answer is not stored: the closed set that the report counts and `cache-status; detail=` shows."""

from __future__ import annotations

import enum

__all__ = ["REMEDIES", "NotStored"]


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

    # Found around the answer.
    CONTENT_CODING = "content-coding"  # its content-encoding does not decode to the end
    TOO_LARGE = "too-large"  # longer than MAX_BODY
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    MODE = "mode"  # this mode does not store
    NEVER_CACHED = "never-cached"  # the request is on the never-cached list
    UNREACHABLE = "unreachable"  # the provider could not be reached, or sent nothing
    CLIENT_LEFT = "client-left"  # before the terminal event
    NEWER_ENTRY = "newer-entry"  # the request began before the present entry was stored
    STORE_FAILED = "store-failed"  # disk full, locked, gone
    NOT_FROM_PROVIDER = "not-from-provider"  # made by another addon or by the proxy itself


_IN_BAND = "Set PROVIDER_PROXY_STORE_ERRORS=in-band if a test expects it, and record again"
REMEDIES = {
    NotStored.STATUS: "Add the status to PROVIDER_PROXY_STORE_ERRORS if a test expects it, and record again",
    NotStored.NOT_FINISHED: (
        "Let the test wait until the job has ended, or set PROVIDER_PROXY_STORE_PENDING=true, and record again"
    ),
    NotStored.ERROR: _IN_BAND,
    NotStored.ERROR_IN_STREAM: _IN_BAND,
    NotStored.FAILED: _IN_BAND,
    NotStored.MEDIA: "Set PROVIDER_PROXY_STORE_MEDIA=true and record again",
    NotStored.HTML_PAGE: "If a page is what it asks for, set PROVIDER_PROXY_STORE_MEDIA=true and record again",
    NotStored.INCOMPLETE: "Set PROVIDER_PROXY_STORE_INCOMPLETE=true and record again",
    NotStored.TOO_LARGE: "Raise PROVIDER_PROXY_MAX_BODY and record again",
    NotStored.NO_RESULT: "Its provider sent no result: see what it answers with PROVIDER_PROXY_CACHE_MODE=off",
    NotStored.EMPTY: "Its provider sent no result: see what it answers with PROVIDER_PROXY_CACHE_MODE=off",
    NotStored.SECRET: "Its request or answer holds a secret: the log of the recording says which kind",
    NotStored.NO_TERMINAL_EVENT: "Its provider ended the stream too early: record again",
}
"""What to do about an answer that was refused, for reasons that recording again as before may not change."""
