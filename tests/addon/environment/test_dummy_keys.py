"""Dummy API keys for a replaying run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from addon.environment.dummy_keys import DUMMY_KEYS, dummy_keys


def test_what_is_missing_is_set() -> None:
    """One name or all names of a key; an empty value is none, as CI sets for a secret that a fork does not have."""
    keys = dummy_keys({"OPENAI_API_KEY": ""})
    assert keys["OPENAI_API_KEY"] == keys["GEMINI_API_KEY"] == keys["GOOGLE_API_KEY"] == "dummy"
    assert keys["AWS_BEARER_TOKEN_BEDROCK"] == "dummy"
    assert (
        not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AZURE_OPENAI_AD_TOKEN", "ANTHROPIC_AUTH_TOKEN"}
        & keys.keys()
    )


@pytest.mark.parametrize("name", [name for row in DUMMY_KEYS for name in row])
def test_a_key_that_is_there_stays(name: str) -> None:
    """By whichever of its names; the others are not set beside it."""
    keys = dummy_keys({name: "real"})
    row = next(row for row in DUMMY_KEYS if name in row)
    assert not keys.keys() & set(row)


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("openai", "AZURE_OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google.genai", "GOOGLE_API_KEY"),
        ("google.genai", "GEMINI_API_KEY"),
        ("cohere", "CO_API_KEY"),
        ("mistralai", "MISTRAL_API_KEY"),
    ],
)
def test_sdks_read_them(package: str, name: str) -> None:
    """The installed SDK's source has the name."""
    assert name in dummy_keys({})
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    files = (file for place in spec.submodule_search_locations for file in Path(place).rglob("*.py"))
    assert any(name in file.read_text(encoding="utf-8") for file in files)
