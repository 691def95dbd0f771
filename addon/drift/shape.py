"""The shape of an answer: which fields it has, with which types, and what of it is new or gone.

A shape is learned from several answers where there are several: a field that some of them lack may be missing, and
one that any of them has is known. Items of an array have one shape for each kind of item, as `type` tells it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from addon.drift.reason import Reason

__all__ = ["IGNORED", "Known", "Shape", "known_shape", "shape_changes", "shape_of", "token"]

type Shape = dict[tuple[str, str], Place]
"""By the kind of the document (of an event, '' for a whole answer) and a pointer with `*` for an index."""

IGNORED = frozenset({
    "usage", "usageMetadata", "usage_metadata", "x_groq", "metrics", "meta", "amazon-bedrock-invocationMetrics",
    "p", "obfuscation", "thoughtSignature", "thought_signature", "avgLogprobs",
})  # fmt: skip
"""Members that are not looked into: what was used, padding that hides the tokens' lengths (Bedrock, OpenAI), and
what only some answers of a model have (Gemini)."""

# Members whose content the model chooses, not the provider.
_OPAQUE = frozenset({"input", "args", "arguments", "parsed", "logprobs", "logprobsResult", "metadata"})
# What an item without a `type` is, by the member that only such items have (Gemini's parts, Bedrock's blocks).
_ITEMS = (
    "text", "functionCall", "toolUse", "functionResponse", "inlineData", "fileData", "executableCode",
    "codeExecutionResult", "reasoningContent", "toolResult", "image", "document",
)  # fmt: skip
_TEXT_ITEMS = ("*(text)", "*(output_text)")
_VECTOR = 16  # numbers in a list that is an embedding
_MOST = 20_000


@dataclass(slots=True)
class Place:
    """The types that stand somewhere, and the JSON Pointer of the first."""

    pointer: str
    types: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Known:
    """What several answers of one kind showed: the types of every place, and the places that all of them have."""

    types: dict[tuple[str, str], frozenset[str]]
    always: frozenset[tuple[str, str]]


def shape_of(documents: Iterable[tuple[str, Any]]) -> Shape:
    """The shape of an answer's documents, each with its kind; at most 20,000 places."""
    shape: Shape = {}
    for kind, value in documents:
        _add(shape, kind, "", "", value)
    return shape


def known_shape(shapes: Sequence[Shape]) -> Known:
    """What one or more answers showed."""
    types: dict[tuple[str, str], frozenset[str]] = {}
    for shape in shapes:
        for at, place in shape.items():
            types[at] = types.get(at, frozenset()) | place.types
    always = [at for at in types if all(at in shape for shape in shapes)]
    return Known(types, frozenset(always))


def shape_changes(known: Known, old: Shape, new: Shape) -> Iterator[Reason]:
    """How the answer `new` differs from what is known; `old` is the recorded one. Of a new part, only its top."""
    for at, place in new.items():
        kind, pattern = at
        if at not in known.types:
            if _is_top(at, known.types):
                yield _one_sided(kind, pattern, place.pointer, sorted(place.types), is_new=True)
            continue
        if unknown := place.types - known.types[at]:
            was = " or ".join(sorted(known.types[at]))
            yield Reason("other type", _shown(kind, place.pointer), was, " and ".join(sorted(unknown)))
    for at in sorted(known.always - new.keys()):
        kind, pattern = at
        if _is_top(at, new) and at in old:
            yield _one_sided(kind, pattern, old[at].pointer, sorted(old[at].types), is_new=False)


def _one_sided(kind: str, pattern: str, pointer: str, types: list[str], *, is_new: bool) -> Reason:
    shown = " and ".join(types)
    old, new = (None, shown) if is_new else (shown, None)
    if not pattern:
        return Reason("unknown stream event" if is_new else "stream event gone", f"event {kind}", old, new)
    is_words = pattern.endswith(_TEXT_ITEMS)
    word = "added" if is_new else "gone"
    what = f"text {word}" if is_words else f"field {word}"
    return Reason(what, _shown(kind, pointer), old, new, is_benign=is_words)


def _is_top(at: tuple[str, str], there: Container[tuple[str, str]]) -> bool:
    """Whether what holds this place is there."""
    kind, pattern = at
    return not pattern or (kind, pattern.rpartition("/")[0]) in there


def _shown(kind: str, pointer: str) -> str:
    return f"event {kind} {pointer}" if kind else pointer


def _add(shape: Shape, kind: str, pattern: str, pointer: str, value: Any) -> None:
    at = (kind, pattern)
    place = shape.get(at)
    if place is None:
        if len(shape) >= _MOST:
            return
        place = shape[at] = Place(pointer)
    place.types.add(_type(value))
    if isinstance(value, dict):
        for name, member in value.items():
            step = token(name)
            if name in IGNORED:
                continue
            inner = {} if name in _OPAQUE and isinstance(member, dict) else member
            _add(shape, kind, f"{pattern}/{step}", f"{pointer}/{step}", inner)
    elif isinstance(value, list) and not _is_vector(value):
        for number, item in enumerate(value):
            _add(shape, kind, f"{pattern}/*{_item(item)}", f"{pointer}/{number}", item)


def _type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return f"list of {len(value)} numbers" if _is_vector(value) else "list"
    return "object"


def _is_vector(value: list[Any]) -> bool:
    return len(value) >= _VECTOR and all(type(item) in (int, float) for item in value)


def _item(value: Any) -> str:
    """The kind of an array's item, in parentheses; '' if it has none."""
    if not isinstance(value, dict):
        return ""
    kind = value.get("type")
    if not isinstance(kind, str):
        kind = next((name for name in _ITEMS if name in value), "")
    return f"({token(kind[:80])})" if kind else ""


def token(name: str) -> str:
    """One step of a JSON Pointer (RFC 6901, 3)."""
    return name.replace("~", "~0").replace("/", "~1")
