"""What every recording has anew."""

from __future__ import annotations

from cache_store.transfer.volatile import join_headers, split_headers


def test_headers_keep_their_places() -> None:
    """Repeated ones too; a value that somebody removed takes its header along."""
    headers = (
        (b"date", b"a"),
        (b"content-type", b"t"),
        (b"Date", b"b"),
        (b"date", b"c"),
        (b"x-request-id", b"r"),
    )
    kept, volatile = split_headers(headers)
    assert kept == [
        ["date", None],
        ["content-type", "t"],
        ["Date", None],
        ["date", None],
        ["x-request-id", None],
    ]
    assert join_headers(kept, volatile) == headers
    assert join_headers(kept, volatile[1:]) == ((b"date", b"c"), *headers[1:3], headers[4])


def test_what_describes_the_content_is_not_volatile() -> None:
    """A reviewer wants to see that it changed."""
    names = (
        "content-type",
        "openai-model",
        "openai-version",
        "x-provider",
        "vary",
        "location",
        "x-stainless-lang",
    )
    headers = tuple((name.encode(), b"v") for name in names)
    assert split_headers(headers)[1] == []
    volatile = (
        "CF-Ray",
        "request-id",
        "x-amzn-requestid",
        "x-ratelimit-remaining-tokens",
        "x-cloud-trace-context",
    )
    assert len(split_headers(tuple((name.encode(), b"v") for name in volatile))[1]) == len(volatile)
