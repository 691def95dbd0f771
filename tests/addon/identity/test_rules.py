"""Ignore rules as users type them."""

from __future__ import annotations

import pytest

from addon.identity import CacheControl, IdentityRules
from addon.identity.rules import Profile
from cache_store.errors import UsageError


def test_defaults_ignore_nothing() -> None:
    """Empty settings give no rules."""
    assert IdentityRules.parse() == IdentityRules()
    assert IdentityRules.parse(" , ", ",", "", "", " ", " ,") == IdentityRules()


def test_parsed() -> None:
    """Lists are split, trimmed, and header names lower-cased."""
    rules = IdentityRules.parse(
        "X-Run, x-team-*", "trace,Cache", "/metadata/user_id, /input/*/id,/a~1b/~0", "EXACT", "Agents"
    )
    assert rules.ignore_headers == {"x-run", "x-team-*"}
    assert rules.ignore_query == {"trace", "Cache"}
    assert rules.ignore_fields == (("metadata", "user_id"), ("input", "*", "id"), ("a/b", "~"))
    assert rules.cache_control is CacheControl.EXACT
    assert rules.profile is Profile.AGENTS


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("ignore_fields", "metadata", "JSON Pointer"), ("ignore_fields", "/a~2", "JSON Pointer"),
        ("ignore_fields", "/a~", "JSON Pointer"), ("ignore_fields", "/model", "cannot be ignored"),
        ("ignore_fields", "/user,/stream", "cannot be ignored"), ("ignore_fields", '""', "cannot be ignored"), ("ignore_fields", "/*", "cannot be ignored"),
        ("ignore_query", "alt", "cannot be ignored"), ("ignore_query", "Model", "cannot be ignored"), ("ignore_query", "stream", "cannot be ignored"),
        ("ignore_query", "a*", "patterns are not"), ("ignore_headers", "*", "header name"), ("ignore_headers", "a b", "header name"),
        ("ignore_headers", "x-*-y", "header name"), ("cache_control", "loose", "use one of: normalise, exact"),
        ("profile", "codex", "use one of: (nothing), agents"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_stops_the_start(setting: str, value: str, said: str) -> None:
    """A wrong setting is one line that names the setting and says what is wrong with it."""
    with pytest.raises(UsageError) as caught:
        IdentityRules.parse(**{setting: value})
    assert said in str(caught.value)
    assert setting.upper() in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pointers() -> None:
    """The examples of RFC 6901, 5 are parsed as it says."""
    rules = IdentityRules.parse(ignore_fields="/,/a~1b,/m~0n,/~01")
    assert rules.ignore_fields == (("",), ("a/b",), ("m~n",), ("~1",))
