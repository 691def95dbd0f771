"""Why an answer is not stored: the closed set that the report counts and `cache-status; detail=` shows."""

from __future__ import annotations

import enum

__all__ = ["NotStored"]


class NotStored(enum.StrEnum):
    """One reason each; the values are tokens of RFC 8941, and what users read."""

    # What the judge finds in the answer.
    STATUS = "status"  # not 2xx (nor an expected error), or a 204 to a request that wants a body
    REDIRECT = "redirect"
    PARTIAL_CONTENT = "partial-content"
    MEDIA = "media"  # an image or a PDF that was fetched: not an answer of a model
    MEDIA_MISMATCH = "media-mismatch"  # JSON where the content-type says audio, image or video
    HTML_PAGE = "html-page"  # a captive portal, a CDN's error page, a web site
    EMPTY = "empty"  # no body, or an answer without any result in it
    BAD_JSON = "bad-json"
    BAD_TEXT = "bad-text"  # a text stream that is not UTF-8
    BAD_FRAME = "bad-frame"  # an event stream's frame with a wrong checksum or without its end
    CUT_OFF = "cut-off"  # ended inside an event, or its transport broke
    NO_TERMINAL_EVENT = "no-terminal-event"  # ended between events, before the one that ends its grammar
    NOT_FINISHED = "not-finished"  # queued, in progress, or without a finish reason
    ERROR = "error"  # an error object under a 2xx
    ERROR_IN_STREAM = "error-in-stream"
    FAILED = "failed"  # the provider says that it failed, was cancelled or expired
    INCOMPLETE = "incomplete"  # ended at a token or content limit, and STORE_INCOMPLETE is off

    # What the wiring finds around it.
    CONTENT_CODING = "content-coding"  # its content-encoding does not decode to its very end
    TOO_LARGE = "too-large"  # longer than MAX_BODY
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    MODE = "mode"  # this mode stores nothing
    NEVER_CACHED = "never-cached"  # a request whose answers are never kept
    UNREACHABLE = "unreachable"  # the provider could not be asked, or answered with nothing
    CLIENT_LEFT = "client-left"  # before the terminal event
    NEWER_ENTRY = "newer-entry"  # the request began before the entry that is there was stored
    STORE_FAILED = "store-failed"  # disk full, locked, gone
    NOT_FROM_PROVIDER = "not-from-provider"  # another addon, or the proxy itself, made the answer
