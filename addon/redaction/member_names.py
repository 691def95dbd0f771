"""Decides whether a name and its value are a credential, by the shape of both.

Redaction, learning and scanning share these rules. There are three kinds of names:

- names that always hold a credential: `api_key`, `clientSecret`, `connection_string`, `wandbApiKey`;
- names that may hold one: a bare `key` or `token`, `tunnel_token`, `keyString`. The value decides: identifiers,
  words, counts and URLs stay, but a UUID under `token` or a vendor's name (`hf_token`) is a credential;
- names of objects that describe a credential: `authentication`, `service_auth`, `domain_secrets`. Inside them
  `key`, `token` and `value` always hold one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from addon.redaction.credential_places import UNKNOWN, header_kind

__all__ = [
    "DESCRIBED_NAMES",
    "DESCRIBED_VALUES",
    "HARMLESS",
    "SUSPECT",
    "Rule",
    "credential_kind",
    "describes",
    "is_about",
    "is_credential",
    "is_credential_header",
    "is_redacted",
    "is_uuid",
    "looks_secret",
    "rule_of",
    "words_of",
]


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


HARMLESS = _set(
    """
    algorithmtrialkey authorizationurl bostoken cachekey clstoken contenttoken continuationtoken
    cursortoken dedupekey deduplicationkey endtoken eostoken expectedkey foreignkey groupkey
    googlemapswidgetcontexttoken idempotencykey keypath kmskey kmskeyname masktoken nextpagetoken
    nexttoken objectkey padtoken
    pagetoken paginationtoken partitionkey primarykey promptcachekey publickey routedexpertskey
    rubricgroupkey searchkey septoken sortkey sourceattributekey specialtoken specialtokens starttoken
    stoptoken stoptokens syncpagetoken synctoken tokens tokenstrings trialkey unktoken
    """
)
"""Names (lower case, letters only) that look like credentials, but whose values shape the answer."""

_LONGEST_NAME = 128
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A quick test: a name without any of these has no rule.
SUSPECT = re.compile(
    r"key|token|secret|pass|pwd|credential|auth|jwt|bearer|connection|assertion|verifier|device|dsn|header|cookie"
    r"|value|login|(?<![a-z])(?:pat|sas|sig)(?![a-z])|proxy.?url"
)
# The end of a last word, so that `wandbapikey` counts as well. Sources: RFC 6749, 7521, 7636, 8628, 8693, AWS STS,
# gateways that take AWS credentials in a body (litellm), and the types of the SDKs, which a test walks through.
_GLUED = re.compile(
    r".*(?:apikeys?|secret|secrets|password|passwords|passwd|passphrase|passcode|credential|credentials|connectionstring|"
    r"assertion|codeverifier|devicecode|(?:access|actor|auth|authorization|bearer|refresh|session|security|subject|id|"
    r"identity)token|(?:access|account|private|secret|master|encryption|signing)key)"
    r"|pwd|jwt|dsn|bearer|authorization|cookie|cookies"
)
_PHRASES = (
    re.compile(
        r"(?:^| )(?:api|access|account|private|secret|master|main|secondary|encryption|signing|subscription|shared|"
        r"storage|service|client|admin|license|auth|webhook|ephemeral) keys?$"
    ),
    re.compile(
        r"(?:^| )(?:access|api|auth|authorization|authentication|bearer|refresh|session|security|id|identity|user|"
        r"sas|bot|personal|deploy|csrf|xsrf|actor|subject|oauth) tokens?$"
    ),
    re.compile(
        r"(?:^| )(?:(?:client|saml) assertion|code verifier|device code|pass (?:phrase|word|code|key))$"
    ),
)
_WEAK_WORDS = frozenset({"key", "keys", "token", "tokens"})
_STRONG_WORDS = _set(
    """
    apikey apikeys assertion authorization bearer cookie cookies credential credentials dsn jwt passcode
    passphrase passwd password passwords pwd secret secrets
    """
)
# A name that goes on after its credential's word names something about it, unless it goes on with one of these.
_VALUE_WORDS = _set(
    """
    base bytes data pem plain raw string text value
    """
)
_ABOUT_WORDS = _set(
    """
    accuracy at budget count counts created deleted description details enabled endpoint expires expiry
    field format hash hint hours id ids index info label length likelihoods limit limits location
    logprobs method methods minutes name names ocid origin path policy prefix ref reference required
    ring scope scopes seconds size status suffix supported title ttl type types updated uri url usage
    version
    """
)
# Names whose values are credentials only if they look random.
_MAYBE = _set("auth authheader basicauth proxyurl sig")
_MAYBE_LAST = frozenset({"pat", "sas"})
# Vendors whose credentials people keep under `<vendor>_token`, `<vendor>_key` or `<vendor>_pat`.
_VENDORS = _set(
    """
    airtable anthropic apify asana atlassian azure bitbucket claude cloudflare cohere deepseek discord elevenlabs
    figma firecrawl gemini gh git github gitlab google groq heroku hf hubspot huggingface jira langfuse langsmith
    mistral netlify notion npm openai openrouter perplexity pinecone postmark pypi replicate sentry serper slack
    stripe supabase tavily telegram twilio twitter vercel wandb x xai
    """
)
_DESCRIBING = _set(
    """
    apikey auth authentication authorization basicauth credential credentials login oauth password
    passwords secret secrets
    """
)
DESCRIBED_VALUES = _set(
    """
    basic bearer code data pass pem raw string text value
    """
)
DESCRIBED_NAMES = _set(
    """
    account algorithm audience description domain email env format header host id in issuer kind
    location login method model name object organization project provider realm reference region role
    scheme scope status tenant title type url user username
    """
)
_PIECE = re.compile(r"[-_./: @+=,;|~#]+")
_WORD_PIECE = re.compile(r"[A-Za-z]{1,19}|[0-9]+|[A-Za-z0-9]{1,5}|[A-Z]?[a-z]{2,19}[0-9]{1,4}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SHORTEST_SECRET, _LONGEST_SECRET = 16, 16 * 1024
_MARKER = re.compile(r"<(?:redacted:[a-z0-9-]+|sha256)(?::[0-9a-f]{32})?>")
_PLACEHOLDER = re.compile(
    r"[<{$%\[].{0,200}[>}%\])]|\$\w+|[xX*.•-]+|(?i:your|my|the|some|insert|replace)[-_ ].{0,100}"
)


class Rule(NamedTuple):
    """The kind of credential under a name, and whether every value under it is one."""

    kind: str
    certain: bool


def is_redacted(text: str) -> bool:
    """Whether the whole of `text` is a redaction of ours; always False for text that is not yet redacted."""
    return text.startswith("<") and _MARKER.fullmatch(text) is not None


def looks_secret(value: str, shortest: int = _SHORTEST_SECRET) -> bool:
    """Whether a value of unknown meaning may be a secret: one piece of text, neither words, numbers nor a UUID."""
    if not shortest <= len(value) <= _LONGEST_SECRET or "://" in value or not value.isascii():
        return False
    if any(character.isspace() for character in value) or _PLACEHOLDER.fullmatch(value):
        return False
    pieces = _PIECE.split(_UUID.sub("", value))
    return not all(_WORD_PIECE.fullmatch(piece) for piece in pieces if piece)


def is_uuid(value: str) -> bool:
    """Whether the whole of `value` is a UUID."""
    return len(value) == 36 and _UUID.fullmatch(value) is not None


def is_credential(rule: Rule, value: str) -> bool:
    """Whether a value, which is not empty, is a credential under a name with this rule."""
    return rule.certain or looks_secret(value) or (is_uuid(value) and _is_of_vendor(rule.kind))


@lru_cache(maxsize=1024)
def _is_of_vendor(kind: str) -> bool:
    *before, last = kind.split("-")
    if not before:
        return last in ("token", "auth")
    return last in ("token", "key", "pat") and _VENDORS.issuperset(before)


def credential_kind(name: str, value: str) -> str | None:
    """The kind of credential that a member holds outside any object that describes one, or None."""
    rule = rule_of(name)
    return rule.kind if rule and value and is_credential(rule, value) else None


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, whether it is in camel case or snake case. Digits are left out."""
    return [word.lower() for word in _WORDS.findall(name)]


