"""Advises what to do about a difference, in one sentence that is safe to follow."""

from __future__ import annotations

import re

from addon.diagnosis.differences import Difference, pattern_of
from addon.diagnosis.kinds import Kind
from addon.printing import program

__all__ = ["RERECORD", "identifies_a_call", "remedy"]

RERECORD = "run again with PROVIDER_PROXY_CACHE_MODE=read-old-write-new"
"""Records what is missing and leaves the rest as it is."""

# Values that each run makes anew, and how a test keeps them the same.
_STILL = {
    Kind.UUID: "Use a fixed UUID in the test",
    Kind.TIMESTAMP: "Use a fixed time in the test (freeze its clock)",
    Kind.DATE: "Use a fixed date in the test (freeze its clock)",
    Kind.HEX: "Use a fixed value in the test (seed what makes it)",
    Kind.PATH: "Use the same path in every run (a relative or a fixed one, not a temporary one)",
}
_MEANT = {
    Kind.MODEL: "If another model is intended",
    Kind.API_VERSION: "An upgrade of the SDK or of its settings changes the API version; if that is intended",
    Kind.SAMPLING: "If the new value is intended",
    Kind.MESSAGE_ADDED: "The conversation has a message that the recorded one lacks; if that is intended",
    Kind.MESSAGE_REMOVED: "The conversation lacks a message of the recorded one; if that is intended",
    Kind.TOOL_ADDED: "The request offers a tool that the recorded one lacks; if that is intended",
    Kind.TOOL_REMOVED: "The request lacks a tool of the recorded one; if that is intended",
}
_LEFT_OUT = (
    "If its recorder left the credential out, import it again with --unknown-headers authorization; "
    "if the change is intended, record it"
)
_ORDER = "Keep the same order in every run (sort it in the test)"
_FOLLOWS = (
    "The provider gave this id in an earlier answer, so an earlier request of this conversation was not answered "
    "from the cache: look there first"
)
# Members of a body that only identify a call. Everything else may be content: two tests that differ in content
# alone would get the same answer if it were ignored.
_CALL_IDS = re.compile(
    r"/(metadata|client_metadata|labels)/[\w.-]*(id|ids|uuid|time|timestamp|date|run|session|trace|nonce)"
    r"|/(user|user_id|request_id|session_id|trace_id|safety_identifier|prompt_cache_key|idempotency_key|nonce)"
    r"|/(requests|items|records|events)/(\*|\d+)/(custom_id|id|uuid|request_id)",
    re.IGNORECASE,
)
# Names of headers and query parameters that only identify a call; any other may select what is asked.
_CALL_NAMES = re.compile(
    r"(header|query) (_|t|ts|cb|rand|random|nonce|[\w.-]{0,40}(time|timestamp|date|nonce|attempt|retry-count)"
    r"|[\w.-]{0,40}(request|trace|span|session|correlation|invocation|run|client|call|turn)[_-]?(id|uuid|key)?)",
    re.IGNORECASE,
)


def identifies_a_call(place: str) -> bool:
    """Whether a JSON Pointer, a header or a parameter only identifies a call, and selects nothing."""
    return (_CALL_IDS.fullmatch(pattern_of(place)) or _CALL_NAMES.fullmatch(place)) is not None


def remedy(
    difference: Difference, rerecord: str = RERECORD, others: tuple[Difference, ...] = (), rule: str = ""
) -> str:
    """What to do about `difference`; '' if there is nothing to do.

    `rerecord` says how to record what is missing; it is '' if this run records it. `others` are the other places in
    which the two requests differ: a setting that fits several of them names them all. `rule` is the volatile
    setting or rule that covers the difference.
    """
    kind = difference.kind
    if kind in (Kind.TOOL_CALL_ID, Kind.ANSWER_ID):
        return _FOLLOWS + _or(", or record the whole conversation", rerecord)
    if kind is Kind.REORDERED:
        return _ORDER + _or(", or record it", rerecord)
    if kind in _MEANT:
        return _or(f"{_MEANT[kind]}, record it", rerecord)
    if difference.place == "credential" and difference.new == "true":
        return f"{_LEFT_OUT}: {rerecord}" if rerecord else ""
    ignore = _setting_that_ignores(difference, others)
    if kind is Kind.PER_REQUEST:
        name = difference.place.removeprefix("header ")
        only = "It was different in every request seen. If it selects nothing, leave it out with"
        return _or(f"{only} PROVIDER_PROXY_IGNORE_HEADERS={name}, and record again", rerecord)
    if kind in _STILL:
        setting = ignore or (rule and f"{rule} and run `{program()} rekey`")
        return (
            _STILL[kind] + (f", or set {setting}" if setting else "") + _or(", or record it again", rerecord)
        )
    if not rerecord:
        return f"If it does not matter, leave it out with {ignore}" if ignore else ""
    leave_out = f", or leave it out with {ignore}" if ignore else ""
    return f"If the change is intended, record it{leave_out}: {rerecord}"


def _or(advice: str, rerecord: str) -> str:
    return f"{advice}: {rerecord}" if rerecord else ""


def _setting_that_ignores(difference: Difference, others: tuple[Difference, ...]) -> str:
    """The setting that leaves the place out of the key; '' if that could give one test another test's answer."""
    place = difference.place
    part, _, name = place.partition(" ")
    if _CALL_NAMES.fullmatch(place):
        return f"PROVIDER_PROXY_IGNORE_{'HEADERS' if part == 'header' else 'QUERY'}={name}"
    if not _CALL_IDS.fullmatch(place):
        return ""
    pattern = pattern_of(place)
    same = any(pattern_of(other.place) == pattern for other in others)
    return f"PROVIDER_PROXY_IGNORE_FIELDS={pattern if same else place}"
