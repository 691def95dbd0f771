"""How a request names its client or its test.

A client is a process that runs tests one after the other, such as a pytest-xdist worker. It is named by the user
name of the proxy URL (`http://gw0:x@127.0.0.1:8080`) or by the base-URL door (`/@gw0/https/…`). A request may also
name its test itself, in a header. None of these is part of the identity, forwarded or stored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import unquote

__all__ = ["TEST_HEADER", "client_of", "is_client", "named_test", "user_and_password", "without_client"]

TEST_HEADER = "x-provider-proxy-test"

_CLIENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_client(name: str) -> bool:
    """Whether `name` is the name of a client."""
    return _CLIENT.fullmatch(name) is not None


def user_and_password(header: str) -> tuple[str, str] | None:
    """The two in a Proxy-Authorization header of the Basic scheme (RFC 7617); None in any other."""
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip()).decode("utf-8", "replace").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def client_of(user: str, password: str, auth: str) -> str:
    """The client that a user name stands for; '' for none. `auth` is the `user:password` of the settings.

    With a password in the settings the client's name and a `+` stand before the user name. A user name may contain
    a `+` of its own, so the whole is compared first.
    """
    if not auth:
        return user if is_client(user) else ""
    if f"{user}:{password}" == auth:
        return ""
    client, plus, _ = user.partition("+")
    return client if plus and is_client(client) else ""


def without_client(user: str, password: str, accepts: Callable[[str, str], bool]) -> bool:
    """Whether `accepts` takes the user name and password, as they are or without a client's name before a `+`."""
    if accepts(user, password):
        return True
    client, plus, rest = user.partition("+")
    return bool(plus) and is_client(client) and accepts(rest, password)


def named_test(value: str) -> str:
    """The test that the header's value names: percent-encoded where it is not ASCII."""
    return unquote(value.strip(), errors="replace")
