"""Reports over recorded answers: routes, repeats of a prefix, and each provider's own shape of a healthy cache."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_store.conformance import NoSuchRoute, probe_entries
from cache_store.conformance.requests import ask_of
from cache_store.entry import Entry
from tests.cache_store.conformance import provider_answers as shaped
from tests.cache_store.conformance.recorded import (
    BEDROCK_MODEL,
    HOSTS,
    anthropic_entry,
    converse_entry,
    entry,
    gemini_entry,
    invoke_entry,
    messages,
    openai_entry,
    replace_host,
    replace_model,
    responses_entry,
)

PROVIDERS = [
    (anthropic_entry, "anthropic", "claude-sonnet-4-6"),
    (openai_entry, "openai", "gpt-4o-mini"),
    (responses_entry, "openai", "gpt-4o-mini"),
    (gemini_entry, "gemini", "gemini-2.5-flash"),
    (converse_entry, "bedrock", BEDROCK_MODEL),
    (invoke_entry, "bedrock", BEDROCK_MODEL),
]


@pytest.mark.parametrize("streamed", [(False, False), (True, True), (False, True)], ids=str)
@pytest.mark.parametrize(("make", "provider", "model"), PROVIDERS)
def test_a_healthy_warm_route_is_effective(
    make: Any, provider: str, model: str, streamed: tuple[bool, bool]
) -> None:
    """A cold run and a warm one of the same prefix, streamed or not, prove the provider's cache."""
    entries = [make("second?", 3800, 2.0, streamed[1]), make("first?", 0, 1.0, streamed[0])]
    report = probe_entries(entries, provider, model)
    assert report.verdict == "cache_effective"
    assert [run.bucket for run in report.runs] == ["cache_supported_miss", "cache_effective"]
    assert [run.usage.input_tokens for run in report.runs] == [3840, 3840]
    assert [run.usage.fresh_input_tokens for run in report.runs][1] == 40
    shas = {(run.observed.request or {})["prefix_sha256"] for run in report.runs}
    assert len(shas) == 1
    assert report.runs[0].observed.elapsed_ms == 1500


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("make", "provider", "model"), PROVIDERS)
def test_a_route_that_never_reads_fails(make: Any, provider: str, model: str, streamed: bool) -> None:
    """Two runs of one prefix of a route that should cache, and no read: a failure, not an inconsistency."""
    report = probe_entries([make("a", 0, 1.0, streamed), make("b", 0, 2.0, streamed)], provider, model)
    assert (report.verdict, report.failed) == ("cache_supported_miss", True)


@pytest.mark.parametrize(("make", "provider", "model"), PROVIDERS)
def test_what_is_not_named_is_filled_in_from_a_single_route(make: Any, provider: str, model: str) -> None:
    """With one route recorded neither provider nor model need naming; `auto` is as good as blank."""
    entries = [make("a", 0, 1.0), make("b", 3800, 2.0)]
    for arguments in (("", ""), ("auto", " "), (provider, ""), ("", model.upper())):
        report = probe_entries(entries, *arguments)
        assert (report.provider, report.model.lower()) == (provider, model.lower())
        assert report.verdict == "cache_effective"


def test_a_raw_anthropic_answer_keeps_its_raw_usage() -> None:
    """The conversion to an inclusive input is the report's; the raw usage stays as the provider wrote it."""
    run = probe_entries([anthropic_entry("a", 3800, 1.0)], "anthropic", "claude-sonnet-4-6").runs[0].as_json()
    assert run["raw_usage"]["input_tokens"] == 40
    assert run["usage"]["input_tokens"] == 3840
    assert run["input_basis"] == "fresh"


def test_different_prefixes_are_not_repeats() -> None:
    """Other system texts, tools or earlier messages make another prefix, so nothing was repeated."""
    turn = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    entries = [
        anthropic_entry("a", 0, 1.0),
        anthropic_entry("a", 0, 2.0, system="other"),
        anthropic_entry("a", 0, 3.0, tools=[{"name": "t"}]),
        anthropic_entry("a", 0, 4.0, messages=turn),
    ]
    report = probe_entries(entries, "anthropic", "claude-sonnet-4-6")
    assert report.verdict == "insufficient_runs"
    assert [run.observed.index for run in report.runs] == [0, 0, 0, 0]


