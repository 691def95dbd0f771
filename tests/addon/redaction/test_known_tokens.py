"""Tokens of known formats."""

from __future__ import annotations

import pytest

from addon.redaction import known_tokens, shapes

AN, HEX = "aB3dE6gH" * 20, "0a1b2c3d" * 20
TOKENS = {
    "perplexity-key": ["pplx-" + AN[:48]], "xai-key": ["xai-" + AN[:80]], "nvidia-key": ["nvapi-" + AN[:64]], "cerebras-key": ["csk-" + AN[:48]],
    "tavily-key": ["tvly-dev-" + AN[:32]], "openai-session": ["sess-" + AN[:40]], "google-client-secret": ["GOCSPX-" + AN[:28]],
    "slack-token": ["xoxb-" + AN[:40], "xoxe-" + AN[:40], "xapp-1-A1-2-" + HEX[:64]],
    "gitlab-token": ["glpat-" + AN[:20], "gldt-" + AN[:20], "glsoat-" + AN[:20], "glagent-" + AN[:50], "glrt-" + AN[:20]],
    "pypi-token": ["pypi-AgEIcHlwaS5vcmc" + AN[:80]], "postman-key": ["PMAK-" + HEX[:24] + "-" + HEX[:34]], "pulumi-token": ["pul-" + HEX[:40]],
    "heroku-key": ["HRKU-AA" + AN[:58]], "bedrock-key": ["bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t" + AN[:100]], "square-token": ["sq0atp-" + AN[:22]],
    "github-token": ["github_pat_11ABCDEFG0abcdefghij_" + AN[:59], "ghp_" + AN[:36]], "huggingface-token": ["hf_" + AN[:34], "api_org_" + AN[:34]],
    "fireworks-key": ["fw_" + AN[:24]], "together-key": ["tgp_v1_" + AN[:43]], "replicate-token": ["r8_" + AN[:37]], "openai-ephemeral-key": ["ek_" + HEX[:32]],
    "langsmith-key": ["lsv2_pt_" + HEX[:32] + "_" + HEX[:10]], "webhook-secret": ["whsec_" + AN[:32]],
    "stripe-key": ["sk_live_" + AN[:24], "rk_test_" + AN[:24]], "npm-token": ["npm_" + AN[:36]],
    "grafana-token": ["glsa_" + AN[:32] + "_" + HEX[:8], "glc_" + AN[:60]], "linear-key": ["lin_api_" + AN[:40]], "notion-token": ["ntn_" + AN[:46]],
    "digitalocean-token": ["dop_v1_" + HEX[:64]], "planetscale-token": ["pscale_tkn_" + AN[:43], "pscale_pw_" + AN[:43], "pscale_oauth_" + AN[:43]],
    "prefect-key": ["pnu_" + AN[:36]], "shopify-token": ["shpat_" + HEX[:32]], "sentry-token": ["sntrys_" + AN[:80]], "rubygems-key": ["rubygems_" + HEX[:48]],
    "sourcegraph-token": ["sgp_" + HEX[:40]], "jina-key": ["jina_" + HEX[:32] + AN[:28]], "posthog-key": ["phx_" + AN[:43]],
    "gemini-auth-token": ["auth_tokens/" + HEX[:32]], "google-key": ["AQ.Ab8" + AN[:46]], "vault-token": ["hvs." + AN[:90]],
    "sendgrid-key": ["SG." + AN[:22] + "." + AN[:43]], "dynatrace-token": ["dt0c01." + AN[:24] + "." + AN[:64]], "doppler-token": ["dp.pt." + AN[:43]],
    "docker-token": ["dckr_pat_" + AN[:27]], "figma-token": ["figd_" + AN[:40]], "supabase-token": ["sbp_" + HEX[:40]],
    "brevo-key": ["xkeysib-" + HEX[:64] + "-" + AN[:16]],
    "azure-storage-key": ["AccountKey=" + AN[:86]], "telegram-token": [":AA" + AN[:33]],
}  # fmt: skip
CASES = [(kind, token) for kind, tokens in TOKENS.items() for token in tokens]


@pytest.mark.parametrize(("kind", "token"), CASES, ids=[token[:16] for _, token in CASES])
def test_found_exactly(kind: str, token: str) -> None:
    """Each is found at its full length, in text and in JSON, and not when it is cut short or within a word."""
    id_of_bot = "12345678" if kind == "telegram-token" else ""
    for before, after in (
        ('"', '"'),
        (" ", "."),
        ("\\n", "\\n"),
        ("(", ")"),
        (";", ";"),
        ("x " * 3000, "\n" * 9),
    ):
        data = (before + id_of_bot + token + after).encode()
        start = len(before + id_of_bot)
        assert shapes.find(data) == [shapes.Finding(kind, start, start + len(token))], data[:80]
    assert shapes.find((id_of_bot + token[:16]).encode()) == []
    if not id_of_bot and kind != "azure-storage-key":
        assert shapes.find(f"x{token}".encode()) == []


def test_every_kind_has_an_example() -> None:
    """Every known format has an example here."""
    tables = (
        known_tokens.AFTER_HYPHEN,
        known_tokens.AFTER_UNDERSCORE,
        known_tokens.AFTER_DOT,
        known_tokens.AFTER_EQUALS,
    )
    kinds = {shape.kind for table in tables for shape in table}
    assert kinds - TOKENS.keys() == {"sk-key", "groq-key", "google-token"}  # see test_shapes


def test_a_long_run_is_searched_in_steps() -> None:
    """A token is found wherever it stands in a run of many steps, and at its full length."""
    token = "github_pat_" + AN[:82]
    for distance in (64 * 1024 - 40, 64 * 1024, 128 * 1024 - 90, 200_000):
        data = (AN[0] * distance + "." + token + "/" + "-a" * 50_000).encode()
        assert shapes.find(data) == [shapes.Finding("github-token", distance + 1, distance + 1 + len(token))]
    jwt = "eyJ" + "a" * 9_000 + ".eyJ" + "a" * 9_000 + "." + "a" * 9_000
    assert shapes.find(jwt.encode()) == [shapes.Finding("jwt", 0, len(jwt))]
