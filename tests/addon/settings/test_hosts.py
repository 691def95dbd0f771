"""Which hosts are intercepted."""

from __future__ import annotations

import re

import pytest

from addon.settings.hosts import PROVIDER_HOSTS, HostRules, parse_hosts
from cache_store.errors import UsageError

# The real API hosts of the providers that are intercepted by default.
REAL_HOSTS = {
    "OpenAI": ["api.openai.com", "eu.api.openai.com", "us.api.openai.com"],
    "Azure OpenAI": ["my-resource.openai.azure.com"],
    "Azure AI Foundry": ["my-resource.services.ai.azure.com"],
    "Azure Cognitive Services": ["my-resource.cognitiveservices.azure.com"],
    "Anthropic": ["api.anthropic.com", "claude.googleapis.com", "aws-external-anthropic.us-east-1.api.aws"],
    "Gemini API": ["generativelanguage.googleapis.com"],
    "Vertex": [
        "aiplatform.googleapis.com",
        "us-central1-aiplatform.googleapis.com",
        "europe-west4-aiplatform.googleapis.com",
        "aiplatform.eu.rep.googleapis.com",
    ],
    "Bedrock runtime": [
        "bedrock-runtime.us-east-1.amazonaws.com",
        "bedrock-runtime.eu-central-1.amazonaws.com",
        "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
        "bedrock-runtime.us-east-1.api.aws",
        "bedrock-mantle.us-east-1.api.aws",
    ],
    "Mistral": ["api.mistral.ai", "api.eu.mistral.ai", "codestral.mistral.ai"],
    "Cohere": ["api.cohere.com", "api.cohere.ai"],
    "Groq": ["api.groq.com"],
    "Together": ["api.together.xyz", "api.together.ai", "api-inference.together.ai"],
    "Fireworks": ["api.fireworks.ai"],
    "DeepSeek": ["api.deepseek.com"],
    "xAI": ["api.x.ai"],
    "OpenRouter": ["openrouter.ai"],
    "Perplexity": ["api.perplexity.ai"],
    "Cerebras": ["api.cerebras.ai"],
    "DeepInfra": ["api.deepinfra.com"],
    "Hugging Face": ["router.huggingface.co", "api-inference.huggingface.co", "huggingface.co"],
    "Voyage": ["api.voyageai.com"],
}

LOOKALIKES = [
    "api.openai.com.evil.example",
    "evil-api.openai.com",
    "apiXopenai.com",
    "api.openai.comx",
    "openai.com",
    "chat.openai.com",
    "openai.azure.com",
    "x.openai.azure.com.evil.example",
    "bedrock-runtime.us-east-1.amazonaws.com.evil.example",
    "bedrock.us-east-1.amazonaws.com",
    "aiplatform.googleapis.com.evil.example",
    "storage.googleapis.com",
    "cdn-lfs.huggingface.co",
    "packages.example",
    "localhost",
    "127.0.0.1",
    "user@api.openai.com",
    "",
]


def _allowed(rules: HostRules, host: str, port: int = 443) -> bool:
    """Whether mitmproxy's `allow_hosts` with these regexes intercepts, as its NextLayer addon asks."""
    return any(re.search(regex, f"{host}:{port}", re.IGNORECASE) for regex in rules.regexes)


@pytest.mark.parametrize(
    ("provider", "host"), [(p, host) for p, hosts in REAL_HOSTS.items() for host in hosts]
)
def test_every_providers_real_host_is_intercepted(provider: str, host: str) -> None:
    """The built-in list matches the API hosts of every provider, by our match and by mitmproxy's."""
    rules = parse_hosts("")
    assert rules.match(host, 443)
    assert _allowed(rules, host)


def test_no_built_in_glob_is_without_a_real_host() -> None:
    """Each glob of the table is there for a host of the list above."""
    real = [host for hosts in REAL_HOSTS.values() for host in hosts]
    for _, glob in PROVIDER_HOSTS:
        assert any(parse_hosts(glob).match(host) for host in real), glob


@pytest.mark.parametrize("host", LOOKALIKES)
def test_a_host_that_only_looks_alike_is_not(host: str) -> None:
    """Regexes are anchored and escaped: a longer, shorter or similar name goes by untouched."""
    rules = parse_hosts("")
    assert not rules.match(host, 443)
    assert not _allowed(rules, host)


def test_regexes_are_anchored_and_escaped() -> None:
    """The dots of a name are dots, and nothing may stand before or after."""
    rules = parse_hosts("api.openai.com")
    assert _allowed(rules, "api.openai.com")
    for host in ("api.openai.com.evil.example", "evil-api.openai.com", "apiXopenai.com", "x.api.openai.com"):
        assert not _allowed(rules, host)
        assert not rules.match(host)