@lru_cache(maxsize=4096)
def rule_of(name: str) -> Rule | None:
    """The rule for a member's name, or None if such a member never holds a credential."""
    if len(name) > _LONGEST_NAME or not SUSPECT.search(name.lower()):
        return None
    words = words_of(name)
    if not words or "".join(words) in HARMLESS:
        return None
    kind = "-".join(words)
    if "".join(words) in _MAYBE or words[-1] in _MAYBE_LAST:
        return Rule(kind, certain=False)
    if words[-2:] == ["connection", "string"]:
        return Rule(kind, certain=True)
    while words and words[-1] in _VALUE_WORDS and len(words) > 1:
        words = words[:-1]
    joined = " ".join(words)
    if kind == "aws-access-key-id":
        return Rule(kind, certain=True)
    if words[-1] in _ABOUT_WORDS or words[0] in ("is", "has", "max", "min", "num", "keep"):
        return None
    if _GLUED.fullmatch(words[-1]) or any(phrase.search(joined) for phrase in _PHRASES):
        return Rule(kind, certain=True)
    if not _WEAK_WORDS.isdisjoint(words) or not _STRONG_WORDS.isdisjoint(words):
        return Rule(kind, certain=False)
    return None


@lru_cache(maxsize=4096)
def describes(name: str) -> bool:
    """Whether an object or a list under this name describes credentials."""
    if len(name) > _LONGEST_NAME:
        return False
    words = words_of(name)
    return bool(words) and (
        not _DESCRIBING.isdisjoint(words)
        or (" ".join(words[:2]) == "api key" and words[-1] not in _ABOUT_WORDS)
    )


def is_credential_header(name: str) -> bool:
    """Whether a header of this name carries a credential."""
    kind = header_kind(name.encode("utf-8", "replace"))
    return kind not in (None, UNKNOWN) and "".join(words_of(name)) not in HARMLESS


def is_about(name: str) -> bool:
    """Whether a name ends in a word for something about a credential: `secret_name`, `token_url`."""
    words = words_of(name)
    return bool(words) and words[-1] in _ABOUT_WORDS
