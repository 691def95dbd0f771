"""Every body field of the providers' own request types counts: added, changed and removed.

The fields are read from the SDKs' typed request classes, so that a new SDK's new field is covered the day it comes.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest


def _typed_dict(module: str, *names: str) -> set[str]:
    found = importlib.import_module(module)
    return {field for name in names for field in get_type_hints(getattr(found, name))}


def _openai_chat() -> set[str]:
    module = "openai.types.chat.completion_create_params"
    return _typed_dict(module, "CompletionCreateParamsNonStreaming", "CompletionCreateParamsStreaming")


def _openai_responses() -> set[str]:
    module = "openai.types.responses.response_create_params"
    return _typed_dict(module, "ResponseCreateParamsNonStreaming", "ResponseCreateParamsStreaming")


def _openai_embeddings() -> set[str]:
    return _typed_dict("openai.types.embedding_create_params", "EmbeddingCreateParams")


def _anthropic_messages() -> set[str]:
    module = "anthropic.types.message_create_params"
    return _typed_dict(module, "MessageCreateParamsNonStreaming", "MessageCreateParamsStreaming")


def _bedrock_converse() -> set[str]:
    session = importlib.import_module("botocore.session").get_session()
    model = session.get_service_model("bedrock-runtime").operation_model("Converse")
    return {
        name
        for name, shape in model.input_shape.members.items()
        if shape.serialization.get("location") != "uri"
    }


def _gemini_generate() -> set[str]:
    config = importlib.import_module("google.genai.types").GenerateContentConfig
    client_only = {"http_options", "should_return_http_response", "automatic_function_calling"}
    return {"contents"} | (set(config.model_fields) - client_only)


def _mistral_chat() -> set[str]:
    return set(importlib.import_module("mistralai.client.models").ChatCompletionRequest.model_fields)


def _cohere_chat() -> set[str]:
    chat = importlib.import_module("cohere.v2.client").V2Client.chat
    return set(inspect.signature(chat).parameters) - {"self", "request_options"} | {"stream"}


REQUEST_TYPES: dict[str, tuple[str, Callable[[], set[str]], str]] = {
    "openai chat": ("openai", _openai_chat, "messages"),
    "openai responses": ("openai", _openai_responses, "input"),
    "openai embeddings": ("openai", _openai_embeddings, "input"),
    "anthropic messages": ("anthropic", _anthropic_messages, "messages"),
    "bedrock converse": ("botocore", _bedrock_converse, "messages"),
    "gemini generate": ("google.genai", _gemini_generate, "contents"),
    "mistral chat": ("mistralai.client.models", _mistral_chat, "messages"),
    "cohere chat": ("cohere", _cohere_chat, "messages"),
}


ROUTING = {"prompt_cache_key": 1, "safety_identifier": 1, "stream": 1}


@pytest.mark.parametrize(("package", "fields_of", "known"), REQUEST_TYPES.values(), ids=REQUEST_TYPES)
def test_every_field_counts(
    package: str, fields_of: Callable[[], set[str]], known: str, key: Callable[..., str]
) -> None:
    """For each field: absent, null, and values of several types are all different requests."""
    pytest.importorskip(
        package, reason=f"{package} is not installed; its request type is read by introspection"
    )
    fields = fields_of()
    assert known in fields
    base = dict.fromkeys(fields, "x")
    seen = {key(base)}
    variants: list[Any] = [
        None,
        "y",
        1,
        0.5,
        True,
        False,
        [],
        ["a"],
        {"a": 1},
        [{"type": "text", "text": "t"}],
    ]
    for name in sorted(fields):
        without = {other: value for other, value in base.items() if other != name}
        keys = {key(without), *(key(base | {name: variant}) for variant in variants)}
        # A text that only routes and an explicit `stream: false` equal absence; test_denylist says where.
        equal_absence = ROUTING.get(name, 0)
        assert len(keys) == len(variants) + 1 - equal_absence, name
        assert not (keys - {key(without)}) & seen, name
        seen |= keys


def test_fields_that_hold_a_credential_are_the_only_exception(key: Callable[..., str]) -> None:
    """No field of any installed SDK's request type has a name that is taken for a credential's."""
    from addon.redaction.member_names import rule_of

    for package, fields_of, _ in REQUEST_TYPES.values():
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        assert [name for name in fields_of() if (rule := rule_of(name)) and rule.certain] == []