def test_other_parameters_and_the_last_message_are_no_part_of_the_prefix() -> None:
    """A temperature, streaming or another question leave the prefix as it is."""
    entries = [openai_entry("a", 0, 1.0), openai_entry("b", 3800, 2.0, True, temperature=1, stream=True)]
    assert probe_entries(entries, "openai", "gpt-4o-mini").verdict == "cache_effective"


def test_groups_come_in_the_order_of_recording() -> None:
    """Runs are in order of recording, those of one prefix together, and their indices count the repeats."""
    entries = [
        anthropic_entry("d", 0, 4.0, system="other"),
        anthropic_entry("c", 3800, 3.0),
        anthropic_entry("b", 0, 2.0, system="other"),
        anthropic_entry("a", 0, 1.0),
    ]
    report = probe_entries(entries, "anthropic", "claude-sonnet-4-6")
    assert [(run.observed.index, run.usage.cache_read_tokens) for run in report.runs] == [
        (0, 0),
        (1, 3800),
        (0, 0),
        (1, 0),
    ]


def test_a_time_that_is_no_number_leaves_the_order_of_the_others() -> None:
    """A recording time that cannot be compared counts as the oldest."""
    entries = [openai_entry("a", 2, 2.0), openai_entry("b", 0, float("nan")), openai_entry("c", 1, 1.0)]
    report = probe_entries(entries, "openai", "gpt-4o-mini")
    assert [run.usage.cache_read_tokens for run in report.runs] == [0, 1, 2]


def test_without_saved_requests_nothing_counts_as_a_repeat() -> None:
    """A prefix that is not known is not equal to another: two such runs prove nothing."""
    entries = [replace(anthropic_entry(q, 0, at), request_json=b"{}") for q, at in (("a", 1.0), ("b", 2.0))]
    report = probe_entries(entries, "anthropic", "claude-sonnet-4-6")
    assert (report.verdict, len(report.runs)) == ("insufficient_runs", 2)
    assert "request" not in report.runs[0].as_json()


def test_only_answers_of_a_model_count() -> None:
    """Token counts, embeddings, expected errors and other routes are no runs."""
    count = shaped.SSE, b'{"input_tokens": 9}'
    body = messages("a", model="claude-sonnet-4-6")
    entries = [
        anthropic_entry("a", 0, 1.0),
        replace(anthropic_entry("a", 0, 2.0), status=400),
        entry(HOSTS["anthropic"], "/v1/messages/count_tokens", body, count, 3.0),
        entry(HOSTS["anthropic"], "/v1/messages/batches", body, count, 4.0),
        anthropic_entry("b", 0, 5.0),
        openai_entry("a", 0, 6.0),
    ]
    report = probe_entries(entries, "anthropic", "claude-sonnet-4-6")
    assert len(report.runs) == 2


def test_an_answer_without_usage_is_a_run_without_prompt_tokens() -> None:
    """An OpenAI stream without include_usage says nothing: that is an observation, not a miss."""
    silent = replace(openai_entry("a", 0, 1.0), body=b'{"choices": []}')
    report = probe_entries([silent], "openai", "gpt-4o-mini")
    assert report.verdict == "no_prompt_tokens"
    assert report.runs[0].as_json()["usage"]["missing_fields"] == ["usage"]
    assert report.runs[0].as_json()["raw_usage"] is None


def test_an_unknown_host_is_whoever_the_command_line_says() -> None:
    """A gateway's or a local server's entries are taken for the provider named, and never mixed with its own."""
    gateway = [
        replace_host(anthropic_entry(q, r, at), "gateway.example:8443")
        for q, r, at in (("a", 0, 1.0), ("b", 3800, 2.0))
    ]
    report = probe_entries(gateway, "anthropic", "claude-sonnet-4-6")
    assert (report.verdict, report.support.status) == ("cache_effective", "cache_supported")
    own = [anthropic_entry("a", 0, 1.0)]
    assert len(probe_entries([*gateway, *own], "anthropic", "claude-sonnet-4-6").runs) == 1
    assert len(probe_entries([*gateway, *own], "gateway.example", "claude-sonnet-4-6").runs) == 2
    others = [replace_model(own[0], "claude-opus-5")]
    assert len(probe_entries([*gateway, *others], "anthropic", "claude-sonnet-4-6").runs) == 2
    with pytest.raises(NoSuchRoute, match="more than one route"):
        probe_entries([*gateway, *own], "", "claude-sonnet-4-6")


