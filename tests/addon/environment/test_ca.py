"""The CA: made once, private, and usable by mitmproxy and by strict clients."""

from __future__ import annotations

import datetime
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy.certs import CertStore

from addon.environment import ca
from addon.environment.ca import data_directory, ensure_ca, is_own_ca
from cache_store.errors import UsageError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/u"}, "/data/provider-proxy"),
        ({"HOME": "/home/u"}, "/home/u/.local/share/provider-proxy"),
        ({"XDG_DATA_HOME": "", "HOME": "/home/u"}, "/home/u/.local/share/provider-proxy"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/u"}, "/home/u/.local/share/provider-proxy"),
    ],
)
def test_data_directory(environ: dict[str, str], expected: str) -> None:
    """XDG_DATA_HOME counts where it is absolute; else it is below HOME."""
    assert data_directory(environ) == Path(expected)


def test_data_directory_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any home directory the message names the variable to set."""
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(UsageError, match="XDG_DATA_HOME"):
        data_directory({})


def test_mitmproxy_signs_leaves_that_a_strict_client_accepts(tmp_path: Path) -> None:
    """mitmproxy's CertStore uses our CA, and a TLS handshake verifies its leaf against our certificate."""
    cert_path = ensure_ca(tmp_path / "ca")
    store = CertStore.from_store(tmp_path / "ca", "mitmproxy", 2048)
    leaf = store.get_cert("api.openai.com", [x509.DNSName("api.openai.com")])
    assert leaf.cert.keyinfo[0] == "EC (secp256r1)"
    pem = tmp_path / "leaf.pem"
    key = leaf.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    pem.write_bytes(key + leaf.cert.to_pem())
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem)
    client_side = ssl.create_default_context(cafile=str(cert_path))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    assert _handshake(client_side, server_side, "api.openai.com") == "api.openai.com"
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(client_side, server_side, "api.anthropic.com")


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_end = client.wrap_bio(to_client, to_server, server_hostname=name)
    server_end = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client_end, server_end):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    peer = client_end.getpeercert()
    assert peer
    return str(dict(peer["subjectAltName"])["DNS"])  # type: ignore[arg-type]


def test_files_are_private(tmp_path: Path) -> None:
    """The directory is 0700 and the key 0600, and nothing else is left lying about."""
    directory = tmp_path / "deep" / "ca"
    assert ensure_ca(directory) == directory / "mitmproxy-ca-cert.pem"
    assert _mode(directory) == 0o700
    assert _mode(directory / "mitmproxy-ca.pem") == 0o600
    assert sorted(p.name for p in directory.iterdir()) == ["mitmproxy-ca-cert.pem", "mitmproxy-ca.pem"]
    assert b"PRIVATE" not in (directory / "mitmproxy-ca-cert.pem").read_bytes()


def test_loose_permissions_are_tightened(tmp_path: Path) -> None:
    """A key that others could read is made private again."""
    ensure_ca(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "mitmproxy-ca.pem").chmod(0o644)
    ensure_ca(tmp_path)
    assert (_mode(tmp_path), _mode(tmp_path / "mitmproxy-ca.pem")) == (0o700, 0o600)


def test_stable_between_starts(tmp_path: Path) -> None:
    """A second start uses the same CA, and brings back its certificate where that was removed."""
    first = ensure_ca(tmp_path).read_bytes()
    ensure_ca(tmp_path).unlink()
    assert ensure_ca(tmp_path).read_bytes() == first


def test_subject_and_validity(tmp_path: Path) -> None:
    """It is called provider-proxy, is a CA for leaves only, and is valid for about ten years from now."""
    cert = x509.load_pem_x509_certificate(ensure_ca(tmp_path).read_bytes())
    assert "CN=provider-proxy" in cert.subject.rfc4514_string()
    constraints = cert.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    now = datetime.datetime.now(datetime.UTC)
    assert cert.not_valid_before_utc < now
    assert 3640 < (cert.not_valid_after_utc - now).days < 3653


def test_starts_at_once_agree(tmp_path: Path) -> None:
    """Processes that start at the same time all end with one CA."""
    script = (
        "import sys, time, pathlib, cryptography.x509, cryptography.hazmat.primitives.asymmetric.ec\n"
        "from addon.environment.ca import ensure_ca\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "sys.stdout.buffer.write(ensure_ca(pathlib.Path(sys.argv[1])).read_bytes())\n"
    )
    start = datetime.datetime.now(datetime.UTC).timestamp() + 1.5
    command = [sys.executable, "-c", script, str(tmp_path / "ca"), str(start)]
    root = Path(ca.__file__).parents[1]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) for _ in range(4)]
    results = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0] * 4
    assert results == {ensure_ca(tmp_path / "ca").read_bytes()}


def test_loser_uses_the_winners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that finds, when it is about to write, that another was first, uses that one's CA."""
    other = tmp_path / "other"
    winner = ensure_ca(other).read_bytes()
    make = ca._self_signed

    def overtaken(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        os.link(other / "mitmproxy-ca.pem", tmp_path / "ca" / "mitmproxy-ca.pem")
        return make(key)

    monkeypatch.setattr(ca, "_self_signed", overtaken)
    assert ensure_ca(tmp_path / "ca").read_bytes() == winner


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN EC PRIVATE KEY-----\nMHcC"])
def test_damaged(tmp_path: Path, content: bytes) -> None:
    """A half-written or foreign file is refused with the remedy, and is left as it is."""
    (tmp_path / "mitmproxy-ca.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"damaged; remove .*mitmproxy-ca\.pem"):
        ensure_ca(tmp_path)
    assert (tmp_path / "mitmproxy-ca.pem").read_bytes() == content


def test_key_of_another(tmp_path: Path) -> None:
    """A key that does not belong to the certificate is refused."""
    one, two = tmp_path / "one", tmp_path / "two"
    ensure_ca(one)
    ensure_ca(two)
    key = (one / "mitmproxy-ca.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
    (two / "mitmproxy-ca.pem").write_bytes(key + (two / "mitmproxy-ca-cert.pem").read_bytes())
    with pytest.raises(UsageError, match="do not match"):
        ensure_ca(two)


def test_expired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired CA is refused with its dates and the remedy in one line."""
    monkeypatch.setattr(ca, "_VALID", datetime.timedelta(days=1))
    with pytest.raises(UsageError, match=r"valid from \d{4}-.* not today; remove ") as caught:
        ensure_ca(tmp_path)
    assert "\n" not in str(caught.value)


def test_directory_is_a_file(tmp_path: Path) -> None:
    """A directory that cannot be made is told in one line, with what to set."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="XDG_DATA_HOME"):
        ensure_ca(tmp_path / "file" / "ca")


def test_is_own_ca(tmp_path: Path) -> None:
    """Ours is known by its name, whichever machine made it; another's CA and rubbish are not ours."""
    der = ssl.PEM_cert_to_DER_cert(ensure_ca(tmp_path).read_text())
    assert is_own_ca(der)
    assert not is_own_ca(b"\x30 provider-proxy rubbish")
    assert not is_own_ca(_signed_by_ours(tmp_path))


def _signed_by_ours(directory: Path) -> bytes:
    """A certificate that names provider-proxy as its issuer only."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate((directory / "mitmproxy-ca-cert.pem").read_bytes()).subject
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
