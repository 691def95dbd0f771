"""What of an answer's headers is stored."""

from __future__ import annotations

import pytest

from addon.redaction import keep_response_headers
from addon.redaction.response_headers import NOT_STORED


@pytest.mark.parametrize("place", NOT_STORED, ids=lambda place: place.pattern)
def test_not_stored(place: tuple[str, str]) -> None:
    """Each row of the table is dropped, in any case, and has a reason."""
    pattern, reason = place
    name = pattern.replace("*", "some")
    headers = ((name.encode(), b"v"), (name.title().encode(), b"v"), (b"content-type", b"a/b"))
    assert keep_response_headers(headers) == ((b"content-type", b"a/b"),)
    assert reason


def test_the_rest_is_kept_byte_for_byte() -> None:
    """Order, case, repeats and bytes that are not text are kept."""
    headers = (
        (b"Content-Type", b"text/event-stream; charset=utf-8"), (b"x-request-id", b"req_1"), (b"X-Odd", b" \xff "), (b"x-odd", b"2"),
        (b"openai-processing-ms", b"12"), (b"x-ratelimit-remaining-tokens", b"9"), (b"date", b"Sat"), (b"x-amzn-bedrock-x", b"1"),
        (b"retry-after", b"1"), (b"openai-version", b"2020-10-01"), (b"etag", b"x"),
    )  # fmt: skip
    assert keep_response_headers(headers) == headers


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        (b"X-Auth-Token", b"gAAAAAB0a7f3a9c1b2d4", False), (b"X-Subject-Token", b"0a7f3a9c1b2d4e6f80", False), (b"api-key", b"a1b2-c3d4e5f6", False),
        (b"authorization", b"Bearer 0a7f3a9c1b2d4e6f80", False), (b"x-csrf-token", b"0a7f3a9c1b2d", False), (b"Surrogate-Key", b"models v1", True),
        (b"x-next-page-token", b"2", True), (b"x-request-id", b"req_0a7f3a9c1b2d4e6f80", True), (b"x-ratelimit-limit-tokens", b"30000", True),
    ],
)  # fmt: skip
def test_credentials_that_an_answer_hands_out(name: bytes, value: bytes, kept: bool) -> None:
    """A header of a credential's name with a random value is not stored; words, numbers and ids are."""
    assert bool(keep_response_headers(((name, value),))) is kept


def test_what_connection_names_goes_too() -> None:
    """Headers that the Connection header lists belong to the connection."""
    headers = ((b"Connection", b"close, X-Hop"), (b"x-hop", b"1"), (b"X-Stay", b"2"))
    assert keep_response_headers(headers) == ((b"X-Stay", b"2"),)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"/v1/files/1", True), (b"https://h/v1/files/1?limit=2", True), (b"https://h/x?X-Amz-Signature=abc", False),
        (b"https://h/upload?upload_id=abc", False), (b"https://user:pass@h/", False), (b"https://h/x?sig=abc&se=1", False),
        (b"https://h/AKIAIOSFODNN7EXAMPLE", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", [b"Location", b"content-location"])
def test_locations(name: bytes, value: bytes, kept: bool) -> None:
    """A location is kept unless its URL grants access."""
    assert bool(keep_response_headers(((name, value),))) is kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b'<https://h/x?access_token=a1>; rel="next"', False),
        (b'</x?sig=a1>; rel="next"', False),
        (b'<https://h/x?page_token=a1&page=2>; rel="next"', True),
    ],
)
def test_links(value: bytes, kept: bool) -> None:
    """A link (RFC 8288) is kept unless its URL grants access."""
    assert bool(keep_response_headers(((b"Link", value),))) is kept
