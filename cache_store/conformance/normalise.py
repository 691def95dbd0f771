"""One shape for every provider's token counts, in which what is absent stays absent.

Aliases are those of harn's `cache_conformance` (v1), then what the providers' own API references name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["ALIASES", "CacheUsage", "InputBasis", "normalise"]

# The first that holds an integer counts. A dot steps into an object. The order of the names is that of the
# report.
ALIASES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "prompt_tokens",
        "promptTokenCount",
        "inputTokens",
        "tokens.input_tokens",  # Cohere
        "billed_units.input_tokens",
        "prompt_eval_count",  # Ollama
        "inputTokenCount",  # Bedrock's invocation metrics
        "prompt_token_count",  # Llama on Bedrock
    ),
    "output_tokens": (
        "output_tokens",
        "completion_tokens",
        "candidatesTokenCount",
        "outputTokens",
        "tokens.output_tokens",
        "billed_units.output_tokens",
        "eval_count",
        "outputTokenCount",
        "generation_token_count",
    ),
    "cache_read_tokens": (
        "cache_read_tokens",
        "cache_read_input_tokens",
        "cached_tokens",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cacheReadInputTokens",
        "cachedContentTokenCount",
        "cacheReadInputTokenCount",
    ),
    "cache_write_tokens": (
        "cache_write_tokens",
        "cache_creation_input_tokens",
        "cacheWriteInputTokens",
        "prompt_tokens_details.cache_write_tokens",  # OpenRouter
        "cacheWriteInputTokenCount",
    ),
}
_MIN, _MAX = -(2**63), 2**63 - 1


class InputBasis(StrEnum):
    """What a raw input count counts."""

    # Cached tokens are part of it: OpenAI, Gemini, and whatever was normalised before.
    INCLUSIVE = "inclusive"
    # Cached tokens come on top of it: Anthropic, Bedrock.
    FRESH = "fresh"

    @classmethod
    def _missing_(cls, value: object) -> InputBasis:
        raise ValueError(f"{value!r} is no input basis; valid are {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """Token counts of one run, kept apart. `input_tokens` is the whole prompt, cached or not.

    `cache_supported`: the answer reported cache accounting at all (false means not known, never "nothing was
    cached"). `missing_fields` are those that the answer did not carry; their counts here are 0.
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

    What is no object misses `usage`. Only integers within 64 bits count. With `input_basis="fresh"` the
    cached tokens are added to the input first, unless a count is negative, which must stay visible. Raises
    ValueError for another basis.
    """
    basis = InputBasis(input_basis)
    if not isinstance(raw, dict):
        return CacheUsage(missing_fields=("usage",))
    found = {field: _first(raw, names) for field, names in ALIASES.items()}
    counts = {field: count or 0 for field, count in found.items()}
    cached = counts["cache_read_tokens"] + counts["cache_write_tokens"]
    if basis is InputBasis.FRESH and found["input_tokens"] is not None and min(counts.values()) >= 0:
        counts["input_tokens"] += cached
    flag = raw.get("cache_supported")
    reported = found["cache_read_tokens"] is not None or found["cache_write_tokens"] is not None
    return CacheUsage(
        **counts,
        fresh_input_tokens=max(0, counts["input_tokens"] - cached),
        cache_supported=flag if isinstance(flag, bool) else reported,
        missing_fields=tuple(field for field, count in found.items() if count is None),
    )


def _first(raw: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value: Any = raw
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and _MIN <= value <= _MAX:
            return value
    return None
