"""Reports over saved runs: the published vectors, the shape of the report, and every bad file."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.conformance.capabilities import support_of
from cache_store.conformance.classify import RunClass
from cache_store.conformance.fixture import MAX_FIXTURE, MAX_RUNS, FixtureError, probe_fixture

# Inputs and results of harn's own tests and committed fixtures (crate harn-vm, MIT OR Apache-2.0).
GOLDENS = json.loads(Path(__file__).with_name("goldens.json").read_text())["rows"]
ROUTES = {"supported": ("anthropic", "claude-sonnet-4-6"), "unsupported": ("ollama", "qwen3")}


def probe(document: object, provider: str = "", model: str = "") -> dict[str, Any]:
    report = probe_fixture(json.dumps(document).encode(), provider, model).as_json()
    assert json.loads(json.dumps(report)) == report
    return report


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("row", GOLDENS, ids=[row["name"] for row in GOLDENS])
def test_the_published_vectors_hold(row: dict[str, Any], wrapped: bool) -> None:
    """Every published fixture gets its published classes, verdict, fresh input and missing fields."""
    runs = [{"usage": usage} if wrapped else usage for usage in row["usage"]]
    report = probe(runs, *ROUTES[row["support"]])
    assert [run["classification"] for run in report["runs"]] == row["classes"]
    assert [run["usage"]["fresh_input_tokens"] for run in report["runs"]] == row["fresh"]
    assert [run["usage"].get("missing_fields", []) for run in report["runs"]] == row["missing"]
    assert [run["raw_usage"] for run in report["runs"]] == row["usage"]
    assert (report["verdict"], report["dogfood_failure"]) == (row["verdict"], row["dogfood_failure"])


def test_the_published_anthropic_vector_is_inclusive() -> None:
    """A fixture's input is the whole prompt, so 3,500 read and 500 written of 4,000 leave no fresh input."""
    usage = {"input_tokens": 4000, "output_tokens": 120}
    usage |= {"cache_read_input_tokens": 3500, "cache_creation_input_tokens": 500}
    run = probe([usage], "anthropic", "claude-sonnet-4-6")["runs"][0]
    assert run["usage"]["fresh_input_tokens"] == 0
    assert "missing_fields" not in run["usage"]


def test_the_whole_report() -> None:
    """Schema version 1: every key, in its published place."""
    request = {"task": "t", "prefix_sha256": "ab", "prefix_tokens_estimate": 3000, "other": 1}
    document = {
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "runs": [
            {"usage": {"input_tokens": 10, "cache_read_tokens": 20}, "request": request, "elapsed_ms": 12}
        ],
    }
    report = probe(document)
    source = report["support"].pop("evidence")
    assert "prompt-caching" in source
    assert report == {
        "schema_version": 1,
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "support": {
            "status": "cache_supported",
            "supported": True,
            "cache_tier": "provider-prompt-cache",
            "resolved_provider": "anthropic",
            "resolved_model": "claude-sonnet-4-6",
            "source": "provider-capabilities",
            "profile": {
                "prompt_caching": True,
                "cache_breakpoint_style": "top_level",
                "min_useful_prefix_tokens": 1024,
                "ttl_notes": "5 minutes from the last use, 1 hour on request (`ttl`)",
                "cache_read_usage_field": "usage.cache_read_input_tokens",
                "cache_write_usage_field": "usage.cache_creation_input_tokens",
            },
        },
        "runs": [
            {
                "run_index": 0,
                "usage": {
                    "input_tokens": 10,
                    "fresh_input_tokens": 0,
                    "cache_read_tokens": 20,
                    "cache_write_tokens": 0,
                    "output_tokens": 0,
                    "cache_supported": True,
                    "missing_fields": ["output_tokens", "cache_write_tokens"],
                },
                "classification": "provider_field_inconsistent",
                "inconsistency_reason": "cache-read + cache-write exceed prompt tokens",
                "elapsed_ms": 12,
                "request": {"task": "t", "prefix_sha256": "ab", "prefix_tokens_estimate": 3000},
                "raw_usage": {"input_tokens": 10, "cache_read_tokens": 20},
            }
        ],
        "bucket_counts": {
            "cache_effective": 0,
            "cache_supported_miss": 0,
            "unsupported_zero": 0,
            "support_unknown_zero": 0,
            "no_prompt_tokens": 0,
            "provider_field_inconsistent": 1,
        },
        "verdict": "provider_field_inconsistent",
        "dogfood_failure": True,
    }


