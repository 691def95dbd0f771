"""The certificate authority that signs the certificates for intercepted hosts: made once per user.

The file names are those that mitmproxy's `CertStore` expects in its `confdir` (mitmproxy/certs.py). It uses an
existing `mitmproxy-ca.pem`; without one it would make an RSA CA, not atomically and in a folder that others can
list.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cache_store.atomic_file import create_file, replace_file
from cache_store.errors import UsageError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["data_directory", "ensure_ca", "is_own_ca"]

_NAME = "provider-proxy"
_CA = "mitmproxy-ca.pem"
_CERT = "mitmproxy-ca-cert.pem"
_VALID = datetime.timedelta(days=3650)
_BACKDATED = datetime.timedelta(days=2)  # for clients whose clock is behind, as mitmproxy does it
_MAX_CA_BYTES = 65536


def data_directory(environ: Mapping[str, str]) -> Path:
    """Where the CA lives: `$XDG_DATA_HOME/provider-proxy`, else `~/.local/share/provider-proxy`.

    A relative XDG_DATA_HOME is ignored (XDG Base Directory Specification). Raises UsageError if there is no home
    directory either.
    """
    data_home = Path(environ.get("XDG_DATA_HOME", ""))
    if data_home.is_absolute():
        return data_home / _NAME
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 (Path.home() raises)
    if not home.is_absolute():
        raise UsageError("there is no home directory for the CA; set XDG_DATA_HOME to an absolute path")
    return home / ".local" / "share" / _NAME


def ensure_ca(directory: Path) -> Path:
    """The path of the CA's certificate in `directory`; the CA is made if there is none.

    Starts at the same time agree on one CA. The directory is 0700, the key 0600. Raises UsageError if the directory
    is unusable, or the CA in it has expired or cannot be read. It is not replaced then, since another proxy may be
    using it.
    """
    path = directory / _CA
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _keep_private(directory, 0o700)
        if not path.exists():
            _create(path)
        _keep_private(path, 0o600)
        cert = _load(path)
        replace_file(directory / _CERT, _pem(cert))
    except OSError as error:
        raise UsageError(
            f"the CA in {directory} cannot be used ({error.strerror or error}); "
            "make that directory yours and writable, or set XDG_DATA_HOME to another"
        ) from error
    return directory / _CERT


def is_own_ca(der: bytes) -> bool:
    """Whether this certificate (DER) is a CA that a provider-proxy made, on this machine or another."""
    if _NAME.encode() not in der:  # parsing each of some hundred roots would be slow
        return False
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der).subject == _name()
    except ValueError:
        return False


def _keep_private(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o077:
        path.chmod(mode)


def _create(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    create_file(path, private + _pem(_self_signed(key)), 0o600)


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    start = datetime.datetime.now(datetime.UTC) - _BACKDATED
    public = key.public_key()
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name())
        .issuer_name(_name())
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name() -> x509.Name:
    from cryptography import x509

    oid = x509.NameOID
    return x509.Name(
        [x509.NameAttribute(oid.COMMON_NAME, _NAME), x509.NameAttribute(oid.ORGANIZATION_NAME, _NAME)]
    )


def _pem(cert: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return cert.public_bytes(serialization.Encoding.PEM)


def _load(path: Path) -> x509.Certificate:
    """The certificate of the CA in `path`, a file with its key and its certificate.

    Raises UsageError if they do not match, are not a CA, are not valid now, or do not parse.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    remedy = f"remove {path} (a new one is made at the next start)"
    with path.open("rb") as file:
        data = file.read(_MAX_CA_BYTES)
    try:
        key = serialization.load_pem_private_key(data, None)
        cert = x509.load_pem_x509_certificates(data)[0]
        is_ca = cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise UsageError(f"the CA is damaged; {remedy}") from error
    if not is_ca or key.public_key() != cert.public_key():
        raise UsageError(f"the CA's key and certificate do not match; {remedy}")
    if not cert.not_valid_before_utc <= datetime.datetime.now(datetime.UTC) < cert.not_valid_after_utc:
        dates = f"from {cert.not_valid_before_utc:%Y-%m-%d} to {cert.not_valid_after_utc:%Y-%m-%d}"
        raise UsageError(f"the CA is valid {dates}, not today; {remedy}")
    return cert
