"""Known secrets in a haystack: many of them, and in every encoding."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.redaction.needle_index import NeedleIndex, encoded_forms
from addon.redaction.plain_text import squeezed

SECRETS = st.binary(min_size=12, max_size=40)


def is_found(secret: bytes, blob: bytes) -> bool:
    """Whether one of the secret's forms is in the squeezed blob."""
    return any(form in squeezed(blob) for form in encoded_forms(secret))


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_bytes(secret: bytes, before: bytes, after: bytes) -> None:
    """A secret is found plain, in hex and in both alphabets of base64, at any alignment."""
    whole = before + secret + after
    for blob in (
        whole.hex().encode(),
        whole.hex().upper().encode(),
        whole.hex(" ").encode(),
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole),
        base64.encodebytes(whole).replace(b"\n", b"\r\n"),
    ):
        assert is_found(secret, blob)


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)


# What looks like an escape together with the secret is not undone right; it is found as it is.
AROUND = st.text(
    st.characters(exclude_characters="%&\\#0123456789abcdefABCDEF;", exclude_categories=["Cs"]), max_size=5
)


@given(KEYS.filter(lambda key: not re.search("[%&\\\\]", key)), AROUND, AROUND)
def test_text(secret: str, before: str, after: str) -> None:
    """A key is found under any escapes of JSON, HTML and URLs, and under escapes within escapes."""
    whole = before + secret + after
    once = [json.dumps(whole), json.dumps(whole, ensure_ascii=False), quote(whole, errors="replace"),
            quote_plus(whole, safe="", errors="replace"), html.escape(whole),
            "".join(f"\\u{ord(character):04x}" for character in secret)]  # fmt: skip
    for text in once:
        for blob in (
            text,
            text.replace("/", "\\/"),
            json.dumps({"arguments": text}),
            quote(text, errors="replace"),
        ):
            assert is_found(secret.encode(), blob.encode("utf-8", "surrogatepass"))
    assert is_found(secret.encode(), f"{before} {secret[::-1]} {after}".encode("utf-8", "surrogatepass"))
    for encoding in ("utf-16-le", "utf-16-be", "utf-32"):
        assert is_found(secret.encode(), secret.encode(encoding))


@pytest.mark.parametrize(
    "blob", [b"", b"sk-another-key-altogether", base64.b64encode(b"sk-another-key-altogether")]
)
def test_not_found(blob: bytes) -> None:
    """Another secret is not found."""
    assert not is_found(b"sk-made-up-key-0123456789", blob)


@pytest.mark.parametrize("others", [0, 100])
@pytest.mark.parametrize("length", [12, 14, 15, 16, 23, 48])
def test_found_at_every_place(length: int, others: int) -> None:
    """A needle is found wherever it stands, short or long, alone or among many."""
    index = NeedleIndex()
    for at in range(others):
        index.add(b"other-%020d" % at, "other")
    needle = bytes(range(65, 65 + length))
    index.add(needle, "it")
    for before in range(20):
        for after in range(9):
            assert index.find(b"." * before + needle + b"." * after) == "it"
    assert index.find(b"." * 9 + needle[:-1] + b"." * 9) is None
    assert index.find(b"." * 9 + needle[1:] + b"." * 9) is None
    assert index.find(b"") is None


@given(st.lists(st.binary(min_size=12, max_size=30), max_size=40), st.binary(max_size=80), st.integers(0, 80))
def test_as_a_plain_search(needles: list[bytes], blob: bytes, at: int) -> None:
    """The index finds exactly the needles that a plain search finds."""
    if at < len(needles):
        blob += needles[at]
    index = NeedleIndex()
    for needle in needles:
        index.add(needle, "it")
    assert (index.find(blob) is not None) == any(needle in blob for needle in needles)
    for needle in needles:
        index.remove(needle, "it")
    assert index.find(blob) is None


def test_what_was_added_twice_is_removed_twice() -> None:
    """A form that two secrets share stays when one of them is removed."""
    index = NeedleIndex()
    index.add(b"shared-needle-of-two", "first")
    index.add(b"shared-needle-of-two", "second")
    index.remove(b"shared-needle-of-two", "second")
    assert index.find(b" shared-needle-of-two ") == "first"


def test_many_needles_cost_little() -> None:
    """A megabyte is searched for 2,000 needles in one pass; quadratic work would exceed the test's time limit."""
    index = NeedleIndex()
    for at in range(2000):
        index.add(b"needle-%030d" % (at * 7919), "it")
    blob = b"lorem ipsum dolor sit amet " * 40_000
    assert index.find(blob) is None


@pytest.mark.parametrize("needle", [b"a" * 20, b"dummy-" + b"0" * 40, b"ab" * 30])
def test_a_needle_that_repeats_itself_can_be_removed(needle: bytes) -> None:
    """One whose blocks occur in it several times; another that shares them stays."""
    index = NeedleIndex()
    other = needle + b"-other"
    index.add(needle, "x")
    index.add(other, "y")
    index.remove(needle, "x")
    assert index.find(b"- " + other + b" -") == "y"
    index.remove(other, "y")
    assert index.find(b"- " + other + b" -") is None
