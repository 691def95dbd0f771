"""One shape for every provider's token counts, in which an absent count stays absent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cache_store.answers.usage import token_counts

__all__ = ["CacheUsage", "InputBasis", "normalise"]


class InputBasis(StrEnum):
    """Whether a raw input count includes cached tokens."""

    # It does: OpenAI, Gemini, and everything that was normalised before.
    INCLUSIVE = "inclusive"
    # Cached tokens are counted apart: Anthropic, Bedrock.
    FRESH = "fresh"

    @classmethod
    def _missing_(cls, value: object) -> InputBasis:
        raise ValueError(f"{value!r} is not an input basis; use one of {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """The token counts of one run. `input_tokens` is the whole prompt, cached or not.

    `cache_supported` says whether the answer reported cache counts at all; false means unknown, never "nothing was
    cached". `missing_fields` names the fields that the answer did not have; their counts here are 0.
    """

    input_tokens: int = 0
    fresh_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cache_supported: bool = False
    missing_fields: tuple[str, ...] = ()


def normalise(raw: Any, *, input_basis: str = InputBasis.INCLUSIVE) -> CacheUsage:
    """The counts of a provider's usage object (or of one that was normalised before).

    If `raw` is not an object, `usage` is missing. Only integers within 64 bits count. With `input_basis="fresh"`,
    the cached tokens are added to the input first, unless a count is negative: that must stay visible. Raises
    ValueError for an unknown basis.
    """
    basis = InputBasis(input_basis)
    if not isinstance(raw, dict):
        return CacheUsage(missing_fields=("usage",))
    read = token_counts(raw)
    counts = {field: count or 0 for field, count in read.items()}
    cached = counts["cache_read_tokens"] + counts["cache_write_tokens"]
    if basis is InputBasis.FRESH and read["input_tokens"] is not None and min(counts.values()) >= 0:
        counts["input_tokens"] += cached
    flag = raw.get("cache_supported")
    reported = read["cache_read_tokens"] is not None or read["cache_write_tokens"] is not None
    return CacheUsage(
        **counts,
        fresh_input_tokens=max(0, counts["input_tokens"] - cached),
        cache_supported=flag if isinstance(flag, bool) else reported,
        missing_fields=tuple(field for field, count in read.items() if count is None),
    )
