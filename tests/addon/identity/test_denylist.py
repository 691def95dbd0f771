"""The names that are left out of the identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from addon.identity.denylist import HEADERS, Verdict, header_verdict, query_verdict
from addon.identity.families import FAMILIES, PROVIDER_HEADERS, QUERY_BESIDE_SIG, family_of
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
        x-claude-code-prompt-id x-claude-code-prev-tool-durations x-session-affinity x-irid x-litellm-trace-id
        x-portkey-trace-id langfuse-trace-id conversation_id
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
    """Each header name that clients were seen to send to providers is classified as it should be, in any case."""
    assert header_verdict(name.encode(), is_provider=True) == (verdict, name.encode())
    assert header_verdict(name.title().encode(), is_provider=True) == (verdict, name.encode())


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


GATEWAY = "llm.corp.example"
LEFT_OUT = [place for v, places in HEADERS for place in places if v in (Verdict.OUT, Verdict.CREDENTIAL)]


@pytest.mark.parametrize("host", ["api.openai.com", GATEWAY])
@pytest.mark.parametrize("place", LEFT_OUT, ids=lambda place: place.pattern)
def test_a_header_that_is_left_out_changes_no_key(place: Place, host: str, key: Callable[..., str]) -> None:
    """With it, with another value, or without it there is one key on every host (a credential is always sent)."""
    for name in examples(place):
        keys = {key({"model": "m"}, {name: value}, host=host) for value in ("one-value", "another")}
        assert keys == {key({"model": "m"}, host=host)}, name


@pytest.mark.parametrize("place", PROVIDER_HEADERS, ids=lambda place: place.pattern)
def test_a_header_of_the_providers_counts_elsewhere(place: Place, key: Callable[..., str]) -> None:
    """Cookies and ids of sessions and calls are left out for providers, and count on any other host."""
    for name in examples(place):
        assert key({}, {name: "one"}) == key({}, {name: "two"}) == key({}), name
        elsewhere = {key({}, headers, host=GATEWAY) for headers in ({name: "one"}, {name: "two"}, {})}
        assert len(elsewhere) == (1 if name in ALWAYS_OUT else 3), name


# Of the names above these are left out on every host.
ALWAYS_OUT = frozenset({"x-request-id"})


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
    """Each row has a reason and decides for the names that it matches."""
    for verdict, places in HEADERS:
        for place in places:
            assert place.reason
            assert place.pattern == place.pattern.lower()
            for name in examples(place):
                assert header_verdict(name.encode(), is_provider=False)[0] is verdict, place
    for place in PROVIDER_HEADERS:
        assert place.reason
        assert header_verdict(place.pattern.replace("*", "abc").encode(), is_provider=True)[0] is Verdict.OUT


def test_an_unknown_header_is_in(key: Callable[..., str]) -> None:
    """An unknown header is in the identity, whatever its name or value, and its repeats count."""
    keys = {
        key({"model": "m"}, list(headers))
        for headers in ([], [("x-new", "a")], [("x-new", "b")], [("x-new", "a"), ("x-new", "a")], [("y-new", "a")],
                        [("x-" + "n" * 300, "a")], [("x-new", "a"), ("x-new", "b")], [("x-new", "b"), ("x-new", "a")])
    }  # fmt: skip
    assert len(keys) == 8


QUERY = [(family.hosts[0].replace("*", "x"), place) for family in FAMILIES for place in family.query]


@pytest.mark.parametrize(("host", "place"), QUERY, ids=lambda value: getattr(value, "pattern", value))
def test_a_credential_in_the_query_of_its_provider_is_left_out(
    host: str, place: Place, key: Callable[..., str]
) -> None:
    """For its provider, only the fact that a credential was sent counts, in either place."""
    for name in examples(place):
        keys = {key(headers=headers, target=f"/v1/x?{name}{value}&alt=sse", host=host)
                for headers, value in (([], "=one"), ([], "=two"), ([("x-api-key", "k")], "="))}  # fmt: skip
        assert len(keys) == 1
        assert keys != {key(headers=[], target="/v1/x?alt=sse", host=host)}
        assert keys == {key(headers=[("authorization", "Bearer t")], target="/v1/x?alt=sse", host=host)}


@pytest.mark.parametrize("host", [GATEWAY, "127.0.0.1"])
@pytest.mark.parametrize(
    "name", ["key", "signature", "sig", "access_token", "api-key", "upload_id", "code", "x-amz-signature"]
)
def test_a_credential_in_the_query_of_another_host_is_hashed(
    name: str, host: str, key: Callable[..., str]
) -> None:
    """Two values are two requests, and neither value is saved."""
    assert query_verdict(name, family_of(host)) is Verdict.HASHED
    targets = (f"/v1/x?{name}=one", f"/v1/x?{name}=two", "/v1/x")
    assert len({key(headers=[], target=target, host=host) for target in targets}) == 3


def test_the_rest_of_a_shared_access_signature_is_out_beside_it_only(key: Callable[..., str]) -> None:
    """Times and permissions of an Azure SAS are out if `sig` is there, and in if they stand alone or elsewhere."""
    azure = "x.blob.core.windows.net"
    assert key(target="/x?sig=s&se=2026&sp=r", host=azure) == key(target="/x?sig=s&se=2027&sp=r", host=azure)
    assert key(target="/x?sig=&se=2026", host=azure) != key(target="/x?sig=&se=2027", host=azure)
    assert key(target="/x?sig=s&se=2026") != key(target="/x?sig=s&se=2027")
    for name in QUERY_BESIDE_SIG:
        assert key(target=f"/x?{name}=1", host=azure) != key(target=f"/x?{name}=2", host=azure)


@pytest.mark.parametrize("name", ["pageToken", "token", "x-session-token", "password"])
def test_query_parameters_that_look_like_credentials_are_hashed(name: str, key: Callable[..., str]) -> None:
    """Such a parameter may page or route, so it is in the identity as a hash."""
    assert query_verdict(name, None) is Verdict.HASHED
    assert len({key(target=f"/x?{name}=one"), key(target=f"/x?{name}=two"), key(target="/x")}) == 3


@pytest.mark.parametrize(
    "name", ["alt", "api-version", "model", "limit", "after", "max_tokens", "include[]", "beta"]
)
def test_other_query_parameters_are_in_clear(name: str) -> None:
    """Ordinary parameters are readable."""
    assert query_verdict(name, None) is Verdict.CLEAR


OPENAI, AZURE, GEMINI = "api.openai.com", "x.openai.azure.com", "generativelanguage.googleapis.com"


@pytest.mark.parametrize("name", ["prompt_cache_key", "safety_identifier"])
def test_members_that_only_route_are_left_out_for_their_provider(name: str, key: Callable[..., str]) -> None:
    """A text under such a name changes no key at the top level for OpenAI and Azure; elsewhere it counts."""
    for host in (OPENAI, AZURE):
        assert (
            key({"a": 1, name: "x"}, host=host)
            == key({"a": 1, name: "y"}, host=host)
            == key({"a": 1}, host=host)
        )
        assert len({key({"a": {name: value}}, host=host) for value in "xy"}) == 2
        assert key({name: {"b": 1}}, host=host) != key({}, host=host)
    for host in (GATEWAY, GEMINI, "api.anthropic.com"):
        assert len({key({name: "x"}, host=host), key({name: "y"}, host=host), key({}, host=host)}) == 3


@pytest.mark.parametrize(
    ("host", "path", "is_default"),
    [
        (OPENAI, "/v1/chat/completions", True), (OPENAI, "/v1/responses", True), (OPENAI, "/v1/completions", True),
        (OPENAI, "/v1/other", False), (OPENAI, "/v1/responses/x", False), (GATEWAY, "/v1/chat/completions", False),
        (AZURE, "/openai/deployments/gpt-4o/chat/completions", True), ("api.anthropic.com", "/v1/messages", True),
        ("api.mistral.ai", "/v1/chat/completions", True), ("api.cohere.com", "/v2/chat", True),
        ("localhost", "/api/chat", False), ("openrouter.ai", "/api/v1/chat/completions", False),
    ],
)  # fmt: skip
def test_stream_false_is_the_documented_default(
    host: str, path: str, is_default: bool, key: Callable[..., str]
) -> None:
    """An explicit `false` equals its absence where the documentation says so; `true`, `null` and 0 never do."""
    absent = key({"model": "m"}, target=path, host=host)
    assert (key({"model": "m", "stream": False}, target=path, host=host) == absent) is is_default
    others = {
        key({"model": "m", "stream": value}, target=path, host=host) for value in (True, None, 0, "false")
    }
    assert len(others | {absent}) == 5


def test_cache_markers_count_where_they_stand_on_other_hosts(key: Callable[..., str]) -> None:
    """Moving a `cache_control` marker changes nothing for a provider, and makes another request elsewhere."""
    one = {"system": [{"text": "a", "cache_control": {"type": "ephemeral"}}], "tools": [{"name": "f"}]}
    other = {"system": [{"text": "a"}], "tools": [{"name": "f", "cache_control": {"type": "ephemeral"}}]}
    assert key(one) == key(other)
    assert key(one, host=GATEWAY) != key(other, host=GATEWAY)


def _file(name: str, content: bytes) -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--B--\r\n"


MULTIPART = {"content-type": "multipart/form-data; boundary=B"}
PAIRS = {
    "key": ({"target": "/x?key=1"}, {"target": "/x?key=2"}),
    "signature": ({"target": "/x?signature=1"}, {"target": "/x?signature=2"}),
    "code": ({"target": "/x?code=1"}, {"target": "/x?code=2"}),
    "cookie": ({"headers": {"cookie": "user=1"}}, {"headers": {"cookie": "user=2"}}),
    "mcp-session-id": ({"headers": {"mcp-session-id": "1"}}, {"headers": {"mcp-session-id": "2"}}),
    "session_id": ({"headers": {"session_id": "1"}}, {"headers": {"session_id": "2"}}),
    "password": ({"body": {"password": "1"}}, {"body": {"password": "2"}}),
    "secret": ({"body": {"secret": "1"}}, {"body": {"secret": "2"}}),
    "form": ({"body": b"secret=1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
             {"body": b"secret=2", "headers": {"content-type": "application/x-www-form-urlencoded"}}),
    "text file": ({"body": _file("secret", b"1"), "headers": MULTIPART}, {"body": _file("secret", b"2"), "headers": MULTIPART}),
    "binary file": ({"body": _file("secret", b"\xff1"), "headers": MULTIPART},
                    {"body": _file("secret", b"\xff2"), "headers": MULTIPART}),
    "long file": ({"body": _file("secret", b"1" * 70_000), "headers": MULTIPART},
                  {"body": _file("secret", b"1" * 69_999 + b"2"), "headers": MULTIPART}),
}  # fmt: skip


@pytest.mark.parametrize("host", ["127.0.0.1", GATEWAY])
@pytest.mark.parametrize("name", PAIRS)
def test_what_may_decide_the_answer_of_another_host_counts(
    name: str, host: str, key: Callable[..., str]
) -> None:
    """Another host may answer by anything, even by a credential or a session id."""
    one, other = PAIRS[name]
    assert key(**one, host=host) != key(**other, host=host)
