"""Which hosts are intercepted: the built-in list, the parsing of PROVIDER_PROXY_HOSTS, and the match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from addon.identity.url_form import normal_host
from addon.offline.answering import KINDS, TELEMETRY
from cache_store.errors import UsageError

__all__ = ["PROVIDER_HOSTS", "HostRules", "offline_hosts", "parse_hosts", "quoted"]

PROVIDER_HOSTS: tuple[tuple[str, str], ...] = (
    ("OpenAI", "api.openai.com"),
    ("OpenAI, regional", "*.api.openai.com"),
    ("Azure OpenAI", "*.openai.azure.com"),
    ("Azure AI Foundry", "*.services.ai.azure.com"),
    ("Azure Cognitive Services", "*.cognitiveservices.azure.com"),
    ("Anthropic", "api.anthropic.com"),
    ("Anthropic on AWS", "aws-external-anthropic.*.api.aws"),
    ("Anthropic on Google Cloud", "claude.googleapis.com"),
    ("Google Gemini API", "generativelanguage.googleapis.com"),
    ("Google Vertex AI", "aiplatform.googleapis.com"),
    ("Google Vertex AI, regional", "*-aiplatform.googleapis.com"),
    ("Google Vertex AI, multi-region", "aiplatform.*.rep.googleapis.com"),
    ("Amazon Bedrock runtime", "bedrock-runtime.*.amazonaws.com"),
    ("Amazon Bedrock runtime, FIPS", "bedrock-runtime-fips.*.amazonaws.com"),
    ("Amazon Bedrock runtime, dual-stack", "bedrock-runtime.*.api.aws"),
    ("Amazon Bedrock Mantle", "bedrock-mantle.*.api.aws"),
    ("Mistral", "api.mistral.ai"),
    ("Mistral, regional", "api.*.mistral.ai"),
    ("Mistral Codestral", "codestral.mistral.ai"),
    ("Cohere", "api.cohere.com"),
    ("Cohere, older name", "api.cohere.ai"),
    ("Groq", "api.groq.com"),
    ("Together", "api.together.xyz"),
    ("Together, newer name", "api.together.ai"),
    ("Together, chat of its SDK", "api-inference.together.ai"),
    ("Fireworks", "api.fireworks.ai"),
    ("DeepSeek", "api.deepseek.com"),
    ("xAI", "api.x.ai"),
    ("OpenRouter", "openrouter.ai"),
    ("Perplexity", "api.perplexity.ai"),
    ("Cerebras", "api.cerebras.ai"),
    ("DeepInfra", "api.deepinfra.com"),
    ("Hugging Face inference", "router.huggingface.co"),
    ("Hugging Face inference, older name", "api-inference.huggingface.co"),
    ("Hugging Face, look-ups of models", "huggingface.co"),
    ("Voyage", "api.voyageai.com"),
)
"""Names and host globs; `*` crosses dots. A local server (Ollama, vLLM) must be added: `+localhost:11434`."""

_PATTERN = re.compile(r"(?:(https?)://)?(\[[0-9a-f:.%]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}|\*))?/?")


@dataclass(frozen=True, slots=True)
class _Rule:
    host: str
    port: int | None

    def regexes(self) -> list[str]:
        # mitmproxy decodes a name with non-ASCII letters, except in a TLS hello.
        names = dict.fromkeys((self.host, ".".join(map(_decoded, self.host.split(".")))))
        port = self.port if self.port is not None else "[0-9]+"
        return [rf"^{re.escape(name).replace(r'\*', '.*')}\.?:{port}$" for name in names]


def _decoded(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


@dataclass(frozen=True)
class HostRules:
    """The hosts that are intercepted. `*` crosses dots; without a port every port matches."""

    rules: tuple[_Rule, ...]

    @property
    def regexes(self) -> list[str]:
        """Regular expressions for mitmproxy's `allow_hosts`, searched in `host:port`; [] means every host."""
        if any(rule.host == "*" and rule.port is None for rule in self.rules):
            return []
        return [regex for rule in self.rules for regex in rule.regexes()]

    def match(self, host: str, port: int | None = None) -> bool:
        """Whether `host` is intercepted on `port`; without a port, whether it is on any."""
        return "@" not in host and _match(self.rules, normal_host(host).rstrip("."), port)

    def names(self) -> list[str]:
        """The globs, for `doctor` and messages."""
        return [rule.host + (f":{rule.port}" if rule.port else "") for rule in self.rules]


@lru_cache(maxsize=4096)
def _match(rules: tuple[_Rule, ...], host: str, port: int | None) -> bool:
    return any(
        (port is None or rule.port is None or rule.port == port)
        and re.fullmatch(re.escape(rule.host).replace(r"\*", ".*"), host)
        for rule in rules
    )


_BUILT_IN = tuple(_Rule(glob, None) for _, glob in PROVIDER_HOSTS)


@lru_cache(maxsize=2)
def offline_hosts(*, tokens: bool) -> HostRules:
    """The further hosts that a run which sends nothing intercepts, to answer them itself (`addon.offline`)."""
    kinds = [kind for kind in KINDS if tokens or kind.name == TELEMETRY]
    return HostRules(tuple(_Rule(host, None) for kind in kinds for host in kind.hosts))


def parse_hosts(text: str) -> HostRules:
    """Rules from PROVIDER_PROXY_HOSTS: comma-separated globs; blank is the built-in list, `+…` adds to it.

    Raises UsageError for an invalid glob.
    """
    text = text.strip()
    adds = text.startswith("+")
    rules = [_parse_rule(part) for part in text.removeprefix("+").split(",") if part.strip()]
    return HostRules((*_BUILT_IN, *rules) if adds or not rules else tuple(rules))


def quoted(value: str) -> str:
    """A value that should be a host, for a message; the part before an `@` may be a password and is left out."""
    return repr("…@" + value.rpartition("@")[2] if "@" in value else value)


def _parse_rule(part: str) -> _Rule:
    match = _PATTERN.fullmatch(part.strip().lower())
    port = match.group(3) if match else None
    if not match or (port not in (None, "*") and not 0 < int(port or 0) < 65536):
        raise UsageError(
            f"PROVIDER_PROXY_HOSTS: {quoted(part.strip())} is not a host; "
            "write host, host:port or a glob such as *.example.com"
        )
    return _Rule(
        host=normal_host(match.group(2)).rstrip("."),
        port=None if port in (None, "*") else int(port or 0),
    )
