"""Selects the headers of an answer that are stored.

All are kept byte for byte, except those that identify an account, grant access, belong to the connection, or
are generated when the entry is served.
"""

from __future__ import annotations

from functools import lru_cache

from addon.redaction import shapes, url_secrets
from addon.redaction.credential_places import Place
from addon.redaction.credentials_seen import has_secret_query
from addon.redaction.member_names import is_credential_header, looks_secret
from addon.redaction.upload_urls import URL_HEADERS, is_stand_in
from cache_store.entry import Headers

__all__ = ["NOT_STORED", "keep_response_headers"]

NOT_STORED = (
    Place("set-cookie", "a session; clients echo it into their next request"),
    Place("set-cookie2", "a session (RFC 2965)"),
    Place("openai-organization", "names the account"),
    Place("openai-project", "names the account"),
    Place("anthropic-organization-id", "names the account"),
    Place("chatgpt-account-id", "names the account"),
    Place("*-organization-id", "names the account"),
    Place("*-account-id", "names the account"),
    Place("x-goog-upload-url", "whoever has it may upload; stored with a stand-in for its `upload_id`"),
    Place("x-goog-upload-control-url", "whoever has it may upload; stored likewise"),
    Place("x-guploader-uploadid", "part of the upload URL"),
    Place("www-authenticate", "challenges name realms and tenants"),
    Place("proxy-authenticate", "challenges name realms and tenants"),
    Place("authentication-info", "RFC 7615: part of an authentication exchange"),
    Place("proxy-authentication-info", "RFC 7615: part of an authentication exchange"),
    Place("x-amz-security-token", "a session token"),
    Place("alt-svc", "sends the client past the proxy (RFC 7838)"),
    Place("connection", "hop by hop (RFC 9110 7.6.1)"),
    Place("keep-alive", "hop by hop"),
    Place("proxy-connection", "hop by hop"),
    Place("te", "hop by hop"),
    Place("trailer", "hop by hop; trailers are not stored"),
    Place("transfer-encoding", "hop by hop; replays are framed anew"),
    Place("upgrade", "hop by hop"),
    Place("content-encoding", "bodies are stored decoded"),
    Place("content-length", "length of the encoded body; replays compute it"),
    Place("x-provider-proxy-cache", "added by this proxy to every answer"),
    Place("cache-status", "added by this proxy to every answer (RFC 9211)"),
)

_SHORTEST_SECRET = 8
_LOCATIONS = (b"location", b"content-location")


@lru_cache(maxsize=1024)
def _is_stored(name: bytes) -> bool:
    text = name.decode("latin-1")
    return not any(
        text.endswith(place.pattern[1:]) if place.pattern.startswith("*") else text == place.pattern
        for place in NOT_STORED
    )


def keep_response_headers(headers: Headers) -> Headers:
    """The headers of an answer that may be stored, with order, case and repeats kept.

    `Location` (RFC 9110, 10.2.2) names a created resource and stays, unless its URL contains a signature, a key
    or user information: then whoever has it may upload.
    """
    dropped = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    return tuple((name, value) for name, value in headers if _may_keep(name.lower(), value, dropped))


def _hands_out_a_credential(name: bytes, value: bytes) -> bool:
    text = name[:256].decode("latin-1")
    return is_credential_header(text) and looks_secret(
        value.decode("latin-1").rpartition(" ")[2], _SHORTEST_SECRET
    )


def _may_keep(name: bytes, value: bytes, dropped: set[bytes]) -> bool:
    if name in URL_HEADERS and is_stand_in(value.decode("latin-1")):
        return not shapes.find(value)
    if name in dropped or not _is_stored(name[:256]) or _hands_out_a_credential(name, value):
        return False
    if name == b"link" and url_secrets.has_secret(value.decode("latin-1")):
        return False
    return name not in _LOCATIONS or not (has_secret_query(value.decode("latin-1")) or shapes.find(value))
