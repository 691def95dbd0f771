"""The normal form of headers."""

from __future__ import annotations

import hashlib

import pytest

from addon.identity.header_form import keep_headers, media_type, normal_headers, value_of


def normal(*headers: tuple[bytes, bytes], **how: bool) -> list[list[str]]:
    """The saved pairs of these headers."""
    kept, _ = keep_headers(headers, is_provider=True)
    return normal_headers(kept, **({"has_body": True, "is_multipart": False, "is_decoded": True} | how))


def test_names_are_sorted_and_repeats_keep_their_order() -> None:
    """Names are lower case and in order; the values of one name stay as sent."""
    found = normal((b"X-App", b"1"), (b"range", b"b"), (b"x-app", b" 2 "), (b"User-Agent", b"x"))
    assert found == [["range", "b"], ["x-app", "1"], ["x-app", "2"]]


def test_values_not_known_to_be_harmless_are_hashed() -> None:
    """A hash tells two values apart and shows neither."""
    assert normal((b"X-Odd", b"v"), (b"OpenAI-Project", b"v")) == [
        ["openai-project", f"<sha256:{hashlib.sha256(b'v').hexdigest()[:32]}>"],
        ["x-odd", f"<sha256:{hashlib.sha256(b'v').hexdigest()[:32]}>"],
    ]


def test_lists_are_sets() -> None:
    """A list-valued header becomes one sorted set over all its repeats; an empty list is left out."""
    found = normal((b"anthropic-beta", b"b, a"), (b"Anthropic-Beta", b"c,a,"), (b"openai-beta", b" ,"))
    assert found == [["anthropic-beta", "a,b,c"]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("*/*", None), ("application/json", None), ("application/json, */*", None), ("Application/JSON; q=0.9", None), ("", None),
        ("text/event-stream", "text/event-stream"), ("application/json,  Text/Event-Stream;q=0.5",
                                                      "application/json, text/event-stream;q=0.5"),
        ("application/json;v=2", "application/json;v=2"), ("Text/x; p=A", "text/x; p=A"), ('Text/x; p="a,b"', 'Text/x; p="a,b"'),
        ("text/x\xa0", "text/x\xa0"), ("application/octet-stream", "application/octet-stream"),
    ],
)  # fmt: skip
def test_accept(value: str, expected: str | None) -> None:
    """Accept is in the identity only if it chooses a format."""
    assert normal((b"Accept", value.encode("latin-1"))) == ([["accept", expected]] if expected else [])


@pytest.mark.parametrize(
    ("value", "is_multipart", "expected"),
    [
        ("Application/JSON", False, "application/json"), ("application/json; charset=utf-8", False, "application/json"),
        ('application/json;charset="UTF-8"', False, "application/json"),
        ("application/json; charset=latin-1", False, "application/json; charset=latin-1"),
        ("text/plain; charset=utf-8", False, "text/plain; charset=utf-8"),
        ("multipart/form-data; boundary=x", True, "multipart/form-data"),
        ("multipart/form-data; boundary=x", False, "multipart/form-data; boundary=x"),
        ("a/b; z=1; y=2", False, "a/b; y=2; z=1"), ("a/b; Z = \"a;b\"", False, 'a/b; z="a;b"'), ("a/b;", False, "a/b"),
        ("a/b; broken", False, "a/b; broken"), ("a/b; y=2; Y=1", False, "a/b; y=2; Y=1"), ("a/b;charset=x\"", False, "a/b;charset=x\""),
        ("a/b;y=1\"; x=\"", False, "a/b;y=1\"; x=\""), ("a/b;x=\"; y=1\"", False, "a/b; x=\"; y=1\""),
        ("a/b\xa0;c=d\xa0", False, "a/b\xa0; c=d\xa0"),
    ],
)  # fmt: skip
def test_content_type(value: str, is_multipart: bool, expected: str) -> None:
    """Type and parameters get one spelling, and nothing unknown is dropped."""
    assert normal((b"content-type", value.encode("latin-1")), is_multipart=is_multipart) == [
        ["content-type", expected]
    ]


def test_lines_of_a_choice_are_one_list() -> None:
    """Several lines of one header equal a single line with the same list."""
    assert normal((b"accept", b"*/*"), (b"accept", b"text/x")) == [["accept", "*/*, text/x"]]
    assert normal((b"accept", b"*/*"), (b"accept", b"application/json")) == []
    assert normal((b"accept-language", b"*"), (b"accept-language", b"de")) == [["accept-language", "*, de"]]


def test_only_spaces_and_tabs_are_no_part_of_a_value() -> None:
    """Only spaces and tabs around a value are ignored; other white space counts."""
    assert normal((b"x-app", b" \xa0v\x1c\t")) == [["x-app", "\xa0v\x1c"]]
    assert normal((b"openai-beta", b"a\x85, b")) == [["openai-beta", "a\x85,b"]]
    assert normal((b"x-odd", b"v\x0b")) != normal((b"x-odd", b"v"))


def test_spaces_in_a_choice_take_no_time() -> None:
    """A long value is read in one pass: a quadratic search would exceed the test's time limit."""
    normal((b"accept", b"a" + b" " * 1_000_000 + b"b"))


def test_headers_of_a_body_that_is_not_there() -> None:
    """Type and encoding are left out without a body, and the encoding if it was undone."""
    headers = ((b"content-type", b"a/b"), (b"content-encoding", b"GZIP"))
    assert normal(*headers, has_body=False) == []
    assert normal(*headers) == [["content-type", "a/b"]]
    assert normal(*headers, is_decoded=False) == [["content-encoding", "gzip"], ["content-type", "a/b"]]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], False), ([(b"Authorization", b"Bearer x")], True), ([(b"X-API-KEY", b"x")], True), ([(b"api-key", b" ")], False),
        ([(b"cookie", b"session=1")], False), ([(b"proxy-authorization", b"Basic x")], False), ([(b"x-vendor-token", b"x")], False),
    ],
)  # fmt: skip
def test_whether_a_credential_was_sent(headers: list[tuple[bytes, bytes]], expected: bool) -> None:
    """Known credentials count. Empty ones, cookies and those for the proxy do not."""
    assert keep_headers(tuple(headers), is_provider=True)[1] is expected


def test_values() -> None:
    """Repeats are joined, and an absent header is empty."""
    kept, _ = keep_headers(((b"Range", b"a"), (b"range", b"b")), is_provider=True)
    assert value_of(kept, b"range") == "a, b"
    assert value_of(kept, b"x-app") == ""
    assert media_type(" Text/Plain ; a=b") == "text/plain"
