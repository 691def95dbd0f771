"""Buckets and verdicts: every rule, and by pairs that would flip the order in which the rules are asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.conformance.capabilities import SupportStatus
from cache_store.conformance.classify import RunClass, Verdict, classify, inconsistency, verdict_of
from cache_store.conformance.normalise import CacheUsage

YES, NO, UNKNOWN = SupportStatus.SUPPORTED, SupportStatus.UNSUPPORTED, SupportStatus.UNKNOWN
NEGATIVE = "negative token count"
NO_PROMPT = "cache tokens reported with zero prompt tokens"
EXCEED = "cache-read + cache-write exceed prompt tokens"
FLAGGED = "cache tokens reported while cache_supported=false"


def usage(prompt: int, read: int = 0, write: int = 0, output: int = 50, flag: bool = True) -> CacheUsage:
    return CacheUsage(prompt, max(0, prompt - read - write), read, write, output, flag)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (usage(-1), NEGATIVE),
        (usage(10, output=-1), NEGATIVE),
        (usage(10, read=-1), NEGATIVE),
        (usage(10, write=-1), NEGATIVE),
        (usage(0, read=1), NO_PROMPT),
        (usage(0, write=1), NO_PROMPT),
        (usage(1000, 900, 500), EXCEED),
        (usage(1000, 600, 401), EXCEED),
        (usage(2000, 500, flag=False), FLAGGED),
        (usage(2000, 0, 500, flag=False), FLAGGED),
        (usage(1000, 600, 400), None),
        (usage(0), None),
        (usage(10, flag=False), None),
    ],
)
def test_each_contradiction_has_its_reason(counts: CacheUsage, reason: str | None) -> None:
    """Numbers that cannot all be true are named; numbers that can are not."""
    assert inconsistency(counts) == reason


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (usage(0, read=5, output=-1), NEGATIVE),  # also no prompt
        (usage(10, read=50, output=-1), NEGATIVE),  # also exceeds
        (usage(10, read=5, output=-1, flag=False), NEGATIVE),  # also flagged
        (usage(0, read=5, flag=False), NO_PROMPT),  # also flagged
        (usage(10, read=50, flag=False), EXCEED),  # also flagged
    ],
)
def test_the_first_contradiction_is_the_reason(counts: CacheUsage, reason: str) -> None:
    """Of two contradictions the one earlier in the published order is given."""
    assert inconsistency(counts) == reason


@pytest.mark.parametrize(
    ("counts", "support", "bucket"),
    [
        (usage(2000, 1800), YES, RunClass.CACHE_EFFECTIVE),
        (usage(2000, 1800), NO, RunClass.CACHE_EFFECTIVE),
        (usage(2000, 1800), UNKNOWN, RunClass.CACHE_EFFECTIVE),
        (usage(2000, 0, 2000), YES, RunClass.CACHE_SUPPORTED_MISS),
        (usage(2000), NO, RunClass.UNSUPPORTED_ZERO),
        (usage(2000), UNKNOWN, RunClass.SUPPORT_UNKNOWN_ZERO),
        (usage(0), YES, RunClass.NO_PROMPT_TOKENS),
        (usage(0), NO, RunClass.NO_PROMPT_TOKENS),
        (usage(0), UNKNOWN, RunClass.NO_PROMPT_TOKENS),
        # Precedence: a contradiction goes before each of the others.
        (usage(0, output=-1), YES, RunClass.PROVIDER_FIELD_INCONSISTENT),
        (usage(2000, 1800, output=-1), YES, RunClass.PROVIDER_FIELD_INCONSISTENT),
        (usage(2000, output=-1), NO, RunClass.PROVIDER_FIELD_INCONSISTENT),
    ],
)
def test_the_bucket_of_a_run(counts: CacheUsage, support: SupportStatus, bucket: RunClass) -> None:
    """A run falls into the first bucket of the published order that fits it."""
    assert classify(counts, support) == bucket


E, M, N, X = (
    RunClass.CACHE_EFFECTIVE,
    RunClass.CACHE_SUPPORTED_MISS,
    RunClass.NO_PROMPT_TOKENS,
    RunClass.PROVIDER_FIELD_INCONSISTENT,
)


@pytest.mark.parametrize(
    ("buckets", "support", "verdict"),
    [
        ([M, E], YES, Verdict.CACHE_EFFECTIVE),
        ([E, E], YES, Verdict.CACHE_EFFECTIVE),
        ([E, M], YES, Verdict.CACHE_SUPPORTED_MISS),  # only the first read: nothing is repeated
        ([M, M], YES, Verdict.CACHE_SUPPORTED_MISS),
        ([M, N], YES, Verdict.CACHE_SUPPORTED_MISS),
        ([E], YES, Verdict.INSUFFICIENT_RUNS),
        ([M], YES, Verdict.INSUFFICIENT_RUNS),
        ([], YES, Verdict.INSUFFICIENT_RUNS),
        ([], NO, Verdict.UNSUPPORTED_ZERO),
        ([], UNKNOWN, Verdict.SUPPORT_UNKNOWN_ZERO),
        ([E], NO, Verdict.UNSUPPORTED_ZERO),
        ([E], UNKNOWN, Verdict.SUPPORT_UNKNOWN_ZERO),
        ([RunClass.UNSUPPORTED_ZERO, E], NO, Verdict.CACHE_EFFECTIVE),
        ([RunClass.SUPPORT_UNKNOWN_ZERO, E], UNKNOWN, Verdict.CACHE_EFFECTIVE),
        ([N, N], YES, Verdict.NO_PROMPT_TOKENS),
        ([N], YES, Verdict.NO_PROMPT_TOKENS),  # before insufficient runs
        ([N], NO, Verdict.NO_PROMPT_TOKENS),  # before support
        ([N], UNKNOWN, Verdict.NO_PROMPT_TOKENS),
        ([N, E], YES, Verdict.CACHE_EFFECTIVE),  # not all of them
        # Precedence: one contradiction goes before a read, before no prompt, before support.
        ([X, E], YES, Verdict.PROVIDER_FIELD_INCONSISTENT),
        ([E, X], YES, Verdict.PROVIDER_FIELD_INCONSISTENT),
        ([N, X], YES, Verdict.PROVIDER_FIELD_INCONSISTENT),
        ([X], NO, Verdict.PROVIDER_FIELD_INCONSISTENT),
        ([X], UNKNOWN, Verdict.PROVIDER_FIELD_INCONSISTENT),
    ],
)
def test_the_verdict_over_runs(buckets: list[RunClass], support: SupportStatus, verdict: Verdict) -> None:
    """The runs of a route get the first verdict of the published order that fits them."""
    assert verdict_of(list(enumerate(buckets)), support) == verdict


def test_first_runs_of_two_prefixes_are_no_repeats() -> None:
    """Two prefixes asked once each prove nothing, neither that the cache works nor that it does not."""
    assert verdict_of([(0, M), (0, M)], YES) is Verdict.INSUFFICIENT_RUNS
    assert verdict_of([(0, M), (0, E)], YES) is Verdict.INSUFFICIENT_RUNS
    assert verdict_of([(0, M), (0, M), (1, E)], YES) is Verdict.CACHE_EFFECTIVE


def test_two_verdicts_are_failures() -> None:
    """Only a supported route that never reads and contradictory numbers fail."""
    assert {v for v in Verdict if v.is_failure} == {
        Verdict.CACHE_SUPPORTED_MISS,
        Verdict.PROVIDER_FIELD_INCONSISTENT,
    }


counts = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)


@given(st.builds(CacheUsage, counts, counts, counts, counts, counts, st.booleans()))
def test_support_changes_the_bucket_of_a_zero_read_alone(run: CacheUsage) -> None:
    """Whatever the counts, support decides between the three zero-read buckets and nothing else."""
    by_support = {support: classify(run, support) for support in SupportStatus}
    zero = {YES: M, NO: RunClass.UNSUPPORTED_ZERO, UNKNOWN: RunClass.SUPPORT_UNKNOWN_ZERO}
    assert by_support == zero or len(set(by_support.values())) == 1
