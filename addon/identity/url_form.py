"""The normal form of a URL: one spelling for equivalent URLs, and for nothing else (RFC 3986, 6)."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Target", "normal_host", "printable", "split_target"]

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# Beyond the unreserved characters (RFC 3986, 2.3): boto3 writes `v2%3A0`, others `v2:0`; Vertex models have an `@`.
_PATH_DECODED = _UNRESERVED | frozenset(":@")
# These are not separators in a query (`include[]` equals `include%5B%5D`); `+`, `&`, `=`, `;`, `%` and `#` may be.
_QUERY_DECODED = _UNRESERVED | frozenset(":@/?[]!$'()*,")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
# A `%` that does not begin an escape stands for itself.
_TO_ENCODE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")
_PLAIN = re.compile(r"[A-Za-z0-9\-._~:/@!$&'()*+,;=?\[\]]*")
_LONGEST_LABEL = 63  # RFC 1035, 2.3.4; Python's punycode codec takes quadratic time
# No name ends in a number: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")


class Target(NamedTuple):
    """A request target in normal form; `userinfo` says whether user information was removed from it."""

    path: str
    query: list[tuple[str, str | None]]
    userinfo: bool


def _normal(text: str, decoded: frozenset[str]) -> str:
    """`text` with the escapes of `decoded` characters undone and all others in upper-case hex."""
    if _PLAIN.fullmatch(text):
        return text

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in decoded else match[0].upper()

    return _ESCAPE.sub(one, printable(text))


def _percent(character: str) -> str:
    try:
        data = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = character.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)


def printable(text: str) -> str:
    """`text` as ASCII: every character that is not allowed in a URL is percent-encoded."""
    if text.isascii() and text.isalnum():
        return text
    return _TO_ENCODE.sub(lambda match: _percent(match[0]), text)


def _normal_path(path: str) -> str:
    """`path` with normalised percent-encoding; `%2F` stays different from `/`, and dots are not resolved."""
    return _normal(path, _PATH_DECODED)


def split_target(target: str, host: str) -> Target:
    """The path and the query's pairs, sorted by name with repeats in order; `a` is `(a, None)`, `a=` is `(a, "")`.

    An absolute target (RFC 9112, 3.2.2) loses its user information, and its authority if that is `host`.
    """
    userinfo = False
    if absolute := _ABSOLUTE.match(target):
        _, at, authority = absolute[1].rpartition("@")
        userinfo = bool(at)
        same = normal_host(re.sub(r":\d*$", "", authority)) == host
        kept = "" if same else target[: absolute.start(1)] + authority
        target = kept + (target[absolute.end() :] or "/")
    path, _, query = target.partition("?")
    pairs = [_pair(part) for part in query.split("&")] if query else []
    return Target(_normal_path(path), sorted(pairs, key=lambda pair: pair[0]), userinfo)


def _pair(part: str) -> tuple[str, str | None]:
    name, equals, value = part.partition("=")
    return _normal(name, _QUERY_DECODED), _normal(value, _QUERY_DECODED) if equals else None


def normal_host(host: str) -> str:
    """`host` in lower case, without user information, brackets or a final dot; IDNs in their ASCII form.

    IPv6 addresses are compressed (RFC 5952), IPv4 addresses written in full (`127.1`, `0x7f000001`).
    Anything that is not a host name only changes to lower case.
    """
    return _normal_host(host.rpartition("@")[2])


@lru_cache(maxsize=512)
def _normal_host(host: str) -> str:
    bare = host.lower().removeprefix("[").removesuffix("]")
    if ":" in bare:
        try:
            return _compressed(ipaddress.IPv6Address(bare))
        except ValueError:
            pass
    labels = bare.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return socket.inet_ntoa(socket.inet_aton(".".join(labels)))
        except OSError:
            pass
    return ".".join(label if label.isascii() else _ascii_label(label) for label in labels)


def _compressed(address: ipaddress.IPv6Address) -> str:
    # RFC 5952, 5. Python 3.12 writes these addresses in hex, 3.13 like this; keys must not depend on the version.
    zone = f"%{address.scope_id}" if address.scope_id else ""
    return f"::ffff:{address.ipv4_mapped}{zone}" if address.ipv4_mapped else address.compressed


def _ascii_label(label: str) -> str:
    """The form of RFC 5891 without its mapping, which can make two names equal (`ß` and `ss`)."""
    try:
        if len(label) > _LONGEST_LABEL:
            return printable(label)
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    except UnicodeError:
        return printable(label)
