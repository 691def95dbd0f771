"""Finds members that hold credentials in text that does not parse: JSON lines, forms, multipart, XML, YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from addon.redaction.member_names import credential_kind, is_redacted
from addon.redaction.shapes import Finding

__all__ = ["members_in"]

# Possessive, because `re` stores 160 bytes for each byte that it could go back to.
_NAME = rb"([A-Za-z][A-Za-z0-9_.-]{1,63}+)"
_PATTERNS = (
    # JSON, and JSON in a JSON string
    re.compile(rb'"' + _NAME + rb'"\s{0,64}+:\s{0,64}+"((?:[^"\\]++|\\.)++)', re.DOTALL),
    re.compile(rb'\\"' + _NAME + rb'\\"\s{0,64}+:\s{0,64}+\\"((?:[^"\\]++|\\[^"])++)', re.DOTALL),
    # forms, query strings, `.env` files
    re.compile(rb"(?:\A|[&;\n])(?:export )?" + _NAME + rb"=[\"']?([^&\s\"'\\;<]++)"),
    # YAML and header lines
    re.compile(rb"(?:\A|\n)[ \t-]{0,32}+" + _NAME + rb":[ \t]{1,8}+[\"']?(?:[Bb]earer )?([^\s\"'\\<>,{}]++)"),
    # XML
    re.compile(rb"<(?:[\w.-]{1,32}:)?" + _NAME + rb">\s{0,64}+([^<>\s][^<>]*+)</"),
    # multipart (RFC 7578), with line ends of either kind
    re.compile(
        rb"form-data; ?name=\"?"
        + _NAME
        + rb"\"?[^\r\n]{0,512}+\r?\n(?:[^\r\n]{1,512}+\r?\n){0,8}+\r?\n([^\r\n]{1,16384}+)"
    ),
)
# `headers` of an MCP server in text that is not parsed as JSON: the lines of a batch, a lone surrogate in a prompt.
_HEADERS = re.compile(rb'"headers"\s{0,64}:\s{0,64}\{((?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+)', re.DOTALL)
_HEADER = re.compile(
    rb'"(?:[^"\\]++|\\.)*+"\s{0,64}:\s{0,64}"((?:[^"\\]++|\\.)++)"|"(?:[^"\\]++|\\.)*+"', re.DOTALL
)


def members_in(data: bytes) -> Iterator[Finding]:
    """The values in `data` that stand under names of credentials, and the headers of MCP servers. Never raises."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(data):
            value = match[2].decode("utf-8", "replace")
            if not is_redacted(value) and (kind := credential_kind(match[1].decode(), value)):
                yield Finding(kind, *match.span(2))
    for headers in _HEADERS.finditer(data):
        for match in _HEADER.finditer(data, *headers.span(1)):
            if match[1] and not is_redacted(match[1].decode("utf-8", "replace")):
                yield Finding("header", *match.span(1))
