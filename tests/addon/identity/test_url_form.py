"""The normal form of URLs."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.identity.url_form import normal_host, printable, split_target


def path_of(target: str) -> str:
    """The normal form of a target's path."""
    return split_target(target, "h").path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/model/x-v2%3A0/invoke", "/model/x-v2:0/invoke"),
        ("/m%6fdels", "/models"),
        ("/a%c3%a9", "/a%C3%A9"),
        ("/aé", "/a%C3%A9"),
        ("/a b", "/a%20b"),
        ("/claude%4020240229", "/claude@20240229"),
        ('/"{}', "/%22%7B%7D"),
    ],
)
def test_paths_that_are_one(one: str, other: str) -> None:
    """Spellings of one path have one form."""
    assert path_of(one) == path_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a%2Fb", "/a/b"), ("/a%3Fb", "/a?b"), ("/a%252Fb", "/a%2Fb"), ("/a%2Bb", "/a+b"), ("/a//b", "/a/b"),
        ("/a/../b", "/b"), ("/a/", "/a"), ("/A", "/a"), ("/a%3Bb", "/a;b"), ("/%zz", "/zz"), ("/%%34%31", "/A"),
    ],
)  # fmt: skip
def test_paths_that_differ(one: str, other: str) -> None:
    """Paths that a server may distinguish stay different."""
    assert path_of(one) != path_of(other)


@given(st.text(st.characters(), max_size=20))
def test_normal_forms_are_ascii_and_stable(text: str) -> None:
    """Any text, lone surrogates included, becomes ASCII, and a second pass changes nothing."""
    once = path_of(text)
    assert once.isascii()
    assert path_of(once) == once
    assert printable(text).isascii()
    normal_host(text).encode("ascii")


def test_query_pairs() -> None:
    """Pairs are sorted by name, repeats keep their order, and `a` is not `a=`."""
    found = split_target("/x?b=2&include%5B%5D=z&a&include[]=y&a=&b=1", "h").query
    assert found == [("a", None), ("a", ""), ("b", "2"), ("b", "1"), ("include[]", "z"), ("include[]", "y")]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a=1%2B1", "a=1+1"), ("a=1%262", "a=1&2"), ("a=%3D", "a=="), ("a=1&a=2", "a=2&a=1"), ("a", "")],
)
def test_queries_that_differ(one: str, other: str) -> None:
    """Separators in a value are not separators, and the order of repeats matters."""
    assert split_target(f"/?{one}", "h") != split_target(f"/?{other}", "h")


@pytest.mark.parametrize(
    ("one", "other"), [("a=x%2Cy", "a=x,y"), ("a=%7e", "a=~"), ("b=1&a=2", "a=2&b=1"), ("t=a%2fb", "t=a/b")]
)
def test_queries_that_are_one(one: str, other: str) -> None:
    """Spellings of one query have one form."""
    assert split_target(f"/?{one}", "h") == split_target(f"/?{other}", "h")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("API.OpenAI.com", "api.openai.com"), ("api.openai.com.", "api.openai.com"), ("[::1]", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"), ("user:pass@h.example", "h.example"), ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"), ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("", ""),
    ],
)  # fmt: skip
def test_hosts(host: str, expected: str) -> None:
    """Hosts are lower case, without user information, brackets or final dot; IDNs are ASCII."""
    assert normal_host(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("::FFFF:a02:304", "::ffff:10.2.3.4"), ("[::ffff:10.2.3.5]", "::ffff:10.2.3.5"), ("::ffff:a02:304%e", "::ffff:10.2.3.4%e")],
)  # fmt: skip
def test_mapped_addresses(host: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv4-mapped IPv6 address has one spelling on every Python version."""
    monkeypatch.setattr(ipaddress.IPv6Address, "compressed", "as this Python likes")
    assert normal_host(host) == expected


def test_idns_that_mapping_would_merge_stay_apart() -> None:
    """`straße` and `strasse` are two domains (IDNA 2008)."""
    assert normal_host("straße.example") != normal_host("strasse.example")


def test_absolute_targets() -> None:
    """An absolute target loses its user information, and its authority if that is the host."""
    found = split_target("https://user:secret@api.openai.com:443/v1/x?a=1", "api.openai.com")
    assert (found.path, found.query, found.userinfo) == ("/v1/x", [("a", "1")], True)
    other = split_target("http://u:p@elsewhere.example/v1", "api.openai.com")
    assert (other.path, other.userinfo) == ("http://elsewhere.example/v1", True)
    assert split_target("https://api.openai.com", "api.openai.com").path == "/"


@pytest.mark.parametrize(
    "spelling", ["127.1", "127.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1."]
)
def test_an_ipv4_address_has_one_spelling(spelling: str) -> None:
    """Clients take every spelling of inet_aton(3); rules about hosts must not."""
    assert normal_host(spelling) == "127.0.0.1"
    assert normal_host("2852039166") == "169.254.169.254"


@pytest.mark.parametrize(
    "name", ["127.1.example", "1e100.net", "0x7f.example", "256.256.256.256.256", "a.0x"]
)
def test_a_name_is_no_address(name: str) -> None:
    """Only what ends in a number is an address."""
    assert normal_host(name) == name
