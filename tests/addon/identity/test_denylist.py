"""What is left out of the identity, name by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from addon.identity.denylist import HEADERS, QUERY, QUERY_BESIDE_SIG, Verdict, header_verdict, query_verdict
from addon.redaction.credential_places import Place

REQUESTS = Path(__file__).parents[2] / "requests"

# Every header name of tests/requests, and those of Claude Code, Codex, Gemini CLI, tracers and Vertex that were seen.
CLASSIFIED = {
    Verdict.OUT: """
        accept-encoding connection content-length cookie host user-agent sec-fetch-mode keep-alive transfer-encoding te
        proxy-connection proxy-authorization expect upgrade
        amz-sdk-invocation-id amz-sdk-request x-amz-date x-amz-content-sha256 x-amzn-trace-id
        client-request-id x-ms-client-request-id x-client-request-id x-request-id request-id idempotency-key
        x-client-current-telemetry x-client-last-telemetry x-client-os x-client-sku x-client-ver x-ms-lib-capability
        x-fern-language x-fern-platform x-fern-runtime x-fern-sdk-name x-fern-sdk-version
        x-goog-api-client x-hf-download-counter request-source
        x-stainless-arch x-stainless-async x-stainless-helper-method x-stainless-lang x-stainless-os
        x-stainless-package-version x-stainless-raw-response x-stainless-read-timeout x-stainless-retry-count
        x-stainless-runtime x-stainless-runtime-version x-stainless-stream-helper x-stainless-timeout
        traceparent tracestate baggage sentry-trace x-datadog-trace-id x-datadog-parent-id
        x-claude-code-session-id session-id session_id thread-id x-codex-window-id x-codex-turn-metadata
        x-gemini-api-privileged-user-id x-provider-proxy-mode
        """,
    Verdict.CREDENTIAL: """
        authorization api-key x-api-key x-goog-api-key x-amz-security-token x-aws-ec2-metadata-token
        """,
    Verdict.SELECTOR: "openai-organization openai-project chatgpt-account-id x-goog-user-project",
    Verdict.SET: "anthropic-beta openai-beta",
    Verdict.CLEAR: """
        accept accept-language anthropic-version content-type content-encoding range originator x-app
        x-amzn-bedrock-guardrailidentifier x-amzn-bedrock-trace x-amzn-bedrock-performanceconfig-latency
        x-goog-upload-command x-goog-upload-offset x-goog-upload-protocol x-goog-upload-header-content-length
        x-goog-upload-header-content-type
        """,
    Verdict.HASHED: "x-aws-ec2-metadata-token-ttl-seconds x-gateway-route x-vendor-token x-model",
}
EXPECTED = {name: verdict for verdict, names in CLASSIFIED.items() for name in names.split()}


def seen_names() -> set[str]:
    """The header names of all sample requests."""
    heads = [path.read_bytes().partition(b"\r\n\r\n")[0] for path in REQUESTS.glob("*.http")]
    return {line.partition(b":")[0].decode().lower() for head in heads for line in head.split(b"\r\n")[1:]}


@pytest.mark.parametrize(("name", "verdict"), EXPECTED.items())
def test_every_name_that_was_seen(name: str, verdict: Verdict) -> None:
    """Each header name that clients were seen to send is classified as it should be, in any case."""
    assert header_verdict(name.encode()) == (verdict, name.encode())
    assert header_verdict(name.title().encode()) == (verdict, name.encode())


def test_no_sample_has_another_name() -> None:
    """The table covers every header of the sample requests, and at least as many names as were counted (86)."""
    assert seen_names() - EXPECTED.keys() == set()
    assert len(EXPECTED) >= 86


def examples(place: Place) -> list[str]:
    """Names that a pattern stands for."""
    return (
        [place.pattern.replace("*", part) for part in ("abc", "other-thing")]
        if "*" in place.pattern
        else [place.pattern]
    )


LEFT_OUT = [(v, place) for v, places in HEADERS for place in places if v in (Verdict.OUT, Verdict.CREDENTIAL)]


@pytest.mark.parametrize(("verdict", "place"), LEFT_OUT, ids=lambda value: getattr(value, "pattern", None))
def test_a_header_that_is_left_out_changes_no_key(
    verdict: Verdict, place: Place, key: Callable[..., str]
) -> None:
    """With it, with another value, or without it: one key (a credential is there in any case)."""
    for name in examples(place):
        keys = {key({"model": "m"}, {name: value}) for value in ("one-value", "another")}
        assert keys == {key({"model": "m"})}, name


# `content-encoding` is in only where it cannot be undone: test_body_form.
LEFT_IN = [
    place
    for verdict, places in HEADERS
    if verdict not in (Verdict.OUT, Verdict.CREDENTIAL)
    for place in places
    if place.pattern != "content-encoding"
]


@pytest.mark.parametrize("place", LEFT_IN, ids=lambda place: place.pattern)
def test_a_header_that_is_in_changes_the_key(place: Place, key: Callable[..., str]) -> None:
    """Absent, one value and another are three keys."""
    for name in examples(place):
        values = ("text/one", "text/another")
        keys = {key({"model": "m"}, {name: value}) for value in values} | {key({"model": "m"})}
        assert len(keys) == 3, name


def test_every_row_has_a_reason_and_fits_its_verdict() -> None:
    """No row is dead: each has a reason, and decides for the names it stands for."""
    for verdict, places in HEADERS:
        for place in places:
            assert place.reason
            assert place.pattern == place.pattern.lower()
            for name in examples(place):
                assert header_verdict(name.encode())[0] is verdict, place


def test_an_unknown_header_is_in(key: Callable[..., str]) -> None:
    """Unknown means in, whatever its name or value; its repeats count."""
    keys = {
        key({"model": "m"}, list(headers))
        for headers in ([], [("x-new", "a")], [("x-new", "b")], [("x-new", "a"), ("x-new", "a")], [("y-new", "a")],
                        [("x-" + "n" * 300, "a")], [("x-new", "a"), ("x-new", "b")], [("x-new", "b"), ("x-new", "a")])
    }  # fmt: skip
    assert len(keys) == 8


@pytest.mark.parametrize("place", QUERY, ids=lambda place: place.pattern)
def test_query_credentials_are_out(place: Place, key: Callable[..., str]) -> None:
    """A credential in the query shows as nothing but that one was sent, in either place."""
    for name in examples(place):
        keys = {key(headers=headers, target=f"/v1/x?{name}{value}&alt=sse")
                for headers, value in (([], "=one"), ([], "=two"), ([("x-api-key", "k")], "="))}  # fmt: skip
        assert len(keys) == 1
        assert keys != {key(headers=[], target="/v1/x?alt=sse")}
        assert keys == {key(headers=[("authorization", "Bearer t")], target="/v1/x?alt=sse")}


def test_the_rest_of_a_shared_access_signature_is_out_beside_it_only(key: Callable[..., str]) -> None:
    """Times and permissions of an Azure SAS are out where `sig` is there, and in where they stand alone."""
    signed = {key(target=f"/x?sig=s&se={time}&sp=r") for time in ("2026", "2027")}
    assert len(signed) == 1
    assert key(target="/x?sig=&se=2026") != key(target="/x?sig=&se=2027")
    for name in QUERY_BESIDE_SIG:
        assert key(target=f"/x?{name}=1") != key(target=f"/x?{name}=2")


@pytest.mark.parametrize("name", ["pageToken", "token", "x-session-token", "password"])
def test_query_parameters_that_look_like_credentials_are_hashed(name: str, key: Callable[..., str]) -> None:
    """They may page or route: in, without their value."""
    assert query_verdict(name) is Verdict.HASHED
    assert len({key(target=f"/x?{name}=one"), key(target=f"/x?{name}=two"), key(target="/x")}) == 3


@pytest.mark.parametrize(
    "name", ["alt", "api-version", "model", "limit", "after", "max_tokens", "include[]", "beta"]
)
def test_other_query_parameters_are_in_clear(name: str) -> None:
    """Ordinary parameters are readable."""
    assert query_verdict(name) is Verdict.CLEAR
