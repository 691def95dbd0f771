"""The bundles: the user's roots and our CA for clients, the user's roots without it for upstream."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest
import trustme

from addon.environment.ca import ensure_ca
from addon.environment.trust import upstream_roots, write_bundle


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


@pytest.fixture
def all_default(tmp_path: Path) -> set[bytes]:
    """The default roots: those of an empty environment."""
    return _certs(upstream_roots({}, tmp_path / "default.pem"))


@pytest.mark.parametrize(
    "named", [["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"], ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]]
)
def test_user_roots_order(named: list[str], tmp_path: Path, corp: Path, other: Path) -> None:
    """SSL_CERT_FILE comes before REQUESTS_CA_BUNDLE before CURL_CA_BUNDLE."""
    environ = {named[1]: str(other), named[0]: str(corp)}
    assert _certs(upstream_roots(environ, tmp_path / "roots.pem")) == _certs(corp)


def test_user_roots_that_are_ignored(tmp_path: Path, corp: Path, all_default: set[bytes]) -> None:
    """A missing, empty or blank one is ignored; without any the default roots are used."""
    (tmp_path / "empty").touch()
    environ = {
        "SSL_CERT_FILE": str(tmp_path / "missing"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "empty"),
        "CURL_CA_BUNDLE": str(corp),
    }
    assert _certs(upstream_roots(environ, tmp_path / "roots.pem")) == _certs(corp)
    unusable = {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": "/dev/null"}
    assert _certs(upstream_roots(unusable, tmp_path / "roots.pem")) == all_default


def test_default_roots_hold_certifis_once(tmp_path: Path, all_default: set[bytes]) -> None:
    """Every root of certifi is among the default ones, and none is there twice."""
    assert _certs(Path(certifi.where())) <= all_default
    blocks = (tmp_path / "default.pem").read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]
    assert len(blocks) == len(set(blocks))


def test_default_roots_ignore_this_process_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, corp: Path, all_default: set[bytes]
) -> None:
    """The system's file is the compiled-in one, not that of SSL_CERT_FILE in this process."""
    monkeypatch.setenv("SSL_CERT_FILE", str(corp))
    assert _certs(upstream_roots({}, tmp_path / "again.pem")) == all_default


def test_bundle_without_user_roots(tmp_path: Path, own: Path, all_default: set[bytes]) -> None:
    """Without roots of the user's it is the default ones and our CA."""
    bundle = write_bundle({}, own, tmp_path / "bundle.pem")
    assert bundle == tmp_path / "bundle.pem"
    assert _certs(bundle) == all_default | _certs(own)


def test_bundle_with_user_roots(tmp_path: Path, own: Path, corp: Path) -> None:
    """The user's roots replace the default ones, as the variable does."""
    bundle = write_bundle({"SSL_CERT_FILE": str(corp)}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == _certs(corp) | _certs(own)


@pytest.mark.parametrize("name", ["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"])
def test_bundle_keeps_roots_of_overridden_variables(
    tmp_path: Path, own: Path, corp: Path, name: str, all_default: set[bytes]
) -> None:
    """A client that had roots in a variable of its own still has them, beside the default ones."""
    bundle = write_bundle({name: str(corp)}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == all_default | _certs(corp) | _certs(own)


def test_directories_of_roots(
    tmp_path: Path, own: Path, corp: Path, other: Path, all_default: set[bytes]
) -> None:
    """SSL_CERT_DIR names directories of roots; what else lies in them does not disturb."""
    for path in (corp, other):
        (path.parent / "notes.txt").write_text("no certificate")
        (path.parent / "sub").mkdir(exist_ok=True)
        (path.parent / "dangling").unlink(missing_ok=True)
        (path.parent / "dangling").symlink_to("nowhere")
    both = f"{corp.parent}:{tmp_path / 'missing'}:{other.parent}"
    bundle = write_bundle({"SSL_CERT_DIR": both}, own, tmp_path / "bundle.pem")
    assert _certs(bundle) == all_default | _certs(corp) | _certs(other) | _certs(own)
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


def test_upstream_roots_by_default(tmp_path: Path, own: Path, corp: Path, all_default: set[bytes]) -> None:
    """Without roots of the user's they are the default ones; NODE_EXTRA_CA_CERTS adds, as in Node."""
    assert _certs(upstream_roots({}, tmp_path / "up.pem")) == all_default
    environ = {"NODE_EXTRA_CA_CERTS": str(corp), "AWS_CA_BUNDLE": str(own)}
    assert _certs(upstream_roots(environ, tmp_path / "up.pem")) == all_default | _certs(corp)
