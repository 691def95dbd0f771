"""Normalising token counts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.answers.usage import TOKEN_ALIASES
from cache_store.conformance.normalise import CacheUsage, normalise

NAMES = [(field, name) for field, names in TOKEN_ALIASES.items() for name in names]


def nested(name: str, value: object) -> dict[str, object]:
    """{"a": {"b": value}} for "a.b"."""
    for step in reversed(name.split(".")):
        value = {step: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(("field", "name"), NAMES)
def test_every_alias_is_read(field: str, name: str) -> None:
    """A count is found under each of its names, and nothing else is made of it."""
    usage = normalise(nested(name, 7))
    assert getattr(usage, field) == 7
    assert usage.missing_fields == tuple(other for other in TOKEN_ALIASES if other != field)


def test_the_issue_s_aliases_are_all_known() -> None:
    """The names that the specification lists are in the table, so no edit loses one."""
    listed = {
        "input_tokens": "input_tokens prompt_tokens promptTokenCount inputTokens",
        "output_tokens": "output_tokens completion_tokens candidatesTokenCount outputTokens",
        "cache_read_tokens": "cache_read_tokens cache_read_input_tokens cached_tokens "
        "prompt_tokens_details.cached_tokens input_tokens_details.cached_tokens prompt_cache_hit_tokens "
        "cacheReadInputTokens cachedContentTokenCount",
        "cache_write_tokens": "cache_write_tokens cache_creation_input_tokens cacheWriteInputTokens",
    }
    for field, names in listed.items():
        assert TOKEN_ALIASES[field][: len(names.split())] == tuple(names.split())


@pytest.mark.parametrize(
    ("first", "second"),
    [(a, b) for names in TOKEN_ALIASES.values() for a, b in pairwise(names)],
)
def test_the_earlier_alias_wins(first: str, second: str) -> None:
    """Where two names of a count disagree, the one listed first counts, whatever the order in the object."""
    one, other = nested(first, 1), nested(second, 2)
    merged = {**other, **one}
    shared = first.split(".")[0]
    if shared == second.split(".")[0]:
        merged[shared] = {**other[shared], **one[shared]}  # type: ignore[dict-item]
    usage = normalise(merged)
    assert 1 in (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)


def test_an_earlier_alias_of_the_wrong_type_gives_way() -> None:
    """A name that holds no integer is passed over for the next one."""
    assert normalise({"input_tokens": "9", "prompt_tokens": 8}).input_tokens == 8


@pytest.mark.parametrize("value", [True, False, "7", 7.0, None, [7], {"n": 7}, 2**63, -(2**63) - 1, 10**400])
def test_what_is_no_64_bit_integer_is_missing(value: object) -> None:
    """Booleans, texts, floats and counts beyond 64 bits are missing, never a zero that looks reported."""
    usage = normalise({"input_tokens": value, "output_tokens": 1, "cache_read_tokens": value})
    assert (usage.input_tokens, usage.cache_read_tokens) == (0, 0)
    assert usage.missing_fields == ("input_tokens", "cache_read_tokens", "cache_write_tokens")
    assert not usage.cache_supported


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0])
def test_the_bounds_of_64_bits_count(value: int) -> None:
    """The largest and smallest 64-bit counts are kept as they are, and a reported 0 is not missing."""
    usage = normalise({"cache_read_tokens": value})
    assert usage.cache_read_tokens == value
    assert "cache_read_tokens" not in usage.missing_fields
    assert usage.cache_supported


@pytest.mark.parametrize("raw", [None, "text", 3, True, [], [{"input_tokens": 3}]])
def test_what_is_no_object_misses_usage(raw: object) -> None:
    """A run without a usage object has no counts at all and says so."""
    assert normalise(raw) == CacheUsage(missing_fields=("usage",))


def test_fresh_input_is_what_is_neither_read_nor_written() -> None:
    """The published vector for OpenAI's shape: 3,000 prompt tokens of which 2,048 were cached."""
    usage = normalise(
        {"prompt_tokens": 3000, "completion_tokens": 90, "prompt_tokens_details": {"cached_tokens": 2048}}
    )
    assert (usage.input_tokens, usage.cache_read_tokens, usage.fresh_input_tokens) == (3000, 2048, 952)


def test_fresh_input_is_never_negative() -> None:
    """Contradictory counts leave no negative fresh input behind."""
    assert normalise({"input_tokens": 40, "cache_read_tokens": 5000}).fresh_input_tokens == 0


@pytest.mark.parametrize(("flag", "expected"), [(True, True), (False, False), ("no", True), (0, True)])
def test_an_explicit_flag_decides_cache_supported(flag: object, expected: bool) -> None:
    """Only a boolean `cache_supported` overrides what the presence of a cache field says."""
    assert normalise({"cache_read_tokens": 1, "cache_supported": flag}).cache_supported is expected


def test_a_fresh_basis_adds_the_cached_tokens() -> None:
    """A raw Anthropic answer counts 40 fresh tokens beside 3,800 read and 160 written: the prompt was 4,000."""
    raw = {"input_tokens": 40, "cache_read_input_tokens": 3800, "cache_creation_input_tokens": 160}
    usage = normalise(raw, input_basis="fresh")
    assert (usage.input_tokens, usage.fresh_input_tokens) == (4000, 40)
    assert normalise(raw).input_tokens == 40


@pytest.mark.parametrize(
    "raw",
    [
        {"input_tokens": -5, "cache_read_tokens": 10},
        {"input_tokens": 5, "cache_read_tokens": -10},
        {"input_tokens": 5, "cache_read_tokens": 10, "cache_write_tokens": -1},
        {"input_tokens": 5, "cache_read_tokens": 10, "output_tokens": -1},
        {"cache_read_tokens": 10},
    ],
)
def test_a_fresh_basis_hides_no_contradiction(raw: dict[str, int]) -> None:
    """Where a count is negative or the input is missing, nothing is added that could cover it up."""
    assert normalise(raw, input_basis="fresh") == normalise(raw)


def test_an_unknown_basis_is_refused_with_the_valid_ones() -> None:
    """A misspelt basis fails loudly."""
    with pytest.raises(ValueError, match="'net' is not an input basis; use one of inclusive, fresh"):
        normalise({}, input_basis="net")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
usages = st.dictionaries(
    st.sampled_from([name.split(".")[0] for _, name in NAMES] + ["cache_supported"]),
    st.integers()
    | st.dictionaries(st.sampled_from(["cached_tokens", "input_tokens"]), st.integers())
    | json_values,
)


@given(usages | json_values, st.sampled_from(["inclusive", "fresh"]))
def test_any_json_is_normalised(raw: object, basis: str) -> None:
    """No usage, however odd, raises; a field is missing exactly where it has no count of its own."""
    usage = normalise(raw, input_basis=basis)
    assert usage.fresh_input_tokens >= 0
    for field in usage.missing_fields:
        assert field == "usage" or getattr(usage, field) == 0
