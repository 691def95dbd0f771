"""Puts each run into a bucket, and a route's runs into one verdict. harn v1 fixes the order of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from cache_store.conformance.capabilities import SupportStatus
from cache_store.conformance.normalise import CacheUsage

__all__ = ["RunClass", "Verdict", "classify", "inconsistency", "verdict_of"]


class RunClass(StrEnum):
    """The bucket of one run, in the order of the report's counts."""

    CACHE_EFFECTIVE = "cache_effective"
    CACHE_SUPPORTED_MISS = "cache_supported_miss"
    UNSUPPORTED_ZERO = "unsupported_zero"
    SUPPORT_UNKNOWN_ZERO = "support_unknown_zero"
    NO_PROMPT_TOKENS = "no_prompt_tokens"
    PROVIDER_FIELD_INCONSISTENT = "provider_field_inconsistent"


class Verdict(StrEnum):
    """The result for all runs of a route."""

    CACHE_EFFECTIVE = "cache_effective"
    CACHE_SUPPORTED_MISS = "cache_supported_miss"
    UNSUPPORTED_ZERO = "unsupported_zero"
    SUPPORT_UNKNOWN_ZERO = "support_unknown_zero"
    PROVIDER_FIELD_INCONSISTENT = "provider_field_inconsistent"
    NO_PROMPT_TOKENS = "no_prompt_tokens"
    INSUFFICIENT_RUNS = "insufficient_runs"

    @property
    def is_failure(self) -> bool:
        """True for a route that should cache and does not, and for numbers that contradict each other."""
        return self in (Verdict.CACHE_SUPPORTED_MISS, Verdict.PROVIDER_FIELD_INCONSISTENT)


_NOTHING_READ = {
    SupportStatus.SUPPORTED: RunClass.CACHE_SUPPORTED_MISS,
    SupportStatus.UNSUPPORTED: RunClass.UNSUPPORTED_ZERO,
    SupportStatus.UNKNOWN: RunClass.SUPPORT_UNKNOWN_ZERO,
}


def inconsistency(usage: CacheUsage) -> str | None:
    """The first rule that the counts break; None if they are consistent."""
    prompt, read, write = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens
    if min(prompt, usage.output_tokens, read, write) < 0:
        return "negative token count"
    if read + write == 0:
        return None
    if prompt == 0:
        return "cache tokens reported with zero prompt tokens"
    if read + write > prompt:
        return "cache-read + cache-write exceed prompt tokens"
    if not usage.cache_supported:
        return "cache tokens reported while cache_supported=false"
    return None


def classify(usage: CacheUsage, support: SupportStatus) -> RunClass:
    """The bucket of one run. For a run that read nothing, `support` decides, never a missing field."""
    if inconsistency(usage) is not None:
        return RunClass.PROVIDER_FIELD_INCONSISTENT
    if usage.input_tokens == 0:
        return RunClass.NO_PROMPT_TOKENS
    if usage.cache_read_tokens > 0:
        return RunClass.CACHE_EFFECTIVE
    return _NOTHING_READ[support]


def verdict_of(runs: Sequence[tuple[int, RunClass]], support: SupportStatus) -> Verdict:
    """The verdict over (index, bucket) of each run.

    An index counts the repeats of one stable prefix from 0, so a run with an index above 0 is a repeat. Only a
    repeat that read from the cache proves that it works. Without a repeat, nothing is proved about a route that
    should cache.
    """
    buckets = {bucket for _, bucket in runs}
    if RunClass.PROVIDER_FIELD_INCONSISTENT in buckets:
        return Verdict.PROVIDER_FIELD_INCONSISTENT
    if any(index > 0 and bucket is RunClass.CACHE_EFFECTIVE for index, bucket in runs):
        return Verdict.CACHE_EFFECTIVE
    if buckets == {RunClass.NO_PROMPT_TOKENS}:
        return Verdict.NO_PROMPT_TOKENS
    if support is SupportStatus.SUPPORTED and not any(index > 0 for index, _ in runs):
        return Verdict.INSUFFICIENT_RUNS
    return Verdict(_NOTHING_READ[support])
