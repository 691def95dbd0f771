"""The capability table: what it must cover, and that no row is dead or without a source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_store.conformance.capabilities import SupportStatus, provider_of_host, support_of, table
from cache_store.conformance.normalise import InputBasis

YES, NO, UNKNOWN = SupportStatus.SUPPORTED, SupportStatus.UNSUPPORTED, SupportStatus.UNKNOWN


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("", "claude-opus-5"),
        ("auto", "claude-opus-5"),
        (" AUTO ", "m"),
        ("anthropic", "  "),
        ("", ""),
        ("ollama", ""),
    ],
)
def test_a_route_that_is_not_named_is_unknown_never_unsupported(provider: str, model: str) -> None:
    """A blank or `auto` provider, or a blank model, resolves to nothing."""
    support = support_of(provider, model)
    assert (support.status, support.source, support.evidence) == (UNKNOWN, "unresolved", "")
    assert not support.profile.prompt_caching


@pytest.mark.parametrize(
    ("provider", "model", "status", "style", "minimum"),
    [
        ("anthropic", "claude-sonnet-4-6", YES, "top_level", 1024),
        ("anthropic", "claude-opus-5", YES, "top_level", 512),
        ("Anthropic", "Claude-Opus-4-7-20260101", YES, "top_level", 2048),
        ("anthropic", "claude-haiku-4-5-20251001", YES, "top_level", 4096),
        ("anthropic", "claude-opus-4-6", YES, "top_level", 4096),
        ("anthropic", "claude-3-haiku-20240307", YES, "top_level", 2048),
        ("anthropic", "claude-3-5-haiku-20241022", YES, "top_level", 2048),
        ("anthropic", "claude-3-5-sonnet-20241022", YES, "top_level", 1024),
        ("anthropic", "anthropic/claude-sonnet-5", YES, "top_level", 1024),
        ("anthropic", "other", NO, "none", None),
        ("openai", "gpt-4o-mini", YES, "none", 1024),
        ("openai", "gpt-5.1", YES, "none", 1024),
        ("openai", "ft:gpt-4o-mini:acme::1", YES, "none", 1024),
        ("openai", "gpt-4-turbo", NO, "none", None),
        ("openai", "gpt-4o-2024-05-13", NO, "none", None),
        ("azure_openai", "my-deployment", YES, "none", 1024),
        ("azure", "gpt-35-turbo", NO, "none", None),
        ("Azure-OpenAI", "gpt-35-turbo", NO, "none", None),
        ("azure-openai", "mine", YES, "none", 1024),
        ("groq", "openai/gpt-oss-120b", YES, "none", None),
        ("groq", "llama-3.3-70b-versatile", NO, "none", None),
        ("xai", "grok-4", YES, "none", None),
        ("mistral", "mistral-large-latest", YES, "none", None),
        ("deepseek", "deepseek-chat", YES, "none", 64),
        ("fireworks", "accounts/fireworks/models/kimi-k2p5", YES, "none", None),
        ("gemini", "gemini-2.5-flash", YES, "none", 1024),
        ("gemini", "gemini-2.5-pro", YES, "none", 2048),
        ("google", "gemini-3-pro-preview", YES, "none", 4096),
        ("gemini", "gemini-flash-latest", YES, "none", 2048),
        ("gemini", "gemini-2.0-flash", NO, "none", None),
        ("vertex", "claude-sonnet-4-5@20250929", YES, "last_block", 1024),
        ("vertex_ai", "gemini-2.5-pro", YES, "none", 2048),
        ("vertex", "gemini-1.5-pro", NO, "none", None),
        ("bedrock", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", YES, "last_block", 1024),
        ("bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0", YES, "last_block", 2048),
        ("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", NO, "none", None),
        ("bedrock", "amazon.nova-pro-v1:0", YES, "last_block", 1000),
        ("bedrock", "meta.llama3-8b-instruct-v1:0", NO, "none", None),
        ("together", "deepseek-ai/DeepSeek-V3.1", YES, "none", None),
        ("together", "meta-llama/Llama-3.3-70B", NO, "none", None),
        ("cerebras", "gpt-oss-120b", YES, "none", None),
        ("cohere", "command-r", NO, "none", None),
        ("ollama", "qwen3", NO, "none", None),
        ("llama.cpp", "qwen3", NO, "none", None),
        ("vllm", "qwen3", NO, "none", None),
        ("openrouter", "anthropic/claude-sonnet-4.6", YES, "top_level", 1024),
        ("openrouter", "anthropic/claude-haiku-4.5", YES, "top_level", 4096),
        ("openrouter", "anthropic/claude-3.5-sonnet", YES, "last_block", 1024),
        ("openrouter", "google/gemini-2.5-pro", YES, "last_block", 2048),
        ("openrouter", "qwen/qwen3-max", YES, "last_block", 1024),
        ("openrouter", "qwen/qwen3.6-35b-a3b", NO, "none", None),
        ("openrouter", "deepseek/deepseek-v3.2-exp", YES, "last_block", 1024),
        ("openrouter", "deepseek/deepseek-v3.1", YES, "none", 1024),
        ("openrouter", "deepseek/deepseek-r1-0528", YES, "none", 1024),
        ("openrouter", "deepseek/deepseek-r1", NO, "none", None),
        ("openrouter", "openai/gpt-5.1", YES, "none", 1024),
        ("openrouter", "meta-llama/llama-3", NO, "none", None),
        ("nobody-has-heard-of-it", "m", NO, "none", None),
    ],
)
def test_the_route_of_a_provider_and_model(
    provider: str, model: str, status: SupportStatus, style: str, minimum: int | None
) -> None:
    """The first row that matches says whether a route caches, how it is asked to, and from how many tokens on."""
    support = support_of(provider, model)
    assert (support.status, support.source) == (status, "provider-capabilities")
    assert support.profile.prompt_caching is (status is YES)
    assert support.profile.cache_breakpoint_style == style
    assert support.profile.min_useful_prefix_tokens == minimum
    assert support.evidence


def test_an_unsupported_route_names_no_fields() -> None:
    """A profile of no caching has neither TTL nor usage fields that somebody could wait for."""
    profile = support_of("ollama", "qwen3").profile
    assert (profile.ttl_notes, profile.cache_read_usage_field, profile.cache_write_usage_field) == (
        None,
        "",
        "",
    )


@pytest.mark.parametrize(
    ("provider", "model", "basis"),
    [
        ("anthropic", "claude-opus-5", "fresh"),
        ("bedrock", "meta.llama3-8b-instruct-v1:0", "fresh"),
        ("vertex", "claude-sonnet-4@20250514", "fresh"),
        ("vertex", "gemini-2.5-pro", "inclusive"),
        ("gemini", "gemini-2.5-pro", "inclusive"),
        ("openai", "gpt-4o", "inclusive"),
        ("deepseek", "deepseek-chat", "inclusive"),
        ("openrouter", "anthropic/claude-sonnet-4.6", "inclusive"),
    ],
)
def test_the_input_basis_is_a_column_of_the_table(provider: str, model: str, basis: str) -> None:
    """Anthropic and Bedrock count cached tokens beside the input, the others within it."""
    assert table().basis(provider, model, "/somewhere") == basis


@pytest.mark.parametrize(
    ("provider", "path", "basis"),
    [
        ("openrouter", "/api/v1/messages", InputBasis.FRESH),
        ("deepseek", "/anthropic/v1/messages", InputBasis.FRESH),
        ("anthropic", "/v1/chat/completions", InputBasis.INCLUSIVE),
        ("bedrock", "/openai/v1/chat/completions", InputBasis.INCLUSIVE),
        ("", "/model/x/converse-stream", InputBasis.FRESH),
        ("", "/v1/responses", InputBasis.INCLUSIVE),
    ],
)
def test_the_wire_format_goes_before_the_provider_s_basis(
    provider: str, path: str, basis: InputBasis
) -> None:
    """A provider that speaks another's format counts as that format does."""
    assert table().basis(provider, "m", path) is basis


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.anthropic.com", "anthropic"),
        ("API.OpenAI.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("myres.openai.azure.com", "azure_openai"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("us-central1-aiplatform.googleapis.com", "vertex"),
        ("aiplatform.eu.rep.googleapis.com", "vertex"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock"),
        ("openrouter.ai", "openrouter"),
        ("api.together.xyz", "together"),
        ("127.0.0.1", ""),
        ("localhost", ""),
        ("api.openai.com.evil.example", ""),
        ("notopenrouter.ai", ""),
    ],
)
def test_the_provider_of_a_host(host: str, provider: str) -> None:
    """A host is a provider's by its glob alone; any other host is nobody's."""
    assert provider_of_host(host) == provider


def test_every_row_can_be_reached() -> None:
    """No row is hidden behind an earlier one, and each glob of a row is the first to match its own plain form."""
    for row in table().routes[:-1]:
        assert "*" not in row.provider
        reached = [
            table().route(row.provider, glob.replace("[-.]", "-").replace("[5-9]", "5").replace("[6-9]", "6"))
            is row
            for glob in row.models
        ]
        assert any(reached), row
    assert table().routes[-1].provider == "*"


def test_every_row_has_a_source_and_a_known_provider() -> None:
    """A row without a source is an opinion, and one of an unknown provider is never asked."""
    names = {provider.name for provider in table().providers}
    for row in table().routes:
        assert len(row.source) > 10
        assert row.provider in names | {"*"}
        assert row.supported == (row.ttl is not None), row


def test_no_name_of_a_provider_is_taken_twice() -> None:
    """Names and aliases are unambiguous."""
    names = [name for provider in table().providers for name in (provider.name, *provider.aliases)]
    assert len(names) == len(set(names))


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_names_resolve(provider: str, model: str) -> None:
    """No provider or model name, however odd, finds no row."""
    assert support_of(provider, model).status in SupportStatus
