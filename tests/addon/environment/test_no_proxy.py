"""NO_PROXY entries."""

from __future__ import annotations

import itertools
import re

import pytest

from addon.environment.no_proxy import NoProxyEntry, no_proxy_entries


@pytest.mark.parametrize(
    ("entry", "host", "port", "expected"),
    [
        ("*", "api.openai.com", None, True),
        ("openai.com", "openai.com", None, True),
        ("openai.com", "api.openai.com", None, True),
        ("OpenAI.com.", "API.openai.com.", None, True),
        (".openai.com", "api.openai.com", None, True),
        ("*.openai.com", "api.openai.com", None, True),
        ("openai.com", "notopenai.com", None, False),
        ("api.openai.com", "openai.com", None, False),
        ("api.*.com", "api.openai.com", None, False),
        (".", "api.openai.com", None, False),
        (":443", "api.openai.com", 443, False),
        ("api.openai.com:443", "api.openai.com", 443, True),
        ("api.openai.com:443", "api.openai.com", 8443, False),
        ("api.openai.com:443", "api.openai.com", None, True),
        ("10.0.0.0/8", "10.1.2.3", None, True),
        ("10.0.0.0/8", "11.1.2.3", None, False),
        ("10.0.0.0/8", "ten.example", None, False),
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("1", "10.0.0.1", None, False),
        ("::1", "[::1]", None, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "::1", 8081, False),
        ("fd00::/8", "fd00:ec2::254", None, True),
    ],
)
def test_covers(entry: str, host: str, port: int | None, expected: bool) -> None:
    """A name covers itself and what is below it, an address itself, a range its addresses, a port narrows."""
    assert NoProxyEntry.parse(entry).covers(host, port) is expected


@pytest.mark.parametrize(
    ("entry", "glob", "expected"),
    [
        ("amazonaws.com", "bedrock-runtime.*.amazonaws.com", True),
        (".us-east-1.amazonaws.com", "bedrock-runtime.*.amazonaws.com", True),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock-runtime.*.amazonaws.com", True),
        ("corp.openai.azure.com", "*.openai.azure.com", True),
        ("azure.com", "*.openai.azure.com", True),
        ("amazon.com", "bedrock-runtime.*.amazonaws.com", False),
        ("myopenai.azure.com", "*.openai.azure.com", False),
        ("anything.corp", "*", True),
        ("*", "*.openai.azure.com", True),
        ("10.0.0.0/8", "*", True),
        ("10.0.0.0/8", "*.openai.azure.com", False),
        (".", "*", False),
        ("localhost", "localhost", True),
    ],
)
def test_covers_some(entry: str, glob: str, expected: bool) -> None:
    """An entry hides an intercepted glob where some host is in both."""
    assert NoProxyEntry.parse(entry).covers_some(glob) is expected


def test_covers_some_against_every_short_name() -> None:
    """On a small alphabet the answer for a glob is what trying every host gives."""
    names = ["".join(t) for n in range(1, 6) for t in itertools.product("ab.", repeat=n)]
    for suffix, glob in itertools.product(["a", "a.b", "b"], ["*a", "a*", "*.b", "a*b", "*.a.b", "b"]):
        entry = NoProxyEntry.parse(suffix)
        pattern = re.compile(re.escape(glob).replace(r"\*", ".*"))
        tried = any(
            pattern.fullmatch(n) and (n == suffix or n.endswith("." + suffix))
            for n in names
            if not n.endswith(".")
        )
        assert entry.covers_some(glob) is tried, (suffix, glob)


def test_covers_some_with_ports() -> None:
    """Different ports keep a glob and an entry apart; a missing one stands for all."""
    entry = NoProxyEntry.parse("example.com:3000")
    assert not entry.covers_some("*.example.com", 443)
    assert entry.covers_some("*.example.com", 3000)
    assert entry.covers_some("*.example.com")


def test_no_proxy_entries() -> None:
    """Both spellings count, commas and blanks part entries, and each counts once."""
    environ = {"no_proxy": "a.corp, b.corp,,", "NO_PROXY": "b.corp\tc.corp"}
    assert [e.text for e in no_proxy_entries(environ)] == ["a.corp", "b.corp", "c.corp"]
    assert no_proxy_entries({}) == ()


def test_hostile_length_is_quick() -> None:
    """A huge value is parsed and asked without effort."""
    entries = no_proxy_entries({"NO_PROXY": "*." * 200_000 + "," + ":" * 200_000})
    assert [e.covers_some("*.openai.azure.com") for e in entries] == [True, False]
