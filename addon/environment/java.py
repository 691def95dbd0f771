"""Java's settings: the JVM reads no proxy variable and no PEM file, but options from JAVA_TOOL_OPTIONS."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cache_store.atomic_file import replace_file

__all__ = ["java_options", "without_our_options", "write_trust_store"]

_PASSWORD = "changeit"  # noqa: S105 - Java's own default; a store of roots holds no secret
_NAMES = (
    "https.proxyHost", "https.proxyPort", "http.proxyHost", "http.proxyPort", "http.nonProxyHosts",
    "javax.net.ssl.trustStore", "javax.net.ssl.trustStoreType", "javax.net.ssl.trustStorePassword",
)  # fmt: skip


def write_trust_store(bundle: Path) -> Path | None:
    """A PKCS12 trust store with the roots in `bundle` (PEM), beside it; None where it cannot be made.

    It is made anew only if the bundle is newer. Raises OSError.
    """
    target = bundle.with_suffix(".p12")
    if target.exists() and target.stat().st_mtime_ns > bundle.stat().st_mtime_ns:
        return target
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    if not hasattr(pkcs12, "serialize_java_truststore"):  # cryptography before 45
        return None
    certificates = []
    for number, pem in enumerate(_certificates(bundle)):
        try:
            with warnings.catch_warnings(action="ignore"):  # some roots in use are older than the rules
                certificate = x509.load_pem_x509_certificate(pem)
        except ValueError:  # a root that is too odd for the parser
            continue
        certificates.append(pkcs12.PKCS12Certificate(certificate, str(number).encode()))
    encryption = BestAvailableEncryption(_PASSWORD.encode())
    replace_file(target, pkcs12.serialize_java_truststore(certificates, encryption))
    return target


def _certificates(bundle: Path) -> list[bytes]:
    return re.findall(
        rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", bundle.read_bytes(), re.DOTALL
    )


def java_options(environ: Mapping[str, str], url: str, trust_store: Path, no_proxy: str) -> str:
    """The value of JAVA_TOOL_OPTIONS: what it was, and the proxy at `url` with the roots in `trust_store`."""
    address = urlsplit(url)
    host, port = address.hostname or "", str(address.port)
    values = (host, port, host, port, _non_proxy_hosts(no_proxy), str(trust_store), "PKCS12", _PASSWORD)
    before = without_our_options(environ.get("JAVA_TOOL_OPTIONS", ""))
    ours = [f"-D{name}={value}" for name, value in zip(_NAMES, values, strict=True)]
    return " ".join(filter(None, [before, *map(_quote, ours)]))


def without_our_options(text: str) -> str:
    """A value of JAVA_TOOL_OPTIONS without the options that `java_options` adds."""
    return " ".join(option for option in _split(text) if not _is_ours(option))


def _is_ours(option: str) -> bool:
    return option.lstrip("'\"").removeprefix("-D").partition("=")[0] in _NAMES


def _split(text: str) -> list[str]:
    # The JVM splits at blanks outside quotes, and knows no escape.
    return re.findall(r"(?:[^\s'\"]|'[^']*'|\"[^\"]*\")+", text)


def _quote(option: str) -> str:
    if not re.search(r"[\s'\"]", option):
        return option
    return f'"{option}"' if "'" in option else f"'{option}'"


def _non_proxy_hosts(no_proxy: str) -> str:
    """NO_PROXY in Java's form: names split by `|`, `*` at the start or the end. Ranges and ports are left out."""
    names = [name.strip().lstrip("*.") for name in no_proxy.split(",")]
    plain = [name for name in names if name and re.fullmatch(r"[A-Za-z0-9._-]+", name)]
    found = [part for name in plain for part in ((name,) if name[-1].isdigit() else (name, f"*.{name}"))]
    return "|".join([*found, "[::1]"] if "::1" in no_proxy.split(",") else found)
