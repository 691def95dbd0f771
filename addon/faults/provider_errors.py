"""The providers' own errors: status, headers and body, each with the source that it was taken from.

The bodies are taken from the providers' documentation, from their SDKs' sources, or from reports that quote an
answer. Ids are our own and say so, as the answer's `cache-status` header does.
"""

from __future__ import annotations

import fnmatch
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from addon.faults.event_frames import frame
from addon.faults.rules import FaultRule, Kind

__all__ = ["Answer", "answer_of", "error_in_stream", "provider_of"]

_ID = "req_provider_proxy_fault"
_JSON = "application/json"
_SSE = "text/event-stream"
_FRAMES = "application/vnd.amazon.eventstream"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` are by lower-case name, without content-length."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ProviderError:
    """One provider's error of one kind, and where it is stated."""

    status: int
    body: Mapping[str, Any]
    source: str
    headers: Mapping[str, str] = field(default_factory=dict)


# -- whose error --------------------------------------------------------------

# Hosts as in addon/settings/hosts.py. Every other host speaks OpenAI's API, unless the path says otherwise.
_HOSTS = (
    ("anthropic", ("api.anthropic.com", "aws-external-anthropic.*.api.aws", "claude.googleapis.com")),
    (
        "gemini",
        (
            "generativelanguage.googleapis.com",
            "*aiplatform.googleapis.com",
            "aiplatform.*.rep.googleapis.com",
        ),
    ),
    ("bedrock", ("bedrock-runtime*.amazonaws.com", "bedrock-runtime.*.api.aws")),
    ("cohere", ("api.cohere.com", "api.cohere.ai")),
    ("mistral", ("api.mistral.ai", "api.*.mistral.ai", "codestral.mistral.ai")),
)
_PATHS = (
    ("anthropic", re.compile(r"/v1/messages(?:/|$)")),
    ("gemini", re.compile(r"/models/[^/]+:[A-Za-z]+$")),
    ("bedrock", re.compile(r"/model/[^/]+/(?:converse|invoke)")),
    ("cohere", re.compile(r"/v2/(?:chat|embed|rerank)$")),
)


def provider_of(host: str, path: str) -> str:
    """The provider whose errors clients of this host and path understand; OpenAI's where nothing says more."""
    for provider, globs in _HOSTS:
        if any(fnmatch.fnmatchcase(host, glob) for glob in globs):
            return provider
    return next((provider for provider, pattern in _PATHS if pattern.search(path)), "openai")


# -- the errors ---------------------------------------------------------------

_OPENAI_CODES = "OpenAI, guide “Error codes”"
_ANTHROPIC_ERRORS = "Anthropic API documentation, “Errors”"
_BEDROCK = "botocore, bedrock-runtime 2023-09-30, service-2.json"
_COHERE = "cohere-python, cohere/errors and v2/raw_client.py; cohere-developer-experience pull request 189"
_CLINE_9085 = "mistralai SDK, client/errors; cline issue 9085"


def _openai(message: str, kind: str | None, code: str | None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": _ID}


def _google(code: int, status: str, message: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    more = {"details": list(details)} if details else {}
    return {"error": {"code": code, "message": message, "status": status, **more}}


def _mistral(message: str, kind: str, code: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def _amazon(status: int, name: str, message: str) -> ProviderError:
    return ProviderError(status, {"message": message}, _BEDROCK, {"x-amzn-errortype": name})


_GOOGLE_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
    "metadata": {"service": "generativelanguage.googleapis.com"},
}
_SAFE = {"filtered": False, "severity": "safe"}
_AZURE_FILTER = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": _SAFE,
                "self_harm": _SAFE,
                "sexual": _SAFE,
                "violence": {"filtered": True, "severity": "medium"},
            },
        },
    }
}
_OPENAI_SERVER = "The server had an error while processing your request. Sorry about that!"
_GEMINI_BLOCKED = {
    "promptFeedback": {"blockReason": "SAFETY"},
    "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
}
_CONVERSE_FILTERED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "The content was filtered."}]}},
    "stopReason": "content_filtered",
    "usage": {"inputTokens": 4, "outputTokens": 0, "totalTokens": 4},
    "metrics": {"latencyMs": 1},
}

ERRORS: Mapping[tuple[str, str], ProviderError] = {
    ("openai", Kind.RATE_LIMIT): ProviderError(
        429,
        _openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
        _OPENAI_CODES,
    ),
    ("openai", Kind.OVERLOADED): ProviderError(
        503,
        _openai(
            "The engine is currently overloaded, please try again later", "service_unavailable_error", None
        ),
        _OPENAI_CODES,
    ),
    ("openai", Kind.SERVER_ERROR): ProviderError(
        500, _openai(_OPENAI_SERVER, "server_error", None), _OPENAI_CODES
    ),
    ("openai", Kind.AUTHENTICATION): ProviderError(
        401,
        _openai("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
        _OPENAI_CODES,
    ),
    ("openai", Kind.CONTEXT_LENGTH): ProviderError(
        400,
        _openai(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 "
            "tokens. Please reduce the length of the messages.",
            "invalid_request_error",
            "context_length_exceeded",
            "messages",
        ),
        "chathub issue 126, wtm2 issue 579",
    ),
    ("openai", Kind.CONTENT_FILTER): ProviderError(
        400, _AZURE_FILTER, "openai-python issue 331, compl-ai issue 20 (Azure OpenAI)"
    ),
    ("anthropic", Kind.RATE_LIMIT): ProviderError(
        429,
        _anthropic(
            "rate_limit_error",
            "This request would exceed your account's rate limit. Please try again later.",
        ),
        _ANTHROPIC_ERRORS,
    ),
    ("anthropic", Kind.OVERLOADED): ProviderError(
        529, _anthropic("overloaded_error", "Overloaded"), _ANTHROPIC_ERRORS
    ),
    ("anthropic", Kind.SERVER_ERROR): ProviderError(
        500, _anthropic("api_error", "Internal server error"), _ANTHROPIC_ERRORS
    ),
    ("anthropic", Kind.AUTHENTICATION): ProviderError(
        401, _anthropic("authentication_error", "invalid x-api-key"), _ANTHROPIC_ERRORS
    ),
    ("anthropic", Kind.CONTEXT_LENGTH): ProviderError(
        400,
        _anthropic("invalid_request_error", "prompt is too long: 208732 tokens > 200000 maximum"),
        "Roo-Code issue 5816",
    ),
    ("anthropic", Kind.CONTENT_FILTER): ProviderError(
        400,
        _anthropic("invalid_request_error", "Output blocked by content filtering policy"),
        "claude-code issue 58367",
    ),
    ("gemini", Kind.RATE_LIMIT): ProviderError(
        429,
        _google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        "gemini-cli issue 2020",
    ),
    ("gemini", Kind.OVERLOADED): ProviderError(
        503,
        _google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "Gemini API, troubleshooting guide",
    ),
    ("gemini", Kind.SERVER_ERROR): ProviderError(
        500, _google(500, "INTERNAL", "An internal error has occurred."), "Gemini API, troubleshooting guide"
    ),
    ("gemini", Kind.AUTHENTICATION): ProviderError(
        400,
        _google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", _GOOGLE_KEY),
        "openai-scala-client issue 109",
    ),
    ("gemini", Kind.CONTEXT_LENGTH): ProviderError(
        400,
        _google(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1091639) exceeds the maximum number of tokens allowed (1048576).",
        ),
        "gemini-cli issue 5807",
    ),
    ("gemini", Kind.CONTENT_FILTER): ProviderError(
        200, _GEMINI_BLOCKED, "Gemini API reference, GenerateContentResponse.promptFeedback"
    ),
    ("bedrock", Kind.RATE_LIMIT): _amazon(
        429, "ThrottlingException", "Too many requests, please wait before trying again."
    ),
    ("bedrock", Kind.OVERLOADED): _amazon(
        503, "ServiceUnavailableException", "The service isn't currently available. Try again later."
    ),
    ("bedrock", Kind.SERVER_ERROR): _amazon(
        500, "InternalServerException", "An internal server error occurred. Retry your request."
    ),
    ("bedrock", Kind.AUTHENTICATION): ProviderError(
        403,
        {"message": "The security token included in the request is invalid."},
        "Amazon Bedrock user guide, “Troubleshooting API error codes”",
        {"x-amzn-errortype": "UnrecognizedClientException"},
    ),
    ("bedrock", Kind.CONTEXT_LENGTH): ProviderError(
        400,
        {"message": "Input is too long for requested model."},
        "bedrock-chat issue 95",
        {"x-amzn-errortype": "ValidationException"},
    ),
    ("bedrock", Kind.CONTENT_FILTER): ProviderError(200, _CONVERSE_FILTERED, _BEDROCK),
    ("cohere", Kind.RATE_LIMIT): ProviderError(
        429,
        {"message": "trial token rate limit exceeded, limit is 100000 tokens per minute"},
        "cohere-python, errors/too_many_requests_error.py; continue issue 3943",
    ),
    ("cohere", Kind.OVERLOADED): ProviderError(503, {"message": "service unavailable"}, _COHERE),
    ("cohere", Kind.SERVER_ERROR): ProviderError(500, {"message": "internal server error"}, _COHERE),
    ("cohere", Kind.AUTHENTICATION): ProviderError(
        401, {"message": "invalid api token"}, "cohere-ai/notebooks issue 6; cohere-toolkit issue 67"
    ),
    ("cohere", Kind.CONTEXT_LENGTH): ProviderError(
        400, {"message": "too many tokens: size limit exceeded"}, _COHERE
    ),
    ("cohere", Kind.CONTENT_FILTER): ProviderError(
        498, {"message": "the request is blocked: it may violate the usage guidelines"}, _COHERE
    ),
    ("mistral", Kind.RATE_LIMIT): ProviderError(
        429, _mistral("Rate limit exceeded", "rate_limited", "1300"), _CLINE_9085
    ),
    ("mistral", Kind.OVERLOADED): ProviderError(
        503, _mistral("Service unavailable.", "unreachable_backend", "1100"), _CLINE_9085
    ),
    ("mistral", Kind.SERVER_ERROR): ProviderError(
        500, _mistral("Internal server error", "internal_server_error", "1000"), _CLINE_9085
    ),
    ("mistral", Kind.AUTHENTICATION): ProviderError(401, {"detail": "Unauthorized"}, "agent-zero issue 539"),
    ("mistral", Kind.CONTEXT_LENGTH): ProviderError(
        400,
        _mistral(
            "Prompt contains 300000 tokens, too large for model with 131072 maximum context length",
            "invalid_request_prompt",
            "3051",
        ),
        "Mistral documentation, “Known limitations”",
    ),
}
"""By provider and kind. A provider without a row for a kind has no such error."""


def answer_of(rule: FaultRule, host: str, target: str) -> Answer | None:
    """The error or the gateway's page that a rule answers with; None if the provider has no such error here.

    `target` is the path with its query.
    """
    path, _, query = target.partition("?")
    if rule.kind == Kind.GATEWAY_PAGE:
        return _gateway_page(rule.status)
    provider = rule.provider or provider_of(host, path)
    error = ERRORS.get((provider, rule.kind))
    if error is None:
        return None
    if error.status == HTTPStatus.OK:
        return _filtered(provider, path, query, error.body)
    headers = {"content-type": _JSON, **_ids(provider), **error.headers}
    if rule.kind in (Kind.RATE_LIMIT, Kind.OVERLOADED):
        headers |= _retry_after(rule.retry_after)
    return Answer(error.status, headers, json.dumps(error.body).encode())


def _ids(provider: str) -> dict[str, str]:
    names = {"openai": "x-request-id", "anthropic": "request-id", "bedrock": "x-amzn-requestid"}
    return {names[provider]: _ID} if provider in names else {}


def _retry_after(seconds: float) -> dict[str, str]:
    """RFC 9110 takes whole seconds. OpenAI's, Anthropic's and Cohere's SDKs read the other header first."""
    exact = {} if seconds == int(seconds) else {"retry-after-ms": f"{seconds * 1000:.0f}"}
    return {"retry-after": str(math.ceil(seconds)), **exact}


def _filtered(provider: str, path: str, query: str, body: Mapping[str, Any]) -> Answer | None:
    """A blocked generation, whose status is 200: as JSON, or as the only events of a stream."""
    text = json.dumps(body)
    if provider == "gemini":
        if path.endswith(":streamGenerateContent"):
            is_sse = "alt=sse" in query.split("&")
            return (
                Answer(200, {"content-type": _SSE}, f"data: {text}\r\n\r\n".encode())
                if is_sse
                else Answer(200, {"content-type": _JSON}, f"[{text}]".encode())
            )
        return Answer(200, {"content-type": _JSON}, text.encode())
    if path.endswith("/converse"):
        return Answer(200, {"content-type": _JSON, **_ids(provider)}, text.encode())
    if path.endswith("/converse-stream"):
        events = (
            ("messageStart", {"role": "assistant"}),
            ("messageStop", {"stopReason": body["stopReason"]}),
            ("metadata", {"usage": body["usage"], "metrics": body["metrics"]}),
        )
        frames = b"".join(_event_frame("event", name, value) for name, value in events)
        return Answer(200, {"content-type": _FRAMES, **_ids(provider)}, frames)
    return None  # the answers of InvokeModel differ from model to model


def _event_frame(message_type: str, name: str, value: Mapping[str, Any]) -> bytes:
    headers = {":message-type": message_type, f":{message_type}-type": name, ":content-type": _JSON}
    return frame(headers, json.dumps(value).encode())


def _gateway_page(status: int) -> Answer:
    """nginx's page (its ngx_http_special_response.c)."""
    words = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
    said = f"{status} {words[status]}"
    page = (
        f"<html>\r\n<head><title>{said}</title></head>\r\n<body>\r\n<center><h1>{said}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, {"content-type": "text/html", "server": "nginx"}, page.encode())


def error_in_stream(rule: FaultRule, host: str, path: str, media_type: str) -> bytes:
    """What a provider sends in the middle of a stream of this media type when it fails.

    Sources: openai `_streaming.py` and openai-node pull request 2021; Anthropic API documentation, “Errors”;
    google-genai `errors.py`; botocore's bedrock-runtime model (modelStreamErrorException); cohere
    `ChatMessageEndEventDelta`. Mistral's is its error object.
    """
    if media_type == _FRAMES:
        message = "The model stream ended with an error. Retry your request."
        return _event_frame("exception", "modelStreamErrorException", {"message": message})
    provider = rule.provider or provider_of(host, path)
    error = ERRORS[provider if provider != "bedrock" else "openai", Kind.SERVER_ERROR].body
    if media_type != _SSE:
        return json.dumps(error).encode() + b"\n"
    name, value = "", error
    if provider == "anthropic":
        name, value = "error", ERRORS["anthropic", Kind.OVERLOADED].body
    elif provider == "cohere":
        delta = {"finish_reason": "ERROR", "error": "internal server error"}
        name, value = "message-end", {"type": "message-end", "delta": delta}
    elif provider == "openai" and path.endswith("/responses"):
        name, value = "error", {"type": "error", "sequence_number": 1, **error}
    said = f"event: {name}\n" if name else ""
    return f"{said}data: {json.dumps(value)}\n\n".encode()