@pytest.mark.parametrize(
    ("route", "supported", "tier"),
    [
        (("ollama", "m"), False, "none"),
        (("auto", "m"), None, None),
        (("anthropic", "claude-x"), True, "provider-prompt-cache"),
    ],
)
def test_the_tier_follows_support(route: tuple[str, str], supported: bool | None, tier: str | None) -> None:
    """An unknown route has no tier at all, an unsupported one has `none`."""
    support = probe([], *route)["support"]
    assert support["supported"] is supported
    assert support.get("cache_tier") == tier
    assert ("cache_tier" in support) is (tier is not None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("", ""), ("anthropic", "claude-opus-5")),
        (("  ", "\t"), ("anthropic", "claude-opus-5")),
        (("ollama", ""), ("ollama", "claude-opus-5")),
        (("", "m"), ("anthropic", "m")),
        (("auto", "m"), ("auto", "m")),
    ],
)
def test_arguments_win_where_they_are_not_blank(
    arguments: tuple[str, str], expected: tuple[str, str]
) -> None:
    """The fixture's own provider and model fill in for a blank argument only."""
    report = probe({"provider": "anthropic", "model": "claude-opus-5", "runs": []}, *arguments)
    assert (report["provider"], report["model"]) == expected


def test_a_fixture_s_provider_of_the_wrong_type_is_ignored() -> None:
    """A provider that is no text is as good as none."""
    assert probe({"provider": 7, "model": None, "runs": []})["support"]["status"] == "cache_support_unknown"


@pytest.mark.parametrize(
    ("route", "verdict"),
    [
        (("anthropic", "claude-x"), "insufficient_runs"),
        (("", ""), "support_unknown_zero"),
        (("ollama", "m"), "unsupported_zero"),
    ],
)
def test_an_empty_array_has_a_verdict(route: tuple[str, str], verdict: str) -> None:
    """No runs are no failure; the verdict is the published one."""
    report = probe([], *route)
    assert (report["verdict"], report["dogfood_failure"], report["runs"]) == (verdict, False, [])


@pytest.mark.parametrize("run", ["text", 5, None, True, [1], {"usage": "text"}, {"usage": None}])
def test_a_run_that_is_no_object_misses_usage(run: object) -> None:
    """Such a run is kept, with what it said, as one without prompt tokens."""
    found = probe([run], "anthropic", "claude-x")["runs"][0]
    assert found["usage"]["missing_fields"] == ["usage"]
    assert found["classification"] == "no_prompt_tokens"
    assert found["raw_usage"] == (run["usage"] if isinstance(run, dict) else run)


