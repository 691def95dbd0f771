"""The DNS server that gives every name an address of its own."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.enclosure.names import Names


def query(name: str, kind: int = 1) -> bytes:
    """A question for `name`."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_each_name_has_an_address_that_leads_back() -> None:
    """The same name has the same address; the answer repeats id and question."""
    names = Names()
    answers = [names.answer(query(name)) for name in ("api.openai.com", "API.openai.com", "db")]
    addresses = [ip_address(answer[-4:]) for answer in answers if answer]
    assert addresses[0] == addresses[1] != addresses[2]
    assert [names.name_of(address) for address in addresses] == ["api.openai.com", "api.openai.com", "db"]
    assert answers[0] is not None
    assert answers[0].startswith(b"\x12\x34\x81\x80\0\1\0\1\0\0\0\0" + query("api.openai.com")[12:])


@pytest.mark.parametrize("kind", [28, 65, 15])
def test_other_questions_have_no_answer(kind: int) -> None:
    """No IPv6 address, no HTTPS record: a client then uses the IPv4 address."""
    assert Names().answer(query("api.openai.com", kind)) == (
        b"\x12\x34\x81\x80\0\1\0\0\0\0\0\0" + query("api.openai.com", kind)[12:]
    )


def test_addresses_without_a_name() -> None:
    """They stand for themselves; an IPv6 address is written as in a URL."""
    assert Names().name_of(ip_address("8.8.8.8")) == "8.8.8.8"
    assert Names().name_of(ip_address("::2")) == "[::2]"


def test_a_name_cannot_write_to_a_terminal() -> None:
    """Bytes that are not of a host name are shown as question marks."""
    names = Names()
    answer = names.answer(query("\x1b[31m.x"))
    assert answer is not None
    assert names.name_of(ip_address(answer[-4:])) == "??31m.x"


@pytest.mark.parametrize(
    "data", [b"", query("a")[:-3], b"\0" * 12, query("a")[:2] + b"\x81" + query("a")[3:]]
)
def test_what_is_no_question_is_not_answered(data: bytes) -> None:
    """Nor is an answer."""
    assert Names().answer(data) is None


@given(st.binary(max_size=600))
def test_no_query_is_too_odd(data: bytes) -> None:
    """Reading it does not fail, and an answer is never much longer than the query."""
    answer = Names().answer(data)
    assert answer is None or len(answer) <= len(data) + 16
