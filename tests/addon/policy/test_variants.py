"""Keys of repeated requests and of errors that belong to one credential."""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

import pytest

from addon.messages import WireRequest
from addon.policy.variants import (
    RepeatCounter,
    credential_digest,
    key_of_test,
    nth_key,
    rejection_key,
    rejection_mark,
    rejection_mark_key,
    split_key,
)

KEY = "key-0123456789"


def request(*headers: tuple[bytes, bytes], target: str = "/v1/x") -> WireRequest:
    """A request with these headers."""
    return WireRequest("POST", "https", "api.openai.com", 443, target, headers, b"{}")


def test_the_first_request_has_the_plain_key() -> None:
    """A cache recorded with `single` serves the first request of a sequence."""
    assert nth_key("pp1-a", 1) == "pp1-a"


def test_later_requests_have_keys_of_their_own() -> None:
    """Each number gives another key, and the numbered keys of two requests never collide."""
    keys = [nth_key(key, n) for key in ("pp1-a", "pp1-ab") for n in range(1, 30)]
    assert len(set(keys)) == len(keys)
    assert nth_key("pp1-a", 2) == "pp1-a.2"


def test_each_key_is_counted_separately() -> None:
    """Counting starts at 1 for each key and never skips."""
    counter = RepeatCounter()
    assert [counter.next(key) for key in "aabab"] == [1, 2, 1, 3, 2]


def test_a_number_that_was_given_back_is_given_out_first() -> None:
    """The smallest free one, so that a sequence has no holes."""
    counter = RepeatCounter()
    assert [counter.next("a") for _ in range(4)] == [1, 2, 3, 4]
    for n in (3, 1):
        counter.release("a", n)
    assert [counter.next("a") for _ in range(3)] == [1, 3, 5]
    assert counter.next("b") == 1


class Place(NamedTuple):
    """A place in a request that holds a credential."""

    name: str
    headers: tuple[tuple[bytes, bytes], ...]
    target: str = "/v1/x"


PLACES = [
    Place("bearer", ((b"Authorization", f"Bearer {KEY}".encode()),)),
    Place("x-api-key", ((b"x-api-key", KEY.encode()),)),
    Place("azure", ((b"API-Key", KEY.encode()),)),
    Place("google", ((b"x-goog-api-key", KEY.encode()),)),
    Place("query", (), f"/v1/x?key={KEY}"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_credential_has_one_digest_wherever_it_stands(place: Place) -> None:
    """The digest is a function of the credential alone: header, spelling and query give the same."""
    expected = credential_digest(request((b"authorization", f"Bearer {KEY}".encode())))
    assert len(expected) == 64
    assert credential_digest(request(*place.headers, target=place.target)) == expected


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_another_credential_has_another_digest(place: Place) -> None:
    """Each place is looked at: a change of the credential there changes the digest."""
    other = tuple((name, value.replace(b"0123", b"9999")) for name, value in place.headers)
    changed = request(*other, target=place.target.replace("0123", "9999"))
    assert credential_digest(changed) not in (
        "",
        credential_digest(request(*place.headers, target=place.target)),
    )


@pytest.mark.parametrize(
    "header", [(b"Cookie", b"session=abcdef0123456789"), (b"x-request-id", b"1"), (b"accept", b"*/*")]
)
def test_cookies_and_plain_headers_do_not_count(header: tuple[bytes, bytes]) -> None:
    """Cookies vary between equal clients, and other headers hold no credential."""
    key = (b"Authorization", f"Bearer {KEY}".encode())
    assert credential_digest(request(key, header)) == credential_digest(request(key))
    assert credential_digest(request(header)) == ""


def test_several_credentials_count_together_in_any_order() -> None:
    """A request with two credentials has its own digest, whatever the order of its headers."""
    one, two = (b"x-api-key", b"first-0123456789"), (b"authorization", b"Bearer second-0123456789")
    both = credential_digest(request(one, two))
    assert both == credential_digest(request(two, one))
    assert both not in (credential_digest(request(one)), credential_digest(request(two)))


def test_a_request_without_credentials_has_no_digest() -> None:
    """An empty digest means: nothing to tell apart."""
    assert credential_digest(request()) == ""


def test_the_keys_on_disk_stay_as_they_are() -> None:
    """Caches hold these keys: SHA-256 over a version, a purpose and each part after its length."""

    def expected(*parts: bytes) -> str:
        text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return "pp2r-" + hashlib.sha256(b"provider-proxy rejection 1" + text).hexdigest()

    assert rejection_key("pp1-a", "d") == expected(b"answer", b"pp1-a", b"d")
    assert rejection_mark_key("h", "d") == expected(b"credential", b"h", b"d")


def test_keys_do_not_collide() -> None:
    """Every request, host and credential gives another key, however its parts are divided."""
    keys = {
        rejection_key("pp1-a", "d"),
        rejection_key("pp1-ad", ""),
        rejection_key("pp1-a", "e"),
        rejection_mark_key("pp1-a", "d"),
        rejection_mark_key("h", "d"),
        rejection_mark_key("hd", ""),
    }
    assert len(keys) == 6


def test_a_mark_says_which_host_rejected_and_holds_no_credential() -> None:
    """Its key and label name the host; of the credential it has the digest only, inside the key."""
    digest = credential_digest(request((b"authorization", f"Bearer {KEY}".encode())))
    before = time.time()
    mark = rejection_mark("api.openai.com", digest, "run-7")
    assert before <= mark.recorded_at <= time.time()
    assert (mark.key, mark.status, mark.body) == (rejection_mark_key("api.openai.com", digest), 401, b"")
    assert (mark.run, mark.judged, mark.label["host"]) == ("run-7", "rejected-credential", "api.openai.com")
    assert KEY.encode() not in mark.encode()


def test_a_key_and_what_follows_it() -> None:
    """A test's key and the n-th are told from the request's."""
    key = "pp2-" + "a" * 64
    of_test = key_of_test(key, "tests/test_a.py::test_b")
    assert of_test.startswith(f"{key}@")
    assert len(of_test) == len(key) + 33
    assert key_of_test(key, "other") != of_test
    assert split_key(nth_key(of_test, 2)) == (key, of_test[len(key) :] + ".2")
    assert split_key(nth_key(key, 2)) == (key, ".2")
    assert split_key(key) == (key, "")
    assert key_of_test(key, "a\ud800")