def test_an_unknown_host_without_a_provider_is_of_unknown_support() -> None:
    """Nobody said whose host it is, so a zero read is inconclusive, and the wire format still tells the basis."""
    local = [replace_host(anthropic_entry(q, 0, at), "127.0.0.1") for q, at in (("a", 1.0), ("b", 2.0))]
    report = probe_entries(local)
    assert (report.verdict, report.support.status) == ("support_unknown_zero", "cache_support_unknown")
    assert report.runs[0].usage.input_tokens == 3840


def test_fireworks_counts_its_reads_in_a_header() -> None:
    """A read that only the header tells counts; one in the usage goes before it."""

    def fireworks(usage: dict[str, Any], header: bytes, at: float) -> Entry:
        made = entry(
            "api.fireworks.ai",
            "/inference/v1/chat/completions",
            {
                "model": "accounts/fireworks/models/glm-5p1",
                "messages": [{"role": "user", "content": str(at)}],
            },
            shaped.openai("glm", usage, False),
            at,
        )
        return replace(made, headers=(*made.headers, (b"Fireworks-Cached-Prompt-Tokens", header)))

    counts = {"prompt_tokens": 3000, "completion_tokens": 2}
    detailed = counts | {"prompt_tokens_details": {"cached_tokens": 7}}
    entries = [
        fireworks(counts, b"0", 1.0),
        fireworks(counts, b"2048", 2.0),
        fireworks(detailed, b"2048", 3.0),
    ]
    entries.append(fireworks(counts, b"many", 4.0))
    report = probe_entries(entries, "fireworks", "accounts/fireworks/models/glm-5p1")
    assert [run.usage.cache_read_tokens for run in report.runs] == [0, 2048, 7, 0]
    assert report.runs[1].observed.raw_usage == counts
    assert "cache_read_tokens" in report.runs[3].usage.missing_fields


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("anthropic", "claude-opus-5"),
            "no recorded entry belongs to the route anthropic claude-opus-5; recorded: ",
        ),
        (("mistral", ""), r"no recorded entry belongs to the route mistral \(any model\)"),
        (
            ("", ""),
            "more than one route is recorded, name PROVIDER and --model; recorded: anthropic claude-sonnet-4-6",
        ),
        (("", "gpt-4o-mini"), None),
    ],
)
def test_a_route_that_is_not_there_is_an_error_that_names_those_that_are(
    arguments: tuple[str, str], words: str | None
) -> None:
    """The error lists what is recorded, so that the next call can be right."""
    entries = [anthropic_entry("a", 0, 1.0), openai_entry("b", 0, 2.0)]
    if words is None:
        assert probe_entries(entries, *arguments).provider == "openai"
        return
    with pytest.raises(NoSuchRoute, match=words):
        probe_entries(entries, *arguments)


def test_an_empty_store_says_so() -> None:
    """Without any entry the error says that nothing is recorded."""
    with pytest.raises(NoSuchRoute, match="answer is recorded here"):
        probe_entries([], "anthropic", "m")


def test_the_list_of_routes_is_short_and_printable() -> None:
    """Many routes, and names with control codes, make one readable line."""
    entries = [replace_model(anthropic_entry("a", 0, float(n)), f"m{n:02}\x1b[31m\n") for n in range(20)]
    with pytest.raises(NoSuchRoute) as caught:
        probe_entries(entries)
    assert str(caught.value).isprintable()
    assert "and 12 more" in str(caught.value)


def test_the_answer_names_the_model_where_the_request_does_not() -> None:
    """Without a saved request or a label, the answer's own name is the route's."""
    one = replace(anthropic_entry("a", 0, 1.0), request_json=b"{}")
    one = replace(one, label={name: value for name, value in one.label.items() if name != "model"})
    assert probe_entries([one], "anthropic").model == "claude-sonnet-4-6"


saved = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["body", "kind", "value", "messages", "model", "path", "host"]), inner
        )
    ),
    max_leaves=8,
)


@given(saved | st.binary(max_size=30), st.floats(), st.floats())
@settings(max_examples=200)
def test_no_entry_breaks_the_probe(request: Any, at: float, elapsed: float) -> None:
    """Saved requests from elsewhere, and times that are no times, are read or passed over."""
    data = request if isinstance(request, bytes) else json.dumps(request).encode()
    one = replace(anthropic_entry("a", 0, 1.0), request_json=data, recorded_at=at, elapsed=elapsed)
    ask_of(one)
    try:
        report = probe_entries([one, one])
    except NoSuchRoute:
        return
    assert sum(report.bucket_counts.values()) == 2
