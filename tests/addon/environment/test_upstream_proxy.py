"""A company's proxy that the environment names already."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode, UpstreamMode

from addon.environment.client_env import client_environment
from addon.environment.upstream_proxy import UpstreamProxy, upstream_proxy
from addon.settings.hosts import parse_hosts
from cache_store.errors import UsageError

OWN = "http://127.0.0.1:8080"


def _mode(environ: dict[str, str], own: str = OWN) -> str | None:
    proxy = upstream_proxy(environ, own)
    return proxy.mode if proxy else None


def _proxy(value: str) -> UpstreamProxy:
    proxy = upstream_proxy({"HTTPS_PROXY": value}, OWN)
    assert proxy
    return proxy


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("http://proxy.corp:3128", "upstream:http://proxy.corp:3128"),
        ("http://proxy.corp:3128/", "upstream:http://proxy.corp:3128"),
        ("  proxy.corp:3128\n", "upstream:http://proxy.corp:3128"),
        ("HTTPS://Proxy.Corp", "upstream:https://proxy.corp:443"),
        ("http://proxy.corp", "upstream:http://proxy.corp:80"),
        ("http://user:pass@proxy.corp:3128", "upstream:http://proxy.corp:3128"),
        ("http://[fd00::1]:3128", "upstream:http://[fd00::1]:3128"),
        ("10.0.0.1:3128", "upstream:http://10.0.0.1:3128"),
    ],
)
def test_mode(value: str, mode: str) -> None:
    """The address becomes a mode spec that mitmproxy understands, without credentials."""
    assert _mode({"HTTPS_PROXY": value}) == mode
    spec = ProxyMode.parse(mode)
    assert isinstance(spec, UpstreamMode)
    assert spec.address == (_proxy(value).host, _proxy(value).port)


@pytest.mark.parametrize(
    ("value", "auth"),
    [
        ("http://proxy.corp:3128", None),
        ("http://user:pass@proxy.corp:3128", "user:pass"),
        ("user:p%40s%3As@proxy.corp:3128", "user:p@s:s"),
        ("http://CORP%5Cuser:pass@proxy.corp:3128", "CORP\\user:pass"),
        ("http://token@proxy.corp:3128", "token:"),
    ],
)
def test_auth(value: str, auth: str | None) -> None:
    """Credentials are decoded for mitmproxy's upstream_auth and do not show in a repr."""
    proxy = _proxy(value)
    assert proxy.auth == auth
    assert "pass" not in repr(proxy)


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, None),
        ({"HTTPS_PROXY": " ", "https_proxy": ""}, None),
        ({"HTTP_PROXY": "http://plain:1"}, None),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, "upstream:http://lower:1"),
        ({"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://https:1"}, "upstream:http://https:1"),
        ({"ALL_PROXY": "http://all:1", "https_proxy": ""}, "upstream:http://all:1"),
        ({"all_proxy": "http://all:1"}, "upstream:http://all:1"),
    ],
)
def test_which_variable(environ: dict[str, str], mode: str | None) -> None:
    """Lower case wins, the variable for https beats the one for all, a blank one is ignored."""
    assert _mode(environ) == mode


@pytest.mark.parametrize(
    ("value", "own", "ours"),
    [
        ("http://127.0.0.1:8080", OWN, True),
        ("localhost:8080", OWN, True),
        ("http://user:x@[::1]:8080", OWN, True),
        ("http://127.0.0.1:8081", OWN, False),
        ("http://proxy.corp:8080", OWN, False),
        ("http://proxy.corp:8080", "http://user:x@proxy.corp:8080", True),
    ],
)
def test_our_own_address(value: str, own: str, ours: bool) -> None:
    """Our own address is not a proxy to go through, however it is spelt; an outer run on another port is one."""
    assert (_mode({"HTTPS_PROXY": value}, own) is None) is ours


@pytest.mark.parametrize(
    "value",
    [
        "socks5://user:s3cret@proxy.corp:1080",
        "socks5h://proxy.corp:1080",
        "ftp://user:s3cret@proxy.corp",
        "http://user:s3cret@proxy.corp:99999",
        "http://user:s3cret@proxy.corp:s3cret",
        "http://user:s3cret@[proxy.corp",
        "http://user:s3cret@proxy.corp/path",
        "http://:s3cret@proxy.corp",
        "http://us%3Aer:s3cret@proxy.corp",
        "http://",
        "http://proxy.corp:0",
        "proxy corp",
        "yes\x00",
        "upstream:http://x",
    ],
)
def test_unusable(value: str) -> None:
    """SOCKS and nonsense are one line that names the variable and never quotes its value."""
    with pytest.raises(UsageError, match=r"^HTTPS_PROXY ") as caught:
        upstream_proxy({"HTTPS_PROXY": value}, OWN)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_bypasses() -> None:
    """Hosts that NO_PROXY covers, and this machine, are reached directly."""
    proxy = upstream_proxy({"https_proxy": "http://proxy.corp:3128", "no_proxy": ".corp,10.0.0.0/8"}, OWN)
    assert proxy
    hosts = ("llm.corp", "10.1.1.1", "localhost", "127.0.0.1", "::1", "api.openai.com", "corp.com")
    assert [host for host in hosts if proxy.bypasses(host, 443)] == list(hosts[:5])


def test_is_local() -> None:
    """A proxy on this machine is told from one elsewhere."""
    assert _proxy("http://127.0.0.1:9000").is_local
    assert not _proxy("http://proxy.corp:9000").is_local


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://u:p@0.0.0.0:9000", "http://[::1]:9000"])
def test_an_outer_run_decides_about_this_machine(url: str) -> None:
    """Its NO_PROXY says what it does not intercept; loopback is no exception, since it may forbid to send anything."""
    changes = client_environment(
        {}, proxy_url=url, bundle=Path("b.pem"), rules=parse_hosts("localhost:11434,127.0.0.1:11434")
    )
    proxy = upstream_proxy(changes.set, OWN)
    assert proxy
    assert (proxy.is_outer, proxy.is_local) == (True, True)
    hosts = ("localhost", "127.0.0.1", "::1", "169.254.169.254", "api.openai.com")
    assert [host for host in hosts if proxy.bypasses(host, 11434)] == ["::1", "169.254.169.254"]


def test_another_proxy_is_no_outer_run() -> None:
    """The mark of an outer run is about its address only: a company's proxy that took its place is a company's."""
    environ = {"HTTPS_PROXY": "http://127.0.0.1:3128", "_PROVIDER_PROXY_OUTER": "127.0.0.1:9000"}
    proxy = upstream_proxy(environ, OWN)
    assert proxy
    assert not proxy.is_outer
    assert proxy.bypasses("localhost", 443)
