"""Entries as recordings leave them: a stable prefix, a question, and an answer in the provider's own shape."""

import json
from dataclasses import replace
from typing import Any

from cache_store.entry import Entry
from tests.cache_store.conformance import provider_answers as shaped

SYSTEM = "A long and stable text. " * 400
HOSTS = {
    "anthropic": "api.anthropic.com",
    "openai": "api.openai.com",
    "gemini": "generativelanguage.googleapis.com",
    "bedrock": "bedrock-runtime.us-east-1.amazonaws.com",
}


def entry(
    host: str, path: str, body: dict[str, Any] | None, answer: tuple[str, bytes], at: float = 0.0, **more: Any
) -> Entry:
    """An entry as a recording leaves it; with no body, one whose request was not saved."""
    request = {"method": "POST", "host": host, "path": path, "body": {"kind": "json", "value": body}}
    label = {"method": "POST", "host": host, "path": path}
    if body and isinstance(body.get("model"), str):
        label["model"] = body["model"]
    fields: dict[str, Any] = {
        "key": f"{at:064.1f}",
        "status": 200,
        "reason": "OK",
        "headers": ((b"Content-Type", answer[0].encode()),),
        "body": answer[1],
        "recorded_at": at,
        "elapsed": 1.5,
        "run": "r",
        "label": label,
        "request_json": b"{}" if body is None else json.dumps(request).encode(),
    }
    return Entry(**fields | more)


def messages(question: str, **more: Any) -> dict[str, Any]:
    """A body for chat-like APIs: a stable system text, then the question."""
    return {"system": SYSTEM, "messages": [{"role": "user", "content": question}], **more}


def anthropic_entry(question: str, read: int, at: float, streamed: bool = False, **more: Any) -> Entry:
    usage = {"input_tokens": 40, "output_tokens": 9, "cache_read_input_tokens": read}
    usage["cache_creation_input_tokens"] = 3800 - read
    body = messages(question, model="claude-sonnet-4-6", **more)
    return entry(
        HOSTS["anthropic"], "/v1/messages", body, shaped.anthropic("claude-sonnet-4-6", usage, streamed), at
    )


def openai_entry(question: str, read: int, at: float, streamed: bool = False, **more: Any) -> Entry:
    usage = {"prompt_tokens": 3840, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": read}}
    chat = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    body = {"model": "gpt-4o-mini", "messages": chat, **more}
    answer = shaped.openai("gpt-4o-mini-2024-07-18", usage, streamed)
    return entry(HOSTS["openai"], "/v1/chat/completions", body, answer, at)


def responses_entry(question: str, read: int, at: float, streamed: bool = False) -> Entry:
    usage = {"input_tokens": 3840, "output_tokens": 9, "input_tokens_details": {"cached_tokens": read}}
    body = {"model": "gpt-4o-mini", "instructions": SYSTEM, "input": question}
    answer = shaped.responses("gpt-4o-mini-2024-07-18", usage, streamed)
    return entry(HOSTS["openai"], "/v1/responses", body, answer, at)


def gemini_entry(question: str, read: int, at: float, streamed: bool = False) -> Entry:
    # The field is absent from an answer without a hit.
    usage = {"promptTokenCount": 3840, "candidatesTokenCount": 9} | (
        {"cachedContentTokenCount": read} if read else {}
    )
    contents = [{"role": "user", "parts": [{"text": question}]}]
    body = {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": contents}
    method = "streamGenerateContent" if streamed else "generateContent"
    path = f"/v1beta/models/gemini-2.5-flash:{method}"
    return entry(HOSTS["gemini"], path, body, shaped.gemini("gemini-2.5-flash", usage, streamed), at)


BEDROCK_MODEL = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"


def converse_entry(question: str, read: int, at: float, streamed: bool = False) -> Entry:
    usage = {"inputTokens": 40, "outputTokens": 9, "cacheReadInputTokens": read}
    usage["cacheWriteInputTokens"] = 3800 - read
    body = {"system": [{"text": SYSTEM}], "messages": [{"role": "user", "content": [{"text": question}]}]}
    path = f"/model/{BEDROCK_MODEL.replace(':', '%3A')}/converse{'-stream' if streamed else ''}"
    return entry(HOSTS["bedrock"], path, body, shaped.converse(usage, streamed), at)


def invoke_entry(question: str, read: int, at: float, streamed: bool = False) -> Entry:
    usage = {"input_tokens": 40, "output_tokens": 9, "cache_read_input_tokens": read}
    usage["cache_creation_input_tokens"] = 3800 - read
    path = f"/model/{BEDROCK_MODEL.replace(':', '%3A')}/invoke{'-with-response-stream' if streamed else ''}"
    answer = shaped.anthropic("claude", usage, False)
    if streamed:
        answer = shaped.invoke(shaped.anthropic_events("claude", usage))
    return entry(
        HOSTS["bedrock"], path, messages(question, anthropic_version="bedrock-2023-05-31"), answer, at
    )


def replace_host(one: Entry, host: str) -> Entry:
    return replace(one, request_json=json.dumps(one.request | {"host": host}).encode())


def replace_model(one: Entry, model: str) -> Entry:
    request = one.request
    request["body"]["value"]["model"] = model
    return replace(one, request_json=json.dumps(request).encode(), label={**one.label, "model": model})
