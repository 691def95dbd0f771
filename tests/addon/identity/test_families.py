"""Which hosts belong to which provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from addon.identity.families import FAMILIES, family_of, is_provider
from addon.settings.hosts import PROVIDER_HOSTS


@pytest.mark.parametrize("glob", [glob for _, glob in PROVIDER_HOSTS])
def test_every_built_in_host_has_a_family(glob: str) -> None:
    """Every host that is intercepted by default belongs to a provider."""
    assert is_provider(family_of(glob.replace("*", "eu-west-1")))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "OpenAI"), ("eu.api.openai.com", "OpenAI"), ("API.OpenAI.com.", "OpenAI"),
        ("my.openai.azure.com", "Azure"), ("my.services.ai.azure.com", "Azure"), ("acme.azure-api.net", "Azure API Management"),
        ("us-central1-aiplatform.googleapis.com", "Google"), ("bedrock-runtime.eu-west-1.amazonaws.com", "AWS"),
        ("api.groq.com", "others"), ("llm.corp.example", None), ("127.0.0.1", None), ("localhost", None),
        ("api.openai.com.evil.example", None), ("notapi.openai.com.example", None), ("xapi.openai.com", None),
        ("openai.azure.com.example", None), ("bigquery.googleapis.com", None), ("storage.googleapis.com", "Google Cloud Storage"),
        ("bucket.s3.eu-west-1.amazonaws.com", "Amazon S3"), ("lambda.eu-west-1.amazonaws.com", None),
    ],
)  # fmt: skip
def test_the_family_of_a_host(host: str, name: str | None) -> None:
    """Whole names are matched, in any case; a gateway of the user belongs to none."""
    family = family_of(host)
    assert (family and family.name) == name


@pytest.mark.parametrize(
    "host",
    ["acme.azure-api.net", "x.blob.core.windows.net", "bucket.s3.amazonaws.com", "storage.googleapis.com"],
)
def test_a_gateway_or_a_store_is_not_a_provider(host: str, key: Callable[..., str]) -> None:
    """Any API may stand behind it, so only its own credentials are left out."""
    assert not is_provider(family_of(host))
    assert key(headers={"cookie": "a"}, host=host) != key(headers={"cookie": "b"}, host=host)


def test_every_row_has_a_reason() -> None:
    """Each name that is left out says why, in lower case where names have no case."""
    for family in FAMILIES:
        for place in (*family.query, *family.members):
            assert place.reason
            assert place.pattern == place.pattern.lower()
