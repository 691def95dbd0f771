"""Asks each provider's SDK for something that is not recorded, and prints what `str(exception)` says, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def ask_openai() -> None:
    import openai

    with openai.OpenAI(api_key="sk-x") as client:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "x"}])


def ask_anthropic() -> None:
    import anthropic

    with anthropic.Anthropic(api_key="sk-x") as client:
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])


def ask_google() -> None:
    from google import genai

    client = genai.Client(api_key="x")
    client.models.generate_content(model="gemini-2.5-flash", contents="x")


def ask_groq() -> None:
    import groq

    with groq.Groq(api_key="x") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def ask_mistral() -> None:
    from mistralai.client import Mistral

    with Mistral(api_key="x") as client:
        client.chat.complete(model="m", messages=[{"role": "user", "content": "x"}])


def ask_together() -> None:
    import together

    with together.Together(api_key="x", base_url="https://api.together.xyz") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def ask_cohere() -> None:
    import cohere

    cohere.ClientV2(api_key="x").chat(model="m", messages=[{"role": "user", "content": "x"}])


def ask_hugging_face() -> None:
    from huggingface_hub import InferenceClient

    client = InferenceClient(base_url="https://router.huggingface.co/v1", api_key="hf_x")
    client.chat_completion(model="m", messages=[{"role": "user", "content": "x"}])


def _client() -> Any:
    import boto3

    keys = {"aws_access_key_id": "AKIAX", "aws_secret_access_key": "x"}
    return boto3.client("bedrock-runtime", region_name="us-east-1", **keys)


def ask_bedrock() -> None:
    _client().converse(modelId="m", messages=[{"role": "user", "content": [{"text": "x"}]}])


def ask_bedrock_streamed() -> None:
    _client().converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "y"}]}])


ASKS: dict[str, Callable[[], None]] = {
    name.removeprefix("ask_"): ask for name, ask in list(globals().items()) if name.startswith("ask_")
}


def said(ask: Callable[[], None]) -> str:
    """What the exception of a call says."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - each SDK has its own
        return str(error)
    return "no exception"


if __name__ == "__main__":
    print(json.dumps({name: said(ASKS[name]) for name in sys.argv[1:]}))
