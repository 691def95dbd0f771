"""The providers' own errors, as their SDKs see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from addon.faults.provider_errors import ERRORS, answer_of, error_in_stream, provider_of
from addon.faults.rules import PROVIDERS, FaultRule, parse_rules

CHAT = "/v1/chat/completions"
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"
CONVERSE = "/model/m/converse"


def rule(kind: str, **values: Any) -> FaultRule:
    """The rule of this kind."""
    (read,) = parse_rules(json.dumps([{"kind": kind, **values}]))
    return read


def answered(kind: str, **values: Any) -> Callable[[httpx2.Request], httpx2.Response]:
    """A transport's handler that answers every request with the fault of this kind."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        target = request.url.raw_path.decode()
        answer = answer_of(rule(kind, **values), request.url.host, target)
        assert answer is not None
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)

    return handle


@pytest.mark.parametrize(
    ("host", "path", "provider"),
    [
        ("api.openai.com", CHAT, "openai"),
        ("my.openai.azure.com", "/openai/deployments/d/chat/completions", "openai"),
        ("api.groq.com", "/openai/v1/chat/completions", "openai"),
        ("api.anthropic.com", "/v1/messages", "anthropic"),
        ("gateway.internal", "/anthropic/v1/messages", "anthropic"),
        ("generativelanguage.googleapis.com", GEMINI, "gemini"),
        ("us-central1-aiplatform.googleapis.com", "/v1/x", "gemini"),
        ("localhost", GEMINI, "gemini"),
        ("bedrock-runtime.us-east-1.amazonaws.com", CONVERSE, "bedrock"),
        ("localhost", "/model/m/invoke-with-response-stream", "bedrock"),
        ("api.cohere.com", "/v2/chat", "cohere"),
        ("gateway.internal", "/v2/chat", "cohere"),
        ("api.mistral.ai", CHAT, "mistral"),
        ("codestral.mistral.ai", "/v1/fim/completions", "mistral"),
    ],
)
def test_whose_error_it_is(host: str, path: str, provider: str) -> None:
    """The host decides, and the path where the host says nothing."""
    assert provider_of(host, path) == provider


def test_every_row_has_a_source_and_a_body() -> None:
    """Each provider has every kind of error that it knows; Mistral has none for filtered content."""
    kinds = {kind for _, kind in ERRORS}
    missing = {(provider, kind) for provider in PROVIDERS for kind in kinds} - set(ERRORS)
    assert missing == {("mistral", "content-filter")}
    assert all(
        row.source and row.body and (row.status == 200 or row.status >= 400) for row in ERRORS.values()
    )


