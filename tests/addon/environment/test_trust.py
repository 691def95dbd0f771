"""The bundles: the user's roots and our CA for clients, the user's roots without it for upstream."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest
import trustme

from addon.environment.ca import ensure_ca
from addon.environment.trust import default_roots, upstream_roots, user_roots, write_bundle


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our CA's certificate."""
    return ensure_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company's root, with remarks around it as such files have them."""
    path = tmp_path_factory.mktemp("corp") / "corp root.pem"
    path.write_bytes(b"# Corp Root\n" + trustme.CA().cert_pem.bytes().replace(b"\n", b"\r\n") + b"\ntrailing")
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another root."""
    path = tmp_path_factory.mktemp("other") / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def _certs(path: Path) -> set[bytes]:
    """The certificates that OpenSSL, as a client uses it, takes from the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(path))
    return set(context.get_ca_certs(binary_form=True))


def _all_default() -> set[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=default_roots().decode())
    return set(context.get_ca_certs(binary_form=True))


@pytest.mark.parametrize(
    "named", [["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"], ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]]
)
def test_user_roots_order(named: list[str], corp: Path, other: Path) -> None:
    """SSL_CERT_FILE comes before REQUESTS_CA_BUNDLE before CURL_CA_BUNDLE."""
    assert user_roots({named[1]: str(other), named[0]: str(corp)}) == corp


def test_user_roots_that_do_not_count(tmp_path: Path, corp: Path) -> None:
    """One that is missing, empty, or blank is passed over; no variable at all gives none."""
    (tmp_path / "empty").touch()
    environ = {
        "SSL_CERT_FILE": str(tmp_path / "missing"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "empty"),
        "CURL_CA_BUNDLE": str(corp),
    }
    assert user_roots(environ) == corp
    assert user_roots({"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": "/dev/null"}) is None


def test_default_roots_hold_certifis_once() -> None:
    """Every root of certifi's is among the default ones, and none is there twice."""
    assert _certs(Path(certifi.where())) <= _all_default()
    blocks = default_roots().split(b"-----BEGIN CERTIFICATE-----")[1:]
    assert len(blocks) == len(set(blocks))


def test_default_roots_ignore_this_process_environment(monkeypatch: pytest.MonkeyPatch, corp: Path) -> None:
    """The system's file is the compiled-in one, not what SSL_CERT_FILE says here."""
    before = default_roots()
    monkeypatch.setenv("SSL_CERT_FILE", str(corp))
    assert default_roots() == before


def test_bundle_without_user_roots(tmp_path: Path, own: Path) -> None:
    """Without roots of the user's it is the default ones and our CA."""
    bundle = write_bundle({}, own, tmp_path / "bundle.pem")
    assert bundle == tmp_path / "bundle.pem"
    assert _certs(bundle) == _all_default() | _certs(own)


