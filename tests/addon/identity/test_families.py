"""Which hosts belong to which provider."""

from __future__ import annotations

import pytest

from addon.identity.families import FAMILIES, family_of
from addon.settings.hosts import PROVIDER_HOSTS


@pytest.mark.parametrize("glob", [glob for _, glob in PROVIDER_HOSTS])
def test_every_built_in_host_has_a_family(glob: str) -> None:
    """A host that is intercepted by default is one that the denylists were made for."""
    assert family_of(glob.replace("*", "eu-west-1")) is not None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "OpenAI"), ("eu.api.openai.com", "OpenAI"), ("API.OpenAI.com.", "OpenAI"),
        ("my.openai.azure.com", "Azure"), ("my.services.ai.azure.com", "Azure"), ("acme.azure-api.net", "Azure"),
        ("us-central1-aiplatform.googleapis.com", "Google"), ("bedrock-runtime.eu-west-1.amazonaws.com", "AWS"),
        ("api.groq.com", "others"), ("llm.corp.example", None), ("127.0.0.1", None), ("localhost", None),
        ("api.openai.com.evil.example", None), ("notapi.openai.com.example", None), ("xapi.openai.com", None),
        ("openai.azure.com.example", None),
    ],
)  # fmt: skip
def test_the_family_of_a_host(host: str, name: str | None) -> None:
    """Whole names are matched, in any case; a gateway of the user belongs to none."""
    family = family_of(host)
    assert (family and family.name) == name


def test_every_row_has_a_reason() -> None:
    """Each name that is left out says why, in lower case where names have no case."""
    for family in FAMILIES:
        for place in (*family.query, *family.members):
            assert place.reason
            assert place.pattern == place.pattern.lower()