def test_a_provider_without_such_an_error_gives_none() -> None:
    """The request then goes on."""
    assert answer_of(rule("content-filter"), "api.mistral.ai", CHAT) is None
    assert answer_of(rule("content-filter"), "localhost", "/model/m/invoke") is None


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (1, {"retry-after": "1"}),
        (0, {"retry-after": "0"}),
        (0.01, {"retry-after": "1", "retry-after-ms": "10"}),
        (2.5, {"retry-after": "3", "retry-after-ms": "2500"}),
    ],
)
def test_when_to_retry(seconds: float, headers: dict[str, str]) -> None:
    """In whole seconds, and in milliseconds beside them where they are not whole."""
    answer = answer_of(rule("rate-limit", retry_after=seconds), "api.openai.com", CHAT)
    assert answer is not None
    assert {name: value for name, value in answer.headers.items() if name.startswith("retry")} == headers


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("rate-limit", "RateLimitError", "rate_limit_exceeded"),
        ("overloaded", "InternalServerError", None),
        ("server-error", "InternalServerError", None),
        ("authentication", "AuthenticationError", "invalid_api_key"),
        ("context-length", "BadRequestError", "context_length_exceeded"),
        ("content-filter", "BadRequestError", "content_filter"),
        ("gateway-page", "InternalServerError", None),
    ],
)
def test_openai_raises_its_own_exception(kind: str, name: str, code: str | None) -> None:
    """With the code of the body."""
    import openai

    transport = httpx2.MockTransport(answered(kind))
    with (
        openai.OpenAI(api_key="x", max_retries=0, http_client=httpx2.Client(transport=transport)) as client,
        pytest.raises(getattr(openai, name)) as raised,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert type(raised.value).__name__ == name
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("rate-limit", "RateLimitError", 429),
        ("overloaded", "OverloadedError", 529),
        ("server-error", "InternalServerError", 500),
        ("authentication", "AuthenticationError", 401),
        ("context-length", "BadRequestError", 400),
        ("content-filter", "BadRequestError", 400),
    ],
)
def test_anthropic_raises_its_own_exception(kind: str, name: str, status: int) -> None:
    """529 has a class of its own."""
    import anthropic

    transport = httpx2.MockTransport(answered(kind))
    with (
        anthropic.Anthropic(
            api_key="x", max_retries=0, http_client=httpx2.Client(transport=transport)
        ) as client,
        pytest.raises(anthropic.APIStatusError) as raised,
    ):
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    assert (type(raised.value).__name__, raised.value.status_code) == (name, status)
    assert raised.value.request_id == "req_provider_proxy_fault"


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("rate-limit", "ClientError", "RESOURCE_EXHAUSTED"),
        ("overloaded", "ServerError", "UNAVAILABLE"),
        ("server-error", "ServerError", "INTERNAL"),
        ("authentication", "ClientError", "INVALID_ARGUMENT"),
        ("context-length", "ClientError", "INVALID_ARGUMENT"),
    ],
)
def test_google_genai_raises_its_own_exception(kind: str, name: str, status: str) -> None:
    """With Google's name of the status."""
    from google import genai
    from google.genai import errors

    with pytest.raises(getattr(errors, name)) as raised:
        _gemini(genai, kind).models.generate_content(model="gemini-2.5-flash", contents="hi")
    assert raised.value.status == status


def test_google_genai_sees_blocked_content() -> None:
    """It is no HTTP error: the answer has a reason in the place of candidates, streamed too."""
    from google import genai

    client = _gemini(genai, "content-filter")
    whole = client.models.generate_content(model="gemini-2.5-flash", contents="hi")
    (streamed,) = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi")
    for answer in (whole, streamed):
        assert answer.prompt_feedback.block_reason.name == "SAFETY"


def _gemini(genai: Any, kind: str) -> Any:
    client = httpx2.Client(transport=httpx2.MockTransport(answered(kind)))
    return genai.Client(api_key="x", http_options=genai.types.HttpOptions(httpx_client=client))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("rate-limit", "ThrottlingException"),
        ("overloaded", "ServiceUnavailableException"),
        ("server-error", "InternalServerException"),
        ("authentication", "UnrecognizedClientException"),
        ("context-length", "ValidationException"),
    ],
)
def test_botocore_raises_its_own_exception(bedrock: Any, kind: str, name: str) -> None:
    """By the error's name."""
    with pytest.raises(bedrock.exceptions.ClientError) as raised:
        _converse(bedrock, kind)
    assert raised.value.response["Error"]["Code"] == name
    if name in ("ThrottlingException", "ValidationException"):
        assert isinstance(raised.value, getattr(bedrock.exceptions, name))


def test_botocore_sees_filtered_content(bedrock: Any) -> None:
    """As the reason why a conversation stopped, streamed too."""
    assert _converse(bedrock, "content-filter")["stopReason"] == "content_filtered"
    events = list(_converse(bedrock, "content-filter", streamed=True)["stream"])
    assert events[1] == {"messageStop": {"stopReason": "content_filtered"}}


