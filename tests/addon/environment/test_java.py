"""Java's options and trust store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import pkcs12

from addon.environment.java import java_options, write_trust_store

STORE = Path("/data/bundle.p12")
URL = "http://127.0.0.1:8080"


def options(before: str = "", no_proxy: str = "localhost,127.0.0.1,::1", store: Path = STORE) -> str:
    """The value of JAVA_TOOL_OPTIONS."""
    return java_options({"JAVA_TOOL_OPTIONS": before}, URL, store, no_proxy)


def test_the_proxy_and_the_roots() -> None:
    """Host and port for https and http, hosts that are asked directly, and the trust store with its type."""
    assert options().split() == [
        "-Dhttps.proxyHost=127.0.0.1",
        "-Dhttps.proxyPort=8080",
        "-Dhttp.proxyHost=127.0.0.1",
        "-Dhttp.proxyPort=8080",
        "-Dhttp.nonProxyHosts=localhost|*.localhost|127.0.0.1|[::1]",
        "-Djavax.net.ssl.trustStore=/data/bundle.p12",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]


def test_other_options_stay() -> None:
    """What was set is kept and joined; a nested run replaces the outer run's options."""
    own = "-Xmx1g '-Dname=two words' -javaagent:a.jar"
    assert options(own).startswith(f"{own} -Dhttps.proxyHost=")
    assert options(options(own)) == options(own)


@pytest.mark.parametrize(("store", "quoted"), [("/a b/x.p12", "'"), ("/a 'b'/x.p12", '"')])
def test_a_path_with_blanks(store: str, quoted: str) -> None:
    """The JVM splits at blanks outside quotes."""
    assert f"{quoted}-Djavax.net.ssl.trustStore={store}{quoted}" in options(store=Path(store))


def test_ports_and_ranges_are_not_javas() -> None:
    """Java knows names and a star only; what it cannot say is left out."""
    assert "nonProxyHosts=a.corp|*.a.corp " in options(no_proxy="*.a.corp,b.corp:80,10.0.0.0/8,fd00::1")


def test_the_trust_store_holds_the_bundle(tmp_path: Path) -> None:
    """Every root of the bundle, marked as trusted; it is written again only after the bundle."""
    bundle = tmp_path / "bundle-1.pem"
    bundle.write_bytes(trustme.CA().cert_pem.bytes() + b"# odd\n" + trustme.CA().cert_pem.bytes())
    store = write_trust_store(bundle)
    assert store == tmp_path / "bundle-1.p12"
    os.utime(store, ns=(bundle.stat().st_mtime_ns + 1,) * 2)
    first = store.read_bytes()
    assert len(pkcs12.load_pkcs12(first, b"changeit").additional_certs) == 2
    assert write_trust_store(bundle) == store
    assert store.read_bytes() == first