@pytest.mark.parametrize(
    ("text", "host", "port", "matches"),
    [
        ("*.example.com", "a.example.com", 443, True),
        ("*.example.com", "a.b.c.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("a.*.example.com", "a.b.c.example.com", 443, True),
        ("*", "anything.example", 1, True),
        ("*:443", "anything.example", 443, True),
        ("*:443", "anything.example", 444, False),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
        ("example.com:*", "example.com", 9, True),
        ("example.com", "example.com", 65535, True),
        ("EXAMPLE.com", "example.COM", 443, True),
        ("example.com.", "example.com", 443, True),
        ("example.com", "example.com.", 443, True),
        ("example.com", "example.com..", 443, True),
        ("[::1]", "::1", 443, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "[::1]", 8080, True),
        ("[::1]:8080", "::1", 443, False),
        ("http://localhost:11434", "localhost", 11434, True),
        ("https://example.com/", "example.com", 443, True),
        ("a.example, b.example", "b.example", 443, True),
        ("10.0.0.*", "10.0.0.7", 80, True),
        ("10.0.0.*", "10.0.1.7", 80, False),
    ],
)
def test_what_a_pattern_matches(text: str, host: str, port: int, matches: bool) -> None:
    """Globs cross dots, a port narrows, case and a final dot do not matter; mitmproxy's regexes agree."""
    rules = parse_hosts(text)
    assert rules.match(host, port) is matches
    if text == "*":
        assert rules.regexes == []
    elif ".." not in host and "[" not in host:  # mitmproxy never sees these
        assert _allowed(rules, host, port) is matches


def test_without_a_port_any_port_matches() -> None:
    """Asked about a host alone (an SNI has no port), a rule with a port matches too."""
    assert parse_hosts("example.com:8443").match("example.com")


def test_a_plus_adds_to_the_built_in_list() -> None:
    """`+` at the start adds; without it the list is replaced."""
    added = parse_hosts("+localhost:11434, my.example")
    assert added.match("api.openai.com", 443)
    assert added.match("localhost", 11434)
    assert not added.match("localhost", 80)
    replaced = parse_hosts("localhost:11434")
    assert not replaced.match("api.openai.com", 443)


@pytest.mark.parametrize("text", ["", "  ", "+", ",", " , ,"])
def test_nothing_named_is_the_built_in_list(text: str) -> None:
    """Blank is the default, not an empty list that would let everything go live unseen."""
    assert parse_hosts(text).rules == parse_hosts("").rules
    assert len(parse_hosts(text).rules) == len(PROVIDER_HOSTS)


def test_a_local_server_is_intercepted_on_request_only() -> None:
    """Ollama's port is not on the list."""
    assert not parse_hosts("").match("localhost", 11434)


def test_a_scheme_says_nothing() -> None:
    """A host is intercepted over https and plain http alike."""
    assert parse_hosts("+http://localhost:11434") == parse_hosts("+localhost:11434")


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "user@host",
        "host:0",
        "host:65536",
        "host:port",
        "host:99999999",
        "ftp://host",
        "http://",
        "::1",
        "a/b",
        ":80",
        "[host]",
        "+a.example,b c",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    """One line that names the variable and says what to write."""
    with pytest.raises(UsageError, match="PROVIDER_PROXY_HOSTS") as refused:
        parse_hosts(text)
    assert "\n" not in str(refused.value)


def test_the_patterns_can_be_shown() -> None:
    """Names come as they are written, ports included."""
    assert parse_hosts("a.example:1,*.b.example").names() == ["a.example:1", "*.b.example"]


def test_every_host_at_once_needs_no_port() -> None:
    """`*` among others turns the regexes off; `*` with a port does not."""
    assert parse_hosts("a.example,*").regexes == []
    assert parse_hosts("*:443").regexes != []


@pytest.mark.parametrize("named", ["bücher.example", "xn--bcher-kva.example", "*.example", "BÜCHER.example."])
@pytest.mark.parametrize("asked", ["bücher.example", "xn--bcher-kva.example"])
def test_a_name_in_punycode_is_the_same_name(named: str, asked: str) -> None:
    """A host of other letters than ASCII's is intercepted in both of its spellings, whichever the setting has."""
    rules = parse_hosts(named)
    assert rules.match(asked, 443)
    assert _allowed(rules, asked)
    assert not rules.match("bucher.example.org", 443)
    assert not _allowed(rules, "bucher.example.org")


def test_what_is_no_punycode_stays_a_name() -> None:
    """A label that only looks like punycode is matched as it is written."""
    rules = parse_hosts("xn--99999999999.example")
    assert rules.match("xn--99999999999.example", 443)
    assert _allowed(rules, "xn--99999999999.example")