@pytest.fixture(scope="module")
def bedrock() -> Any:
    """A client that retries nothing."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _converse(client: Any, kind: str, *, streamed: bool = False) -> Any:
    from botocore.awsrequest import AWSResponse

    class Raw:
        def __init__(self, body: bytes) -> None:
            self.body = body

        def stream(self, *_: Any, **__: Any) -> Any:
            yield self.body

        def close(self) -> None:
            """Nothing is open."""

    def before_send(request: Any, **_: Any) -> Any:
        host, _, target = request.url.partition("://")[2].partition("/")
        answer = answer_of(rule(kind), host, f"/{target}")
        assert answer is not None
        return AWSResponse(request.url, answer.status, answer.headers, Raw(answer.body))

    event = "before-send.bedrock-runtime"
    client.meta.events.register(event, before_send, unique_id="fault")
    try:
        call = client.converse_stream if streamed else client.converse
        result = call(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}])
    finally:
        client.meta.events.unregister(event, unique_id="fault")
    return result


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("rate-limit", "TooManyRequestsError"),
        ("overloaded", "ServiceUnavailableError"),
        ("server-error", "InternalServerError"),
        ("authentication", "UnauthorizedError"),
        ("context-length", "BadRequestError"),
        ("content-filter", "InvalidTokenError"),
    ],
)
def test_cohere_raises_its_own_exception(kind: str, name: str) -> None:
    """By the status."""
    import cohere
    import httpx

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answer_of(rule(kind), request.url.host, request.url.raw_path.decode())
        assert answer is not None
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    client = cohere.ClientV2("x", httpx_client=httpx.Client(transport=httpx.MockTransport(handle)))
    with pytest.raises(getattr(cohere.errors, name)):
        client.chat(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            request_options={"max_retries": 0},
        )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("rate-limit", 429),
        ("overloaded", 503),
        ("server-error", 500),
        ("authentication", 401),
        ("context-length", 400),
    ],
)
def test_mistralai_raises_its_own_exception(kind: str, status: int) -> None:
    """It has one for every status."""
    from mistralai.client import Mistral
    from mistralai.client.errors import SDKError

    client = Mistral(api_key="x", client=httpx2.Client(transport=httpx2.MockTransport(answered(kind))))
    with pytest.raises(SDKError) as raised:
        client.chat.complete(model="m", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.status_code == status


@pytest.mark.parametrize(
    ("host", "path", "start"),
    [
        ("api.openai.com", CHAT, 'data: {"error": {"message": "The server had an error'),
        (
            "api.openai.com",
            "/v1/responses",
            'event: error\ndata: {"type": "error", "sequence_number": 1, "error"',
        ),
        (
            "api.anthropic.com",
            "/v1/messages",
            'event: error\ndata: {"type": "error", "error": {"type": "overloaded',
        ),
        ("generativelanguage.googleapis.com", GEMINI, 'data: {"error": {"code": 500'),
        (
            "api.cohere.com",
            "/v2/chat",
            'event: message-end\ndata: {"type": "message-end", "delta": {"finish_reason"',
        ),
        ("api.mistral.ai", CHAT, 'data: {"object": "error"'),
        ("bedrock-mantle.us-east-1.api.aws", CHAT, 'data: {"error"'),
    ],
)
def test_errors_in_streams_of_events(host: str, path: str, start: str) -> None:
    """Each provider's form, as a whole event."""
    sent = error_in_stream(rule("stream-error"), host, path, "text/event-stream").decode()
    assert sent.startswith(start)
    assert sent.endswith("}\n\n")


def test_errors_in_streams_of_lines_and_frames() -> None:
    """A line of JSON, and a frame that botocore raises (its test is in test_event_frames)."""
    line = error_in_stream(rule("stream-error"), "localhost", "/api/chat", "application/x-ndjson")
    assert json.loads(line)["error"]["type"] == "server_error"
    framed = error_in_stream(rule("stream-error"), "h", CONVERSE, "application/vnd.amazon.eventstream")
    assert b"modelStreamErrorException" in framed
