"""Recordings that lack headers, and the keys by which a request finds them."""

from __future__ import annotations

import json

import pytest

from addon.identity import IdentityRules, identify, key_of_saved
from addon.identity.unknown_headers import EVERY, fits, key_like, marked, plain_key, unknown_headers, variants
from addon.messages import WireRequest
from cache_store.entry import Entry

JSON = ("content-type", "application/json")
VERSION = ("anthropic-version", "2023-06-01")
BETA = ("anthropic-beta", "x-2025")
SENT = ("authorization", "Bearer x")


def _request(*headers: tuple[str, str], host: str = "api.anthropic.com") -> WireRequest:
    pairs = tuple((name.encode(), value.encode()) for name, value in headers)
    return WireRequest(
        "POST", "https", host, 443, '/v1/messages?a="headers":[', pairs, b'{"model": "m", "n": 1.50}'
    )


def _key(*headers: tuple[str, str]) -> str:
    return identify(_request(*headers), IdentityRules()).key.partition("-")[2]


def test_variants_have_the_keys_of_the_requests_without_those_headers() -> None:
    """Each subset once, the fewest headers left out first; a query that looks like the member changes nothing."""
    found = list(variants(identify(_request(JSON, VERSION, BETA), IdentityRules()).request_json))
    assert [len(equally_many) for equally_many in found] == [1, 3, 3, 1]
    by_names = {tuple(name for name, _ in v.left_out): v.key for same in found for v in same}
    assert by_names[()] == f"pp2u-{_key(JSON, VERSION, BETA)}"
    assert by_names[("anthropic-version",)] == f"pp2u-{_key(JSON, BETA)}"
    assert by_names[("anthropic-beta", "anthropic-version", "content-type")] == f"pp2u-{_key()}"


def test_the_number_of_variants_is_bounded() -> None:
    """A request with many headers is looked for as it is, and without any of them."""
    headers = [(f"x-own-{number}", "1") for number in range(20)]
    found = list(variants(identify(_request(*headers), IdentityRules()).request_json))
    assert [len(same[0].left_out) for same in found] == [0, 20]
    assert list(variants(b"{}")) == []


def test_a_credential_counts_as_a_header() -> None:
    """A saved request only says whether one was sent: without it the key is that of a request that sent none."""
    found = list(variants(identify(_request(JSON, SENT), IdentityRules()).request_json))
    assert [len(equally_many) for equally_many in found] == [1, 2, 1]
    by_names = {tuple(name for name, _ in v.left_out): v.key for same in found for v in same}
    assert by_names[(":credential",)] == f"pp2u-{_key(JSON)}"
    assert by_names[("content-type", ":credential")] == f"pp2u-{_key()}"
    many = [(f"x-own-{number}", "1") for number in range(20)]
    found = list(variants(identify(_request(SENT, *many), IdentityRules()).request_json))
    assert [len(same[0].left_out) for same in found] == [0, 1, 20, 21]


@pytest.mark.parametrize(
    ("names", "does"), [("authorization", True), ("x-api-key", True), ("*", True), ("openai-beta", False)]
)
def test_a_credential_is_unknown_where_its_header_is(names: str, does: bool) -> None:
    """The header that held it is not known: any that holds one will do."""
    identity = identify(_request(JSON), IdentityRules())
    entry = Entry(identity.key, 200, "", (), b"{}", 1.0, 0.1, "r", {"host": "h"}, "", identity.request_json)
    assert fits(marked(entry, (names,)), ((":credential", ""),)) is does


@pytest.mark.parametrize(
    ("headers", "host", "named", "unknown"),
    [
        ((JSON, VERSION), "api.anthropic.com", "", ()),
        ((JSON,), "api.anthropic.com", "", (EVERY,)),
        ((VERSION,), "api.anthropic.com", "", (EVERY,)),
        ((JSON,), "api.openai.com", "", ()),
        ((), "api.openai.com", "", (EVERY,)),
        ((), "gateway.example", "", ()),
        ((JSON,), "api.openai.com", "openai-beta content-type", ("openai-beta",)),
        ((JSON,), "gateway.example", "*", (EVERY,)),
    ],
)
def test_which_headers_of_a_recording_are_unknown(
    headers: tuple[tuple[str, str], ...], host: str, named: str, unknown: tuple[str, ...]
) -> None:
    """All, where one is missing that every client sends; otherwise those that the user names and that are absent."""
    assert unknown_headers(_request(*headers, host=host), frozenset(named.split())) == unknown


def test_a_marked_entry_fits_requests_that_have_its_unknown_headers() -> None:
    """Its key is of another kind, and is checked against the saved request like any other."""
    identity = identify(_request(JSON), IdentityRules())
    entry = Entry(identity.key, 200, "", (), b"{}", 1.0, 0.1, "r", {"host": "h"}, "", identity.request_json)
    one = marked(entry, ("anthropic-version",))
    assert one.key == identity.key.replace("pp2-", "pp2u-")
    assert plain_key(one.key) == key_of_saved(one.request_json, IdentityRules()) == plain_key(identity.key)
    assert fits(one, (VERSION,))
    assert fits(one, ())
    assert not fits(one, (BETA, VERSION))
    assert fits(marked(entry, (EVERY,)), (BETA, VERSION))
    assert marked(entry, ()) is entry
    assert json.loads(one.request_json)["headers"] == [list(JSON)]


def test_a_moved_key_is_of_the_same_kind() -> None:
    """`rekey` must not make a recording with unknown headers one of a request without them."""
    assert key_like("pp2u-aa", "pp2-bb") == "pp2u-bb"
    assert key_like("pp1-aa", "pp2-bb") == "pp2-bb"