@pytest.mark.parametrize(
    "extra",
    [
        {"request": "text", "elapsed_ms": "12"},
        {"request": {"task": 5}, "elapsed_ms": -1},
        {"request": {"prefix_tokens_estimate": -1}, "elapsed_ms": 1.5},
        {"request": {"prefix_tokens_estimate": 2**32}, "elapsed_ms": 2**64},
        {"request": {"prefix_tokens_estimate": True}, "elapsed_ms": True},
        {"request": None, "elapsed_ms": None},
    ],
)
def test_bad_notes_of_a_run_are_left_out(extra: dict[str, object]) -> None:
    """A request identity or a time of the wrong type never spoils the run."""
    run = probe([{"usage": {"input_tokens": 5}, **extra}])["runs"][0]
    assert "request" not in run
    assert "elapsed_ms" not in run
    assert run["classification"] == "support_unknown_zero"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "cannot parse"),
        (b"{", "cannot parse"),
        (b"not json", "cannot parse"),
        (b'[{"input_tokens": NaN}]', "cannot parse.*NaN"),
        (b'[{"input_tokens": -Infinity}]', "cannot parse.*Infinity"),
        (b"[\xff]", "cannot parse"),
        (b"[" * 100_000, "cannot parse"),
        (b"[" * 101 + b"]" * 101, "cannot parse.*deeper than 100"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "cannot parse"),
        (b"7", "must be an array of runs or an object with `runs`"),
        (b'"text"', "must be an array of runs or an object with `runs`"),
        (b"null", "must be an array of runs or an object with `runs`"),
        (b"{}", "must carry a `runs` array"),
        (b'{"runs": {}}', "must carry a `runs` array"),
        (b'{"runs": null}', "must carry a `runs` array"),
        (b"[" + b"1," * MAX_RUNS + b"1]", f"more than {MAX_RUNS} runs"),
        (b" " * (MAX_FIXTURE + 1), "larger than 16 MiB"),
        (b" " * 50_000_000, "larger than 16 MiB"),
    ],
    ids=range(18),
)
def test_a_bad_fixture_is_an_error_in_words(data: bytes, error: str) -> None:
    """What is no fixture is refused in one line that says why."""
    with pytest.raises(FixtureError, match=error) as caught:
        probe_fixture(data, "anthropic", "claude-x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "number", ["18446744073709551616", "9223372036854775808", "1" * 400, "1" * 5000, "1e999", "-1e999"]
)
def test_a_count_beyond_64_bits_is_missing(number: str) -> None:
    """However large the number, it is shown again, in valid JSON, and is no count."""
    report = probe_fixture(f'[{{"input_tokens": {number}}}]'.encode(), "anthropic", "claude-x").as_json()
    run = report["runs"][0]
    assert "input_tokens" in run["usage"]["missing_fields"]
    assert str(run["raw_usage"]["input_tokens"]) == number
    assert "Infinity" not in json.dumps(report, allow_nan=False)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
COUNTS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"]
usages = st.dictionaries(st.sampled_from([*COUNTS, "cache_supported"]), st.integers(-2, 9) | st.booleans())
routes = st.sampled_from([("anthropic", "claude-x"), ("ollama", "m"), ("auto", "")])


@given(
    st.lists(usages | st.builds(lambda u: {"usage": u}, usages | json_values) | json_values, max_size=6),
    routes,
)
def test_buckets_add_up_to_the_runs(runs: list[Any], route: tuple[str, str]) -> None:
    """Every run is in one bucket and every bucket is counted, whatever the runs are."""
    report = probe(runs, *route)
    assert sum(report["bucket_counts"].values()) == len(report["runs"]) == len(runs)
    assert set(report["bucket_counts"]) == {str(bucket) for bucket in RunClass}
    assert report["dogfood_failure"] == (
        report["verdict"] in ("cache_supported_miss", "provider_field_inconsistent")
    )


@given(st.lists(usages, max_size=4), routes, st.sets(st.sampled_from(COUNTS)))
def test_a_missing_field_never_changes_support(
    runs: list[dict[str, Any]], route: tuple[str, str], gone: set[str]
) -> None:
    """Take any fields away: the support is the table's as before, and no zero read gets another route's bucket."""
    without = [{name: value for name, value in run.items() if name not in gone} for run in runs]
    before, after = probe(runs, *route), probe(without, *route)
    assert before["support"] == after["support"]
    zero = {"cache_supported": "cache_supported_miss", "cache_unsupported": "unsupported_zero"}
    own = zero.get(str(support_of(*route).status), "support_unknown_zero")
    zeros = {"cache_supported_miss", "unsupported_zero", "support_unknown_zero"}
    assert {run["classification"] for run in after["runs"]} & zeros <= {own}
