"""Classifies a difference: a value that each run makes anew, an id from the provider, or a real change."""

from __future__ import annotations

import enum
import re

__all__ = ["Kind", "kind_of_member", "kind_of_text"]


class Kind(enum.StrEnum):
    """A kind of difference. Messages put the value after "looks like" or on its own."""

    UUID = "a UUID"
    TIMESTAMP = "a timestamp"
    DATE = "a date"
    TOOL_CALL_ID = "a tool-call id"
    ANSWER_ID = "an id of an earlier answer"
    HEX = "random hex"
    PATH = "a path"
    PER_REQUEST = "a per-request id"
    MODEL = "a model name"
    API_VERSION = "another API version"
    SAMPLING = "a sampling parameter"
    MESSAGE_ADDED = "an added message"
    MESSAGE_REMOVED = "a removed message"
    TOOL_ADDED = "an added tool"
    TOOL_REMOVED = "a removed tool"
    REORDERED = "the same items in another order"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    IGNORED = "left out by a setting in one of the two requests"


_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
# The first pattern wins whose match contains the difference in both texts.
_PATTERNS = (
    (Kind.UUID, r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    (Kind.TIMESTAMP, rf"\d{{4}}-\d\d-\d\d[T_ ]{_CLOCK}(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"),
    (Kind.TIMESTAMP, rf"(?:[A-Z][a-z]{{2}}, )?\d{{1,2}} {_MONTH} \d{{4}},? {_CLOCK}"),
    (Kind.TIMESTAMP, r"(?<!\d)\d{8}T\d{6}Z?"),
    (Kind.TIMESTAMP, rf"(?<!\d){_CLOCK}(?: ?[AaPp]\.?[Mm])?(?!\d)"),
    (Kind.TIMESTAMP, r"(?<![\w.])1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9}|\.\d{1,9})?(?![\w.]\d)"),
    (Kind.DATE, r"(?<!\d)\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)"),
    (Kind.DATE, r"(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?!\d)"),
    (Kind.DATE, rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{1,2}}\.? {_MONTH} \d{{4}}"),
    (Kind.TOOL_CALL_ID, r"\b(?:call|toolu|tooluse|fc|ctc|chatcmpl-tool)[_-][A-Za-z0-9_-]{4,64}"),
    (Kind.ANSWER_ID, r"\b(?:resp|msg|chatcmpl|rs|run|thread)[_-][A-Za-z0-9]{6,64}"),
    (Kind.HEX, r"\b(?:0x)?(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,128}\b"),
    (Kind.PATH, r"(?:[A-Za-z]:\\|~/|\.{0,2}/)[^\s\"'<>|:*?,;)]{3,200}"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
_WINDOW = 128  # characters on each side of the difference that are searched

_SAMPLING = frozenset({
    "temperature", "top_p", "topP", "top_k", "topK", "min_p", "seed", "max_tokens", "maxTokens",
    "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "frequency_penalty", "presence_penalty",
    "frequencyPenalty", "presencePenalty", "repetition_penalty", "stop", "stop_sequences", "stopSequences",
    "logit_bias", "logprobs", "top_logprobs", "n", "candidateCount", "reasoning_effort", "verbosity",
    "budget_tokens", "thinkingBudget",
})  # fmt: skip
_MODELS = frozenset({"model", "modelId", "model_id"})
_CALL_IDS = frozenset({"tool_call_id", "tool_use_id", "toolUseId", "call_id"})
_ANSWER_IDS = frozenset({"previous_response_id", "response_id", "conversation", "thread_id"})


def kind_of_member(name: str) -> Kind | None:
    """The kind of a member by its name; None if the name does not tell."""
    for kind, names in (
        (Kind.MODEL, _MODELS),
        (Kind.SAMPLING, _SAMPLING),
        (Kind.TOOL_CALL_ID, _CALL_IDS),
        (Kind.ANSWER_ID, _ANSWER_IDS),
    ):
        if name in names:
            return kind
    return None


def kind_of_text(old: str, new: str, same: int) -> Kind | None:
    """The kind of value in which two texts differ after `same` characters; None if it is unknown."""
    start = max(0, same - _WINDOW)
    at = same - start
    a, b = (text[start : same + _WINDOW] for text in (old, new))
    for kind, pattern in _COMPILED:
        if _holds(pattern, a, at) and _holds(pattern, b, at):
            return kind
    return None


def _holds(pattern: re.Pattern[str], text: str, at: int) -> bool:
    """Whether a match contains position `at`; one that ends there does not."""
    return any(match.start() <= at < match.end() for match in pattern.finditer(text))
