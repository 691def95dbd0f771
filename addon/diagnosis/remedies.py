"""What to do about a difference, in one sentence."""

from __future__ import annotations

from addon.diagnosis.differences import Difference
from addon.diagnosis.kinds import Kind

__all__ = ["RERECORD", "remedy"]

RERECORD = "PROVIDER_PROXY_CACHE_MODE=read-old-write-new"
"""Records what is missing and leaves the rest as it is."""

# What a run makes anew each time, and how a test keeps it still.
_STILL = {
    Kind.UUID: "Use a fixed UUID in the test",
    Kind.TIMESTAMP: "Use a fixed time in the test (freeze its clock)",
    Kind.DATE: "Use a fixed date in the test (freeze its clock)",
    Kind.HEX: "Use a fixed value in the test (seed what makes it)",
    Kind.PATH: "Use the same path in every run (one that is relative, or fixed, and not a temporary one)",
}
_MEANT = {
    Kind.MODEL: "If another model is meant, record it",
    Kind.SAMPLING: "If the new value is meant, record it",
    Kind.MESSAGE_ADDED: "The conversation has a message more than the recorded one; if that is meant, record it",
    Kind.MESSAGE_REMOVED: "The conversation has a message less than the recorded one; if that is meant, record it",
    Kind.TOOL_ADDED: "The request offers a tool more; if that is meant, record it",
    Kind.TOOL_REMOVED: "The request offers a tool less; if that is meant, record it",
}
_ORDER = "Keep the order the same in every run (sort it in the test)"
_FOLLOWS = (
    "The provider gave this id in an earlier answer, so an earlier request of this conversation was not answered "
    "from the cache: look there first"
)
# A change of these is a change of the question: the settings that ignore refuse them, or a wrong hit would follow.
_NEVER_IGNORED = frozenset({"/model", "/stream", "query model", "query stream", "query alt"})


def remedy(difference: Difference, rerecord: str = RERECORD) -> str:
    """What to do about `difference`; '' where there is nothing to do.

    `rerecord` is the command, or the setting, that records what is missing; '' where it is recorded already.
    """
    kind = difference.kind
    if kind in (Kind.TOOL_CALL_ID, Kind.ANSWER_ID):
        return _FOLLOWS + _or(", or record the whole conversation", rerecord)
    if kind is Kind.REORDERED:
        return _ORDER + _or(", or record it", rerecord)
    ignore = _ignored_by(difference.place)
    if kind in _STILL:
        return _STILL[kind] + (f", or {ignore}" if ignore else "") + _or(", or record it anew", rerecord)
    if kind in _MEANT:
        return _or(_MEANT[kind], rerecord)
    if not difference.place.startswith(("header ", "query ")):
        ignore = ""
    if not rerecord:
        return f"If it does not matter, leave it out with {ignore}" if ignore else ""
    return (
        f"If the change is meant, record it{f', or leave it out with {ignore}' if ignore else ''}: {rerecord}"
    )


def _or(advice: str, rerecord: str) -> str:
    return f"{advice}: {rerecord}" if rerecord else ""


def _ignored_by(place: str) -> str:
    """The setting that leaves `place` out of the identity; '' where none should, or could."""
    if place in _NEVER_IGNORED or "…" in place or "," in place:
        return ""
    if place.startswith("/"):
        return f"PROVIDER_PROXY_IGNORE_FIELDS={place}"
    part, _, name = place.partition(" ")
    return {
        "header": f"PROVIDER_PROXY_IGNORE_HEADERS={name}",
        "query": f"PROVIDER_PROXY_IGNORE_QUERY={name}",
    }.get(part, "")
