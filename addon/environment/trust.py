"""The roots that clients and the proxy trust, as PEM bundles.

A client's CA variable *replaces* its roots, and hosts that are not intercepted keep their real certificates. So
clients get one bundle with the user's own roots and our CA.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from addon.environment.ca import is_own_ca
from addon.environment.client_env import BUNDLE_VARIABLES
from cache_store.atomic_file import replace_file

__all__ = ["upstream_roots", "write_bundle"]

_NAMED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # the first one that is usable counts
_ADDED = ("NODE_EXTRA_CA_CERTS",)  # adds to the default roots by definition
# Used if OpenSSL's compiled-in file does not exist (Pythons of pyenv, uv): Debian, Fedora, macOS, SUSE.
_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_MAX_FILE = 16 * 1024 * 1024
_MAX_FILES = 2000


def write_bundle(environ: Mapping[str, str], ca_cert: Path, target: Path) -> Path:
    """Write the roots of the user's clients and the CA in `ca_cert` to `target`; returns `target`.

    Besides the roots of `upstream_roots` these are the roots of every variable that will point at the bundle.
    Written atomically, and only if the content changes. Raises OSError.
    """
    others = (der for path in _paths(environ, BUNDLE_VARIABLES) for der in _read(path))
    replace_file(target, _join([*_roots(environ), *others, *_read(ca_cert)]))
    return target


def upstream_roots(environ: Mapping[str, str], target: Path, *, trust_own_ca: bool = False) -> Path:
    """Write the roots that providers' certificates are verified against to `target`; returns `target`.

    These are the roots that the environment names, else certifi's and the system's (a company's root is often only
    among the latter, where mitmproxy does not look). Our CA is not among them unless a provider-proxy is upstream
    of this one (`trust_own_ca`). Raises OSError.
    """
    replace_file(target, _join(der for der in _roots(environ) if trust_own_ca or not is_own_ca(der)))
    return target


def _roots(environ: Mapping[str, str]) -> list[bytes]:
    # A file or directory that cannot be read or holds no certificate is ignored.
    named = next((path for path in _paths(environ, _NAMED) if any(_read(path))), None)
    directories = filter(None, environ.get("SSL_CERT_DIR", "").split(os.pathsep))
    added = [*map(Path, directories), *_paths(environ, _ADDED)]
    roots = [*_read(named)] if named else _default_roots()
    return [*roots, *(der for path in added for der in _read(path))]


def _default_roots() -> list[bytes]:
    """certifi's roots and the system's."""
    import certifi

    # Not `.cafile`: that is SSL_CERT_FILE of this process.
    names = (ssl.get_default_verify_paths().openssl_cafile, *_SYSTEM)
    system = next((found for name in names if (found := [*_read(Path(name))])), [])
    return [*_read(Path(certifi.where())), *system]


def _paths(environ: Mapping[str, str], names: Iterable[str]) -> Iterator[Path]:
    return (Path(environ[name]) for name in names if environ.get(name))


def _read(path: Path) -> Iterator[bytes]:
    """The certificates (DER) in a PEM file, or in the files of a directory; none if it cannot be read."""
    try:
        files = sorted(path.iterdir())[:_MAX_FILES] if path.is_dir() else [path]
    except OSError:
        return
    for file in files:
        try:
            if not file.is_file():  # reading a pipe or a device may block
                continue
            with file.open("rb") as opened:
                text = opened.read(_MAX_FILE)
        except OSError:
            continue
        yield from _certificates(text)


def _certificates(text: bytes) -> Iterator[bytes]:
    for match in _PEM.finditer(text):
        try:
            yield base64.b64decode(b"".join(match[1].split()), validate=True)
        except binascii.Error:
            continue


def _join(certificates: Iterable[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, dict.fromkeys(certificates))).encode()
