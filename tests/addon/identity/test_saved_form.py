"""Keys computed from saved requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.identity import CacheControl, IdentityRules, identify, key_of_saved
from addon.identity.keying import resave
from addon.identity.rules import Profile
from addon.messages import WireRequest
from cache_store.errors import CorruptEntry

SAMPLES = sorted(path.stem for path in (Path(__file__).parents[2] / "requests").glob("*.http"))

RULES = (
    IdentityRules(),
    IdentityRules(cache_control=CacheControl.EXACT),
    IdentityRules(profile=Profile.AGENTS),
    IdentityRules.parse("x-*,content-type", "a,b", "/messages/*/content,/metadata,/a/0,/*/b"),
)

WORDS = st.sampled_from(
    ["a", "b", "properties", "cache_control", "metadata", "user_id", "api_key", "headers", "tools", "system", "type",
     "AKIAIOSFODNN7EXAMPLE", "<redacted:ignored>", "<redacted::", "<sha256:00000000>", "text", "x-anthropic-billing-header: cch=1;"]
) | st.text(max_size=6)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
BODIES = (
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.lists(st.tuples(WORDS, WORDS), max_size=3).map(lambda p: "&".join(f"{a}={b}" for a, b in p).encode("utf-8", "replace"))
    | st.lists(WORDS, max_size=3).map(
        lambda words: b"".join(b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\nx\r\n' % word.encode("utf-8", "replace")
                               for word in words) + b"--B--\r\n")
)  # fmt: skip
NAMES = st.sampled_from(
    [b"x-a", b"X-B", b"accept", b"anthropic-beta", b"authorization", b"content-encoding", b"cookie", b"x-goog-upload-command"]
) | st.binary(max_size=5)  # fmt: skip
CONTENT_TYPES = st.sampled_from(
    [
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=B",
        b"text/plain",
        b"",
        b"a;;",
    ]
)
HEADERS = st.tuples(
    CONTENT_TYPES, st.lists(st.tuples(NAMES, st.binary(max_size=8) | st.just(b"gzip")), max_size=4)
).map(lambda found: ((b"Content-Type", found[0]), *found[1]))
REQUESTS = st.builds(
    WireRequest,
    method=st.sampled_from(["GET", "post"]) | st.text(max_size=4),
    scheme=st.sampled_from(["https", "http"]) | st.text(max_size=4),
    host=st.sampled_from(["api.openai.com", "::1", "[::1]", "u:p@h", "bücher.de"]) | st.text(max_size=8),
    port=st.integers(0, 65535),
    target=st.text(st.sampled_from(list("/?&=%+ab:@#;é12\ud800<>")), max_size=24) | st.text(max_size=10),
    headers=HEADERS,
    body=BODIES,
)


@given(REQUESTS, st.sampled_from(RULES))
def test_recomputed_from_what_is_saved(request: WireRequest, rules: IdentityRules) -> None:
    """The key of a request is the key of what is saved of it, whatever the request and the rules."""
    identity = identify(request, rules)
    assert key_of_saved(identity.request_json, rules) == identity.key
    assert isinstance(json.loads(identity.request_json.decode("utf-8")), dict)
    assert all(isinstance(text, str) for text in identity.label.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_recomputed_for_every_sample(name: str, load_sample: Callable[[str], WireRequest]) -> None:
    """Real requests are recomputed too, also when their saved form was laid out for reading."""
    for rules in RULES:
        identity = identify(load_sample(name), rules)
        assert key_of_saved(identity.request_json, rules) == identity.key
        pretty = json.dumps(json.loads(identity.request_json), indent=2).encode()
        assert key_of_saved(pretty, rules) == identity.key


def test_new_rules_apply_to_old_requests(make: Callable[..., WireRequest]) -> None:
    """A request that was saved in full gets its key under later rules, so that entries can be rekeyed."""
    request = make({"user": "u", "n": 1.5}, {"x-run": "7"}, target="/x?trace=1&a=2")
    later = IdentityRules.parse("x-run", "trace", "/user")
    assert (
        key_of_saved(identify(request, IdentityRules()).request_json, later) == identify(request, later).key
    )
    marked = make({"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]})
    exact = identify(marked, IdentityRules(cache_control=CacheControl.EXACT))
    assert key_of_saved(exact.request_json, IdentityRules()) == identify(marked, IdentityRules()).key


def test_any_change_of_a_saved_request_shows(make: Callable[..., WireRequest]) -> None:
    """Changing any member of a saved request changes its key or makes it invalid."""
    saved: dict[str, Any] = json.loads(
        identify(
            make({"model": "m", "system": [{"cache_control": {"type": "ephemeral"}}]}), IdentityRules()
        ).request_json
    )
    key = key_of_saved(json.dumps(saved).encode(), IdentityRules())
    changes: dict[str, Any] = {
        "method": "GET", "scheme": "http", "host": "h", "port": 1, "path": "/", "query": [["a", None]], "headers": [],
        "credential": False, "cache_control": [{"type": "other"}], "body": None,
    }  # fmt: skip
    assert changes.keys() == saved.keys()
    for name, value in changes.items():
        assert key_of_saved(json.dumps(saved | {name: value}).encode(), IdentityRules()) != key


VALID = {
    "method": "GET", "scheme": "https", "host": "h", "port": 443, "path": "/", "query": [], "headers": [],
    "credential": False, "body": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"method": 1}, {"method": 1.5}, {"port": "443"}, {"port": True}, {"port": 1.5}, {"query": [["a"]]}, {"query": [[1, "b"]]},
        {"query": {}}, {"headers": [["a", 2.5]]}, {"credential": 1}, {"more": 1}, {"cache_control": "x"},
        {"cache_control": [{"type": 1}]}, {"body": []}, {"body": {}}, {"body": {"kind": "json"}}, {"body": {"kind": "other"}},
        {"body": {"kind": []}}, {"body": {"kind": "text", "value": "a", "more": 1}},
        {"body": {"kind": "digest", "sha256": "x", "size": 1.5}}, {"body": {"kind": "json", "value": 1, "more": 2}},
        {"body": {"kind": "json", "value": 1, "limit": "x"}}, {"body": {"kind": "form", "pairs": [], "limit": "x"}},
        {"body": {"kind": "digest", "sha256": "x", "size": 1, "limit": 1.5}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_ours_is_refused(change: dict[str, Any]) -> None:
    """A saved request of another shape is corrupt."""
    assert key_of_saved(json.dumps(VALID).encode(), IdentityRules()).startswith("pp2-")
    with pytest.raises(CorruptEntry):
        key_of_saved(json.dumps(VALID | change).encode(), IdentityRules())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"1.5", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000]
)
def test_what_is_no_saved_request_is_refused(data: bytes) -> None:
    """Other data is corrupt; `{}` stands for a request that was not saved."""
    with pytest.raises(CorruptEntry):
        key_of_saved(data, IdentityRules())


@pytest.mark.parametrize("name", ["a", "<redacted:"])
def test_markers_that_are_redacted_are_sorted_as_they_are_saved(
    name: str, make: Callable[..., WireRequest]
) -> None:
    """Markers are in the order of their redacted texts, so that they can be sorted again."""
    types = ["AKIAIOSFODNN7EXAMPLE", "=", "ephemeral"]
    blocks = [{"type": "text", "text": name, "cache_control": {"type": kind}} for kind in types]
    identity = identify(make({"system": blocks}), IdentityRules())
    assert key_of_saved(identity.request_json, IdentityRules()) == identity.key


def test_a_body_as_deep_as_is_read_can_be_read_again(make: Callable[..., WireRequest]) -> None:
    """The deepest body that counts as JSON is recomputed, and one level more is bytes."""
    for levels, kind in ((128, "json"), (129, "text")):
        identity = identify(make(b"[" * levels + b"1.5" + b"]" * levels), IdentityRules())
        assert json.loads(identity.request_json)["body"]["kind"] == kind
        assert key_of_saved(identity.request_json, IdentityRules()) == identity.key


SECRET = "AKIAIOSFODNN7EXAMPLE"
REDACTED = [
    {"password": "p", "a": f"{SECRET} <redacted:x> ⟦minted:y⟧"},
    {
        SECRET: {"headers": {"Authorization": "t"}},
        "tools": [{"headers": {"X-Odd": "v"}, "authorization": "t"}],
    },
    {"mcp_servers": [{"url": "https://u:p@h/x?api_key=abc", "authorization_token": "t"}]},
    {"arguments": json.dumps({"password": "p", "n": 1})},
    b'{"password": "x"}\n{"api_key": "y", "headers": {"A": "b"}}',
    b"secret=s+1&a=b&password=p",
]


@pytest.mark.parametrize("body", REDACTED, ids=str)
@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_a_saved_request_that_is_redacted_again_stays_as_it_is(
    body: Any, content_type: str, make: Callable[..., WireRequest]
) -> None:
    """Redacting a saved request again, as `rekey` does, changes nothing and makes no hash of a hash."""
    identity = identify(make(body, {"content-type": content_type}), IdentityRules())
    assert resave(identity.request_json, IdentityRules()) == identity.request_json
    assert key_of_saved(identity.request_json, IdentityRules()) == identity.key
    assert SECRET.encode() not in identity.request_json


def test_a_secret_in_a_saved_request_is_redacted_by_todays_rules() -> None:
    """A request that an older version saved with a secret gets the form, and the key, of a live one."""
    value = {"a": f"key {SECRET}", "b": {"password": "p"}}
    old = json.dumps(VALID | {"body": {"kind": "json", "value": value}}).encode()
    again = resave(old, IdentityRules())
    assert SECRET.encode() not in again
    assert b'"p"' not in again
    assert resave(again, IdentityRules()) == again
