"""Names and values of credentials."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.redaction.member_names import (
    HARMLESS,
    credential_kind,
    describes,
    is_credential_header,
    is_redacted,
    looks_secret,
    rule_of,
    words_of,
)
from addon.redaction.members import may_name_one, sightings

RANDOM = "CANARY0a7f3a9c1b2d4e6f80"


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "API_KEY", "x-api-key", "wandb_api_key", "wandbApiKey", "wandbapikey", "apikeys", "OPENAI_API_KEY", "apiKeyString", "apiKeySecret",
     "secret", "client_secret", "clientSecretValue", "secret_value", "signing_secret", "webhookSecret", "password", "dbPassword", "passwd", "PWD",
     "connection_string", "azureConnectionString", "bearer_token", "user_access_token", "external_api_token", "access_token", "SAMLAssertion",
     "encryption_key", "main_key", "secondary_key", "accountKey", "SharedAccessKey", "private_key", "client_private_key", "aws_access_key_id",
     "aws_secret_access_key", "credential_secret", "credentials", "authorization", "authorization_token", "jwt", "dsn"],
)  # fmt: skip
def test_names_that_always_hold_one(name: str) -> None:
    """Any value under these names is a credential, in camel case, snake case, capitals and glued words."""
    assert credential_kind(name, "x") is not None
    assert credential_kind(name, "") is None
    assert may_name_one(b'{"%b":"x"}' % name.encode())


@pytest.mark.parametrize(
    "name",
    ["key", "token", "tunnel_token", "participant_token", "execution_token", "hf_token", "hmacKey", "keys", "key_string", "wandb_key"],
)  # fmt: skip
def test_names_whose_value_decides(name: str) -> None:
    """Under these names a random text is a credential, and words, ids and counts are not."""
    assert credential_kind(name, RANDOM) is not None
    assert all(
        credential_kind(name, value) is None
        for value in ("region", "user_id", "42", "ctrl+c", "gpt-4o-2024-08-06")
    )
    assert may_name_one(b'{"%b":"x"}' % name.encode())


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "maxOutputTokens", "token_ids", "prompt_cache_key", "promptCacheKey", "logit_bias", "next_page_token", "pageToken", "eos_token",
     "tokens", "stop_token", "token_type", "token_count", "tokenizer", "api_key_id", "secret_name", "secretName", "token_url", "public_key",
     "client_secret_expires_at", "is_secret", "signing_secret_hint", "password_policy", "keyboard", "monkey", "author", "keywords", "model",
     "idempotency_key", "safety_identifier", "signature", "thoughtSignature", "encrypted_content", "continuation_token", "x" * 500],
)  # fmt: skip
def test_names_of_data(name: str) -> None:
    """Names that providers use for data never hold a credential, whatever the value looks like."""
    assert rule_of(name) is None
    assert credential_kind(name, RANDOM) is None


WORDS = [
    "access token", "actor token", "api key", "auth token", "authorization token", "aws session token", "client assertion", "client secret",
    "code verifier", "connection string", "device code", "id token", "private key", "refresh token", "secret access key", "secret key",
    "security token", "session token", "subject token", "web identity token", "x api key",
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_every_spelling(words: str) -> None:
    """A name has one kind in camel case, snake case, with hyphens and in capitals; glued it is known as well."""
    parts = words.split()
    capital = [part.capitalize() for part in parts]
    spellings = [
        "_".join(parts),
        "-".join(parts),
        "".join(capital),
        parts[0] + "".join(capital[1:]),
        "-".join(capital),
        "_".join(parts).upper(),
    ]
    for name in spellings:
        assert rule_of(name) == ("-".join(parts), True)
    for name in ("".join(parts), "".join(parts).upper()):
        rule = rule_of(name)
        assert rule is not None
        assert rule.certain


def test_harmless_names_have_their_form() -> None:
    """The list has names in lower case that consist of letters."""
    assert all(name.isalpha() and name.islower() for name in HARMLESS)


@pytest.mark.parametrize(
    "value",
    [RANDOM, "ABCDEFabcdef0123456789", "pplx-ABCDEFabcdef0123456789ABCDEF", "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz",
     "c2VjcmV0LXZhbHVlLXdpdGg=", "7f3a9c=1b2d4e6f80+QwErTy"],
)  # fmt: skip
def test_values_that_look_secret(value: str) -> None:
    """A secret is one piece of text that consists of neither words nor numbers."""
    assert looks_secret(value)


@pytest.mark.parametrize(
    "value",
    ["", "region", "user_region_2024_summary", "us-east-1a", "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022", "550e8400-e29b-41d4-a716-446655440000",
     "projects/p/secrets/s/versions/1", "uploads/2024/img_0001.png", "https://h/0a7f3a9c1b2d4e6f80", "a1b2c3", "a sentence with 0a7f3a9c1b2d4e6f80",
     "${OPENAI_API_KEY}", "{{token_0a7f3a9c1b2d4e6f80}}", "YOUR_API_KEY_0a7f3a9c1b2d", "x" * 17_000, "12345678901234567890", "ünicode0a7f3a9c1b2d4e6f80"],
)  # fmt: skip
def test_values_that_do_not(value: str) -> None:
    """Words, slugs, ids, paths, URLs and placeholders are not secrets, nor are values that are too short or too long."""
    assert not looks_secret(value)


def test_what_describes_a_credential() -> None:
    """Objects of these names hold credentials under `key`, `token` and `value`."""
    assert all(
        map(
            describes,
            (
                "auth",
                "service_auth",
                "apiAuth",
                "authentication",
                "credentials",
                "domain_secrets",
                "apiKeyConfig",
            ),
        )
    )
    assert not any(map(describes, ("author", "parameters", "metadata", "x" * 500, "", "api_key_ids")))


def test_headers() -> None:
    """The names of headers that carry credentials are recognised in any case."""
    assert all(map(is_credential_header, ("Authorization", "X-API-Key", "x-vendor-token", "Cookie")))
    assert not any(map(is_credential_header, ("Accept", "x-route", "Idempotency-Key")))


def test_redactions_are_told() -> None:
    """A redaction is never taken for a credential."""
    for text in ("<redacted:api-key:" + "a1" * 16 + ">", "<redacted:ignored>", "<sha256:" + "a1" * 16 + ">"):
        assert is_redacted(text)
    assert not any(map(is_redacted, ("", "<redacted::api-key>", "x<redacted:key>", "<b>")))


# The SDKs' modules that define requests and answers. The last two are optional.
SDKS = {
    "openai": "types",
    "anthropic": "types",
    "google.genai": "types.py",
    "mistralai": "",
    "cohere": "",
    "together": "types",
    "groq": "types",
}
SUSPICIOUS = {
    "apikey",
    "assertion",
    "auth",
    "authentication",
    "authorization",
    "bearer",
    "certificate",
    "connection",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "dsn",
    "hmac",
    "jwt",
    "key",
    "keys",
    "oauth",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pem",
    "pin",
    "private",
    "pwd",
    "sas",
    "secret",
    "secrets",
    "signature",
    "signing",
    "token",
    "tokens",
    "verifier",
    "webhook",
}
# Fields of text that were looked at and are not credentials, each with what it holds.
REVIEWED = {
    "algorithm_trial_key": "mistralai: which trial",
    "api_key_id": "anthropic: names a key", "api_key_ids": "openai, anthropic: name keys", "scoped_api_key_id": "anthropic: names a key",
    "ca_cert_pem": "anthropic: public", "ca_certificate_pem": "anthropic: public", "certificate": "openai: public", "certificate_ids": "openai",
    "client_certificate": "mistralai: public; its key is in client_private_key",
    "credential_id": "names one", "runtime_credential_id": "mistralai: names one", "credential_origin": "openai: a word",
    "credentials_name": "mistralai", "credentials_title": "mistralai", "secret_name": "names one", "signing_secret_hint": "openai: the last letters",
    "api_key_secret_version": "google-genai: names a secret of a secret manager",
    "auth_type": "cohere: a word", "auth_url": "an address", "authorization_url": "an address", "authorization_endpoint": "an address",
    "oauth2_server_metadata_url": "an address", "oauth_scope": "words", "oauth2_scopes": "words",
    "authorization_grant_profiles_supported": "words (RFC 8414)", "introspection_endpoint_auth_methods_supported": "words (RFC 8414)",
    "introspection_endpoint_auth_signing_alg_values_supported": "words (RFC 8414)", "revocation_endpoint_auth_methods_supported": "words (RFC 8414)",
    "revocation_endpoint_auth_signing_alg_values_supported": "words (RFC 8414)", "token_endpoint_auth_methods_supported": "words (RFC 8414)",
    "token_endpoint_auth_signing_alg_values_supported": "words (RFC 8414)",
    "dashboard_user_context_auth": "mistralai: of its client, not of a body", "dashboard_user_or_service_account_context_auth": "mistralai: of its client",
    "continuation_token": "google-genai: continues an answer, so it shapes the next",
    "effective_external_key_id": "anthropic: names a key", "external_key_id": "openai, anthropic: names a key", "external_key_ids": "anthropic: name keys",
    "expected_key": "mistralai: which statistic",
    "google_maps_widget_context_token": "google-genai: draws a map beside an answer",
    "idempotency_key": "openai, together: one per call",
    "key_name": "openai, anthropic: names a key", "key_ocid": "openai: names a key", "key_version": "openai", "key_version_ocid": "openai",
    "kms_key_location": "openai", "kms_key_name": "names a key", "kms_key_ring_name": "openai", "kms_key_version": "openai",
    "next_page_token": "a position in a list", "page_token": "a position in a list",
    "partial_key_hint": "anthropic: the last letters",
    "prompt_cache_key": "openai, mistralai: which prompts share a cache",
    "routed_experts_key": "together: which experts", "rubric_group_key": "google-genai: which rubric",
    "search_key": "mistralai: what is searched for", "source_attribute_key": "mistralai: the name of an attribute",
    "signature": "anthropic: of a thought; it has to come back unchanged", "thought_signature": "google-genai: of a thought",
    "signature_extractor_regex": "mistralai", "signature_header_name": "mistralai", "signature_payload_pattern": "mistralai",
    "token_endpoint": "an address; URLs are looked at by themselves", "token_url": "an address",
    "token_strings": "cohere: pieces of text", "tokens": "pieces of text",
    "webhook_endpoint_id": "openai: names one", "webhook_id": "mistralai: names one",
}  # fmt: skip


def fields_of(sdk: str) -> Iterator[str]:
    """The names of all fields of text in an SDK's types, read from its source."""
    spec = importlib.util.find_spec(sdk.partition(".")[0]) and importlib.util.find_spec(sdk)
    if spec is None or spec.submodule_search_locations is None:
        return
    base = Path(next(iter(spec.submodule_search_locations))) / SDKS[sdk]
    for file in [base] if base.is_file() else base.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for field in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    kind = ast.unparse(field.annotation)
                    if re.search(r"\bstr\b|SecretStr|\bbytes\b", kind):
                        yield field.target.id


