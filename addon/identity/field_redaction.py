"""Redacts the credentials in a request's body: by shape in any text, by name in members that hold them.

If the API defines the field as a credential (OAuth requests, `authorization` of an MCP server), its value does
not shape the answer and becomes `<redacted:KIND>`. Anywhere else a member of that name may be data, such as a
tool's input. It becomes `<redacted:KIND:HEX8>`, so that two values stay two identities.
"""

from __future__ import annotations

from typing import Any

from addon.identity.canonical_json import NotCanonical, Number, Ordered, written
from addon.identity.denylist import Verdict, header_verdict
from addon.redaction.credential_places import BODY_FIELDS, looks_like_credential
from addon.redaction.redact import redact_text, redacted

__all__ = ["redact_members", "redact_other", "redact_tree"]

# OpenAI Responses: tools[].authorization and .headers (MCP); Anthropic: mcp_servers[].authorization_token.
_HOLDERS = ("tools", "mcp_servers")
_IN_CLEAR = frozenset({Verdict.CLEAR, Verdict.SET})
# Precedes a number, because 1 is not "1". UTF-8 text never contains this byte.
_NOT_TEXT = b"\xff"


def redact_tree(value: Any) -> Any:
    """A JSON value with the secret shapes in all texts and names replaced.

    Raises NotCanonical if two names of one object become equal.
    """
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return [redact_tree(item) for item in value]
    if isinstance(value, dict):
        members = {redact_text(name): redact_tree(member) for name, member in value.items()}
        if len(members) != len(value):
            raise NotCanonical("two names are one when redacted")
        return Ordered(members) if isinstance(value, Ordered) else members
    return value


def redact_members(body: Any) -> bool:
    """Replace, in place, the values of members named like credentials. Returns whether there were any."""
    known = _servers(body) if isinstance(body, dict) else set()
    servers = set(known)
    changed = False
    stack = [body]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            is_known = id(value) in known
            changed |= _redact_fields(value, is_known=is_known or value is body)
            headers = value.get("headers")
            if id(value) in servers and isinstance(headers, dict):
                changed |= _redact_headers(headers, is_known=is_known)
                stack.extend(member for member in value.values() if member is not headers)
            else:
                stack.extend(value.values())
            # Servers may also be inside another member: a session, a request of a batch.
            servers |= _servers(value)
        elif isinstance(value, list):
            stack.extend(value)
    return changed


def _servers(holder: dict[str, Any]) -> set[int]:
    lists = [holder.get(name) for name in _HOLDERS]
    return {id(server) for servers in lists if isinstance(servers, list) for server in servers}


def _redact_fields(members: dict[str, Any], *, is_known: bool) -> bool:
    changed = False
    for name in [name for name in members if name in BODY_FIELDS]:
        if value := _as_bytes(members[name]):
            members[name] = redacted(BODY_FIELDS[name], None if is_known else value)
            changed = True
    return changed


def _redact_headers(headers: dict[str, Any], *, is_known: bool) -> bool:
    changed = False
    for name, value in headers.items():
        verdict, _ = header_verdict(name.encode("utf-8", "surrogatepass"))
        sent = _NOT_TEXT + written(value) if isinstance(value, dict | list) else _as_bytes(value)
        if verdict not in _IN_CLEAR and sent:
            says_nothing = is_known and verdict is Verdict.CREDENTIAL
            headers[name] = redacted("header", None if says_nothing else sent)
            changed = True
    return changed


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    is_number = isinstance(value, int | Number) and not isinstance(value, bool)
    return _NOT_TEXT + written(value) if is_number else b""


def redact_other(body: dict[str, Any]) -> dict[str, Any]:
    """The saved form of a body that is not JSON, with secret shapes and credential fields replaced."""
    if body["kind"] == "text":
        return body | {"value": redact_text(body["value"], members=True)}
    if body["kind"] == "form":
        return body | {"pairs": [_pair(name, value) for name, value in body["pairs"]]}
    if body["kind"] == "multipart":
        return body | {"parts": [_part(part) for part in body["parts"]]}
    return body


def _pair(name: str, value: str | None) -> list[str | None]:
    return [redact_text(name), value if value is None else _field(name, value)]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    name = part["name"] or ""
    safe = {key: redact_tree(value) for key, value in part.items() if key != "text"}
    if "headers" in safe:
        safe["headers"] = [[header, _header(header, value)] for header, value in safe["headers"]]
    if "text" in part:
        return safe | {"text": _field(name, part["text"])}
    if "base64" in safe and (name in BODY_FIELDS or looks_like_credential(name)):
        return safe | {"base64": _field(name, safe["base64"])}
    return safe


def _header(name: str, value: str) -> str:
    verdict, _ = header_verdict(name.encode())
    is_clear = verdict is not Verdict.CREDENTIAL and not looks_like_credential(name)
    return value if is_clear or not value else redacted("header", value.encode())


def _field(name: str, value: str) -> str:
    if value and name in BODY_FIELDS:
        return redacted(BODY_FIELDS[name])
    if value and looks_like_credential(name):
        return redacted("field", value.encode("utf-8", "surrogatepass"))
    return redact_text(value, members=True)
