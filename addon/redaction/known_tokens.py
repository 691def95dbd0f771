"""The formats of tokens that can be recognised by their prefix.

Sources: the providers' documentation, and the default rules of gitleaks 8
(https://github.com/gitleaks/gitleaks, `config/gitleaks.toml`), from which the rules with a distinctive prefix
are taken. Its rules that only look for a vendor's name beside any random text are not.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AFTER_DOT", "AFTER_EQUALS", "AFTER_HYPHEN", "AFTER_UNDERSCORE", "TELEGRAM", "TokenShape"]


class TokenShape(NamedTuple):
    """A kind of token. `prefix` is a pattern of fixed length, `rest` the pattern of what follows it."""

    kind: str
    prefix: str
    rest: str


_W = "[A-Za-z0-9_-]"
_AN = "[A-Za-z0-9]"
_B64 = "[A-Za-z0-9+/]"
_HEX = "[A-Fa-f0-9]"
_END = "(?![A-Za-z0-9_-])"
_END_AN = "(?![A-Za-z0-9_])"

# Quantifiers are possessive: if the end does not match, a shorter match cannot match either.
AFTER_HYPHEN = (
    # Anthropic, OpenAI, OpenRouter, DeepSeek, Moonshot, Langfuse
    TokenShape("sk-key", "sk-", rf"(?:ant-{_W}{{24,256}}+|(?!ant-){_W}{{32,256}}+){_END}"),
    TokenShape("perplexity-key", "pplx-", rf"{_AN}{{40,100}}+{_END}"),
    TokenShape("xai-key", "xai-", rf"{_AN}{{40,120}}+{_END}"),
    TokenShape("nvidia-key", "nvapi-", rf"{_W}{{40,120}}+{_END}"),
    TokenShape("cerebras-key", "csk-", rf"{_AN}{{40,64}}+{_END}"),
    TokenShape("tavily-key", "tvly-", rf"[A-Za-z0-9-]{{24,80}}+{_END}"),
    TokenShape("openai-session", "sess-", rf"{_AN}{{40}}+{_END}"),
    TokenShape("google-client-secret", "GOCSPX-", rf"{_W}{{24,40}}+{_END}"),
    TokenShape("slack-token", "xox[abeoprs]-", rf"[A-Za-z0-9-]{{20,255}}+{_END_AN}"),
    TokenShape("slack-token", "xapp-", rf"[A-Za-z0-9-]{{20,255}}+{_END_AN}"),
    TokenShape("gitlab-token", "gl(?:pat|ptt|cbt|imt|oas)-", rf"{_W}{{20,300}}+"),
    TokenShape("gitlab-token", "gl(?:dt|ft|rt)-", rf"{_W}{{20,300}}+"),
    TokenShape("gitlab-token", "gl(?:soat|ffct)-", rf"{_W}{{20,300}}+"),
    TokenShape("gitlab-token", "glagent-", rf"{_W}{{50}}+"),
    TokenShape("pypi-token", "pypi-", rf"AgE{_W}{{50,1024}}+"),
    TokenShape("postman-key", "PMAK-", rf"{_HEX}{{24}}-{_HEX}{{34}}{_END}"),
    TokenShape("pulumi-token", "pul-", rf"{_HEX}{{40}}{_END}"),
    TokenShape("heroku-key", "HRKU-", rf"AA{_W}{{58}}+"),
    TokenShape("bedrock-key", "bedrock-api-key-", r"[A-Za-z0-9+/=]{28,4096}+"),
    TokenShape("brevo-key", "xkeysib-", rf"{_HEX}{{64}}-{_AN}{{16}}{_END}"),
    TokenShape("square-token", "sq0[ac][st]p-", rf"{_W}{{22,60}}+{_END}"),
)
AFTER_UNDERSCORE = (
    TokenShape("groq-key", "gsk_", rf"{_AN}{{40,80}}+{_END}"),
    TokenShape("github-token", "gh[pousr]_", rf"{_AN}{{36,255}}+{_END}"),
    TokenShape("github-token", "github_pat_", rf"[A-Za-z0-9_]{{22,255}}+{_END}"),
    TokenShape("gemini-auth-token", "auth_", rf"tokens/{_W}{{20,256}}+"),
    TokenShape("huggingface-token", "hf_", rf"{_AN}{{30,64}}+{_END}"),
    TokenShape("huggingface-token", "api_org_", rf"{_AN}{{30,64}}+{_END}"),
    TokenShape("fireworks-key", "fw_", rf"{_AN}{{20,64}}+{_END}"),
    TokenShape("together-key", "tgp_v1_", rf"{_W}{{30,100}}+{_END}"),
    TokenShape("replicate-token", "r8_", rf"{_AN}{{30,64}}+{_END}"),
    TokenShape("openai-ephemeral-key", "ek_", rf"{_HEX}{{32,64}}+{_END}"),
    TokenShape("langsmith-key", "lsv2_[ps][tk]_", rf"{_HEX}{{32}}_{_HEX}{{10}}{_END}"),
    TokenShape("webhook-secret", "whsec_", rf"{_B64}{{24,256}}+"),
    TokenShape("stripe-key", "[rs]k_(?:live|test|prod)_", rf"{_AN}{{17,120}}+{_END}"),
    TokenShape("docker-token", "dckr_pat_", rf"{_W}{{27,60}}+{_END}"),
    TokenShape("figma-token", "figd_", rf"{_W}{{40,60}}+{_END}"),
    TokenShape("supabase-token", "sbp_", rf"{_HEX}{{40}}{_END}"),
    TokenShape("npm-token", "npm_", rf"{_AN}{{36}}+{_END}"),
    TokenShape("grafana-token", "glsa_", rf"{_AN}{{32}}_{_HEX}{{8}}{_END}"),
    TokenShape("grafana-token", "glc_", rf"{_B64}{{32,400}}+"),
    TokenShape("linear-key", "lin_api_", rf"{_AN}{{40}}+{_END}"),
    TokenShape("notion-token", "ntn_", rf"{_AN}{{40,60}}+{_END}"),
    TokenShape("digitalocean-token", "do[opr]_v1_", rf"{_HEX}{{64}}{_END}"),
    TokenShape("planetscale-token", "pscale_tkn_", rf"{_W}{{32,64}}+"),
    TokenShape("planetscale-token", "pscale_pw_", rf"{_W}{{32,64}}+"),
    TokenShape("planetscale-token", "pscale_oauth_", rf"{_W}{{32,64}}+"),
    TokenShape("prefect-key", "pnu_", rf"{_AN}{{36}}+{_END}"),
    TokenShape("shopify-token", "shp(?:at|ca|pa|ss)_", rf"{_HEX}{{32}}{_END}"),
    TokenShape("sentry-token", "sntry[su]_", r"[A-Za-z0-9_+/=]{60,400}+"),
    TokenShape("rubygems-key", "rubygems_", rf"{_HEX}{{48}}{_END}"),
    TokenShape("sourcegraph-token", "sgp_", rf"(?:{_HEX}{{16}}_)?{_HEX}{{40}}{_END}"),
    TokenShape("jina-key", "jina_", rf"{_W}{{40,80}}+{_END}"),
    TokenShape("posthog-key", "phx_", rf"{_AN}{{40,60}}+{_END}"),
)
AFTER_DOT = (
    TokenShape("google-token", r"ya29\.", r"[A-Za-z0-9_.-]{24,4096}+"),
    TokenShape("google-key", r"AQ\.", rf"Ab8{_W}{{40,80}}+{_END}"),
    TokenShape("vault-token", r"hv[bs]\.", rf"{_W}{{24,300}}+"),
    TokenShape("sendgrid-key", r"SG\.", rf"{_W}{{16,32}}\.{_W}{{32,64}}+{_END}"),
    TokenShape("dynatrace-token", r"dt0c01\.", rf"{_AN}{{24}}\.{_AN}{{64}}{_END}"),
    TokenShape("doppler-token", r"dp\.pt\.", rf"{_AN}{{40,44}}+{_END}"),
)
AFTER_EQUALS = (TokenShape("azure-storage-key", "AccountKey=", rf"{_B64}{{40,88}}+"),)
TELEGRAM = rf":AA(?<=[0-9]{{8}}:AA){_W}{{32,34}}+{_END}"