def test_bundle_with_user_roots(tmp_path: Path, own: Path, corp: Path) -> None:
    """The user's roots replace the default ones, as the variable does."""
    bundle = write_bundle({"SSL_CERT_FILE": str(corp)}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == _certs(corp) | _certs(own)


@pytest.mark.parametrize("name", ["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"])
def test_bundle_keeps_roots_of_overridden_variables(tmp_path: Path, own: Path, corp: Path, name: str) -> None:
    """A client that had roots in a variable of its own still has them, beside the default ones."""
    bundle = write_bundle({name: str(corp)}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == _all_default() | _certs(corp) | _certs(own)


def test_directories_of_roots(tmp_path: Path, own: Path, corp: Path, other: Path) -> None:
    """SSL_CERT_DIR names directories of roots; what else lies in them does not disturb."""
    for path in (corp, other):
        (path.parent / "notes.txt").write_text("no certificate")
        (path.parent / "sub").mkdir(exist_ok=True)
        (path.parent / "dangling").unlink(missing_ok=True)
        (path.parent / "dangling").symlink_to("nowhere")
    both = f"{corp.parent}:{tmp_path / 'missing'}:{other.parent}"
    bundle = write_bundle({"SSL_CERT_DIR": both}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == _all_default() | _certs(corp) | _certs(other) | _certs(own)
    environ = {"SSL_CERT_FILE": str(corp), "SSL_CERT_DIR": str(other.parent)}
    assert _certs(upstream_roots(environ, tmp_path / "up.pem")) == _certs(corp) | _certs(other)


def test_bundle_of_a_bundle(tmp_path: Path, own: Path, corp: Path) -> None:
    """In a nested run the user's file is our bundle already; nothing is added to it."""
    outer = write_bundle({"SSL_CERT_FILE": str(corp)}, own, tmp_path / "outer.pem")
    inner = write_bundle({"SSL_CERT_FILE": str(outer)}, own, tmp_path / "inner.pem")
    assert inner.read_bytes() == outer.read_bytes()
    assert inner.read_bytes().count(b"BEGIN CERTIFICATE") == 2


def test_bundle_is_rewritten_only_when_it_changes(tmp_path: Path, own: Path, corp: Path, other: Path) -> None:
    """A second start leaves the file alone; other roots replace it."""
    target = tmp_path / "bundle.pem"
    first = write_bundle({"SSL_CERT_FILE": str(corp)}, own, target).stat().st_ino
    assert write_bundle({"SSL_CERT_FILE": str(corp)}, own, target).stat().st_ino == first
    assert write_bundle({"SSL_CERT_FILE": str(other)}, own, target).stat().st_ino != first
    assert list(tmp_path.iterdir()) == [target]


def test_damaged_blocks_are_left_out(tmp_path: Path, own: Path, corp: Path) -> None:
    """Blocks that do not decode are skipped, so that the bundle loads."""
    bad = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"
    cut = b"-----BEGIN CERTIFICATE-----\nMIIB\n"
    odd = b"-----BEGIN CERTIFICATE-----\nMIIBx\n-----END CERTIFICATE-----\n"
    mixed = tmp_path / "mixed.pem"
    mixed.write_bytes(bad + odd + cut + corp.read_bytes() + cut)
    bundle = write_bundle({"SSL_CERT_FILE": str(mixed)}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == _certs(corp) | _certs(own)


def test_no_private_key_is_copied(tmp_path: Path, own: Path, corp: Path) -> None:
    """A key that lies in the user's file does not get into the bundle."""
    mixed = tmp_path / "mixed.pem"
    mixed.write_bytes(own.with_name("mitmproxy-ca.pem").read_bytes() + corp.read_bytes())
    bundle = write_bundle({"SSL_CERT_FILE": str(mixed)}, own, tmp_path / "bundle.pem")
    assert b"PRIVATE" not in bundle.read_bytes()
    assert _certs(bundle) == _certs(corp) | _certs(own)


def test_upstream_roots_are_the_users_without_our_ca(tmp_path: Path, own: Path, corp: Path) -> None:
    """Providers are verified against the user's roots; our CA vouches for nobody upstream."""
    bundle = write_bundle({"SSL_CERT_FILE": str(corp)}, own, tmp_path / "bundle.pem")
    environ = {"SSL_CERT_FILE": str(bundle)}
    assert _certs(upstream_roots(environ, tmp_path / "up.pem")) == _certs(corp)
    behind_another = upstream_roots(environ, tmp_path / "up.pem", trust_own_ca=True)
    assert _certs(behind_another) == _certs(corp) | _certs(own)


def test_upstream_roots_by_default(tmp_path: Path, own: Path, corp: Path) -> None:
    """Without roots of the user's they are the default ones; NODE_EXTRA_CA_CERTS adds, as in Node."""
    assert _certs(upstream_roots({}, tmp_path / "up.pem")) == _all_default()
    environ = {"NODE_EXTRA_CA_CERTS": str(corp), "AWS_CA_BUNDLE": str(own)}
    assert _certs(upstream_roots(environ, tmp_path / "up.pem")) == _all_default() | _certs(corp)
