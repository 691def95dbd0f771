"""Names and values of credentials."""

from __future__ import annotations

import pytest

from addon.redaction.member_names import (
    HARMLESS,
    credential_kind,
    describes,
    is_credential_header,
    is_redacted,
    looks_secret,
    may_name_one,
    rule_of,
)

RANDOM = "CANARY0a7f3a9c1b2d4e6f80"


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "API_KEY", "x-api-key", "wandb_api_key", "wandbApiKey", "wandbapikey", "OPENAI_API_KEY", "apiKeyString", "apiKeySecret",
     "secret", "client_secret", "clientSecretValue", "secret_value", "signing_secret", "webhookSecret", "password", "dbPassword", "passwd", "PWD",
     "connection_string", "azureConnectionString", "bearer_token", "user_access_token", "external_api_token", "access_token", "SAMLAssertion",
     "encryption_key", "main_key", "secondary_key", "accountKey", "SharedAccessKey", "private_key", "client_private_key", "aws_access_key_id",
     "aws_secret_access_key", "credential_secret", "credentials", "authorization", "authorization_token", "jwt", "dsn"],
)  # fmt: skip
def test_names_that_always_hold_one(name: str) -> None:
    """Camel case, snake case, capitals and glued words: any value under these names is a credential."""
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


def test_harmless_names_have_their_form() -> None:
    """They are compared in lower case, by their letters alone."""
    assert all(name.isalpha() and name.islower() for name in HARMLESS)


@pytest.mark.parametrize(
    "value",
    [RANDOM, "ABCDEFabcdef0123456789", "pplx-ABCDEFabcdef0123456789ABCDEF", "0123456789abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwxyz",
     "c2VjcmV0LXZhbHVlLXdpdGg=", "7f3a9c=1b2d4e6f80+QwErTy"],
)  # fmt: skip
def test_values_that_look_secret(value: str) -> None:
    """One piece of text that consists of neither words nor numbers."""
    assert looks_secret(value)


@pytest.mark.parametrize(
    "value",
    ["", "region", "user_region_2024_summary", "us-east-1a", "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022", "550e8400-e29b-41d4-a716-446655440000",
     "projects/p/secrets/s/versions/1", "uploads/2024/img_0001.png", "https://h/0a7f3a9c1b2d4e6f80", "a1b2c3", "a sentence with 0a7f3a9c1b2d4e6f80",
     "${OPENAI_API_KEY}", "{{token_0a7f3a9c1b2d4e6f80}}", "YOUR_API_KEY_0a7f3a9c1b2d", "x" * 17_000, "12345678901234567890", "ünicode0a7f3a9c1b2d4e6f80"],
)  # fmt: skip
def test_values_that_do_not(value: str) -> None:
    """Words, slugs, ids, paths, URLs, placeholders and what is too short or too long."""
    assert not looks_secret(value)


def test_what_describes_a_credential() -> None:
    """Objects of these names say what their `key`, `token` and `value` are."""
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
    """Names of headers that carry credentials, in any case."""
    assert all(map(is_credential_header, ("Authorization", "X-API-Key", "x-vendor-token", "Cookie")))
    assert not any(map(is_credential_header, ("Accept", "x-route", "Idempotency-Key")))


def test_redactions_are_told() -> None:
    """What redaction writes is never taken for a credential again."""
    for text in ("<redacted:api-key:" + "a1" * 16 + ">", "<redacted:ignored>", "<sha256:" + "a1" * 16 + ">"):
        assert is_redacted(text)
    assert not any(map(is_redacted, ("", "<redacted::api-key>", "x<redacted:key>", "<b>")))


def test_a_name_at_the_end_of_a_step() -> None:
    """A long document is tested in steps that overlap."""
    assert may_name_one(b" " * (256 * 1024 - 4) + b'"api_key":1')
    assert not may_name_one(b'{"max_tokens":1,"messages":[]}')
