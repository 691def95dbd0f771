"""Dummy API keys for a replaying run, so that those who have no keys, as forks in CI, can run the tests.

SDKs refuse to start without a key. A replaying run sends it to nobody, and no key is part of a request's identity.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DUMMY_KEYS", "dummy_keys"]

# The variables that the SDKs of the built-in providers read; those in one row stand for the same key.
DUMMY_KEYS = (
    ("OPENAI_API_KEY",),
    ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"),
    ("AZURE_INFERENCE_CREDENTIAL", "AZURE_AI_API_KEY"),
    ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    # For Bedrock alone: dummy AWS keys would take those of the tests' other services away.
    ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"),
    ("MISTRAL_API_KEY",),
    ("CO_API_KEY", "COHERE_API_KEY"),
    ("GROQ_API_KEY",),
    ("TOGETHER_API_KEY",),
    ("FIREWORKS_API_KEY",),
    ("DEEPSEEK_API_KEY",),
    ("XAI_API_KEY",),
    ("OPENROUTER_API_KEY",),
    ("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    ("CEREBRAS_API_KEY",),
    ("DEEPINFRA_API_KEY", "DEEPINFRA_API_TOKEN", "DEEPINFRA_TOKEN"),
    ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    ("VOYAGE_API_KEY",),
)
# Set if the whole row is missing; the other names of these rows mean something else to other programs.
_FIRST_ONLY = ("AWS_BEARER_TOKEN_BEDROCK", "AZURE_OPENAI_API_KEY", "ANTHROPIC_API_KEY")
_VALUE = "dummy"


def dummy_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables to set: every row without a value. An empty variable, as an unset secret in CI is, has none."""
    missing = [row for row in DUMMY_KEYS if not any(environ.get(name) for name in row)]
    names = (name for row in missing for name in (row[:1] if row[0] in _FIRST_ONLY else row))
    return dict.fromkeys(names, _VALUE)
