"""The options of a host, and the environment of its clients."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from addon.host.options import client_changes, host_options
from addon.settings.settings import Settings
from cache_store.errors import UsageError


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with a data directory and roots of its own."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "mine.pem")
    return {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "SSL_CERT_FILE": str(tmp_path / "mine.pem"),
        "HOME": str(tmp_path),
    }


def _count(path: str | Path) -> int:
    return len(ssl.create_default_context(cafile=str(path)).get_ca_certs())


def test_a_host_gets_its_ca_its_address_and_the_users_roots(environ: dict[str, str], tmp_path: Path) -> None:
    """The CA lies in the data directory; upstream certificates are verified against the user's roots alone."""
    raw = {"listen": "127.0.0.1:0"}
    made = host_options(raw, Settings.parse(raw), environ, ("--set", "x=y"))
    assert made.raw == raw
    assert made.arguments == ("--set", "x=y")
    assert made.bypasses is None
    assert made.mitmproxy["confdir"] == str(tmp_path / "data" / "provider-proxy")
    assert (tmp_path / "data" / "provider-proxy" / "mitmproxy-ca.pem").exists()
    assert (made.mitmproxy["listen_host"], made.mitmproxy["listen_port"]) == ("127.0.0.1", 0)
    assert _count(made.mitmproxy["ssl_verify_upstream_trusted_ca"]) == 1
    assert "mode" not in made.mitmproxy
    assert "proxyauth" not in made.mitmproxy


def test_a_password_reaches_mitmproxy_and_the_clients(environ: dict[str, str]) -> None:
    """AUTH is asked for, and given to clients in the proxy's URL, quoted."""
    settings = Settings.parse({"auth": "user:p@ss:word"})
    assert host_options({}, settings, environ).mitmproxy["proxyauth"] == "user:p@ss:word"
    changes = client_changes(settings, "http://127.0.0.1:1234", environ)
    assert changes.set["HTTPS_PROXY"] == "http://user:p%40ss%3Aword@127.0.0.1:1234"


def test_a_companys_proxy_becomes_the_way_out(environ: dict[str, str]) -> None:
    """HTTPS_PROXY of the environment is mitmproxy's upstream proxy, with its password and its exceptions."""
    environ |= {"HTTPS_PROXY": "http://me:secret@company.example:3128", "NO_PROXY": "inside.example"}
    made = host_options({}, Settings.parse({}), environ)
    assert made.mitmproxy["mode"] == ["upstream:http://company.example:3128"]
    assert made.mitmproxy["upstream_auth"] == "me:secret"
    assert made.bypasses is not None
    assert made.bypasses("inside.example", 443) is True
    assert made.bypasses("api.openai.com", 443) is False


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"])
def test_our_own_address_is_no_companys_proxy(environ: dict[str, str], listen: str) -> None:
    """Started again in an environment that points at it, a proxy does not send its requests to itself."""
    environ["HTTPS_PROXY"] = f"http://{listen}"
    assert "mode" not in host_options({}, Settings.parse({"listen": listen}), environ).mitmproxy


def test_a_companys_proxy_is_used_by_a_proxy_on_ipv6(environ: dict[str, str]) -> None:
    """An address with colons is no obstacle."""
    environ["HTTPS_PROXY"] = "http://company.example:3128"
    made = host_options({}, Settings.parse({"listen": "[::1]:0"}), environ)
    assert made.mitmproxy["mode"] == ["upstream:http://company.example:3128"]


def test_a_companys_proxy_that_cannot_be_used_is_one_line(environ: dict[str, str]) -> None:
    """The password in it is not quoted."""
    environ["HTTPS_PROXY"] = "socks5://me:secret@company.example:1080"
    with pytest.raises(UsageError) as refused:
        host_options({}, Settings.parse({}), environ)
    assert "secret" not in str(refused.value)


def test_clients_trust_the_roots_they_had_and_our_ca(environ: dict[str, str]) -> None:
    """One bundle with both, for every variable."""
    changes = client_changes(Settings.parse({}), "http://127.0.0.1:1234", environ)
    assert changes.set["HTTPS_PROXY"] == "http://127.0.0.1:1234"
    assert _count(changes.set["SSL_CERT_FILE"]) == 2
    assert changes.set["SSL_CERT_FILE"] == changes.set["NODE_EXTRA_CA_CERTS"]


def test_environments_with_other_roots_have_bundles_of_their_own(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Two proxies started from different environments do not overwrite each other's bundle."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    settings = Settings.parse({})
    one = client_changes(settings, "http://127.0.0.1:1", environ).set["SSL_CERT_FILE"]
    same = client_changes(settings, "http://127.0.0.1:2", environ).set["SSL_CERT_FILE"]
    other = client_changes(
        settings, "http://127.0.0.1:1", environ | {"SSL_CERT_FILE": str(tmp_path / "other.pem")}
    ).set["SSL_CERT_FILE"]
    assert one == same != other


@pytest.mark.parametrize(
    ("auth", "url"),
    [
        ("", "http://h:1"),
        ("a:b", "http://a:b@h:1"),
        ("a b:c/d", "http://a%20b:c%2Fd@h:1"),
    ],
)
def test_a_url_with_a_password(auth: str, url: str, environ: dict[str, str]) -> None:
    """The clients' URL has it, percent-encoded."""
    changes = client_changes(Settings.parse({"auth": auth}), "http://h:1", environ)
    assert changes.set["HTTPS_PROXY"] == url