@pytest.mark.parametrize("sdk", SDKS)
def test_every_field_of_the_sdks(sdk: str) -> None:
    """Each field of text whose name suggests a credential is redacted, or was looked at and is listed above."""
    names = {name for name in fields_of(sdk) if not SUSPICIOUS.isdisjoint(words_of(name))}
    if not names:
        assert sdk in ("together", "groq")
        pytest.skip(f"{sdk} is not installed")
    redacted = {name for name in names if list(sightings({name: RANDOM}))}
    assert names - redacted <= REVIEWED.keys()
    assert redacted.isdisjoint(REVIEWED)
    for name in redacted:
        camel = re.sub("_([a-z0-9])", lambda match: match[1].upper(), name)
        assert list(sightings({camel: RANDOM})), camel


@pytest.mark.parametrize(
    "name", ["auth", "basic_auth", "authHeader", "pat", "github_pat", "sas", "sig", "proxy_url"]
)
def test_names_that_may_hold_a_credential(name: str) -> None:
    """A random text under one of these names is redacted; words, numbers, lists of numbers and paths are not."""
    assert list(sightings({name: RANDOM}))
    for value in ("bearer", 17, [1, 2], "https://proxy.example:8080/"):
        assert not list(sightings({name: value}))


UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    "name",
    ["token", "auth", "hf_token", "HF_TOKEN", "x_token", "githubToken", "github_pat", "openai_key", "AZURE_OPENAI_KEY", "azureOpenaiKey", "api_key"],
)  # fmt: skip
def test_a_uuid_is_a_credential_where_the_name_is_a_vendors(name: str) -> None:
    """Some vendors hand out UUIDs as keys. Words and numbers under these names stay."""
    assert credential_kind(name, UUID) is not None
    assert list(sightings({name: UUID}))
    assert list(sightings({name: [UUID]}))
    if name != "api_key":
        assert not any(credential_kind(name, value) for value in ("region", "42", f"{UUID} or so"))


@pytest.mark.parametrize(
    "name", ["key", "keys", "execution_token", "tunnel_token", "next_page_token", "user_key", "openai_key_id"]
)
def test_a_uuid_is_data_under_other_names(name: str) -> None:
    """There it is mostly an identifier, which an answer may repeat."""
    assert not list(sightings({name: UUID}))
