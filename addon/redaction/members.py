"""Finds the members of a parsed JSON body that hold credentials. Redaction, learning and scanning use this walk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from addon.redaction.member_names import (
    DESCRIBED_NAMES,
    DESCRIBED_VALUES,
    SUSPECT,
    Rule,
    describes,
    is_about,
    is_credential,
    is_credential_header,
    is_redacted,
    looks_secret,
    rule_of,
    words_of,
)

__all__ = ["NEVER_PLAIN", "PLAIN_NAMES", "Sighting", "may_hold_credentials", "may_name_one", "sightings"]

# Members that name what `value` beside them holds.
_NAMING = ("name", "key", "header", "header_name", "headerName", "env_var_name", "env")
# Beside these, `token` is a piece of generated text.
_OF_LOGPROBS = frozenset({"logprob", "logProbability", "log_probability", "top_logprobs"})
# OpenAI: tools[] of type `mcp`; Anthropic: mcp_servers[].
_SERVERS = ("tools", "mcp_servers")
PLAIN_NAMES: set[str] = set()
"""Names without a rule, so that most objects cost one comparison of sets. Grows as names are seen, bounded."""
NEVER_PLAIN = frozenset({"cache_control", "properties"})
"""Names that the reader of canonical JSON looks for itself."""
_MOST_PLAIN, _LONGEST_PLAIN, _MANY = 8192, 64, 16
_LONGEST_NAME = 128
# In JSON text. A longer name has no rule.
_NAME = re.compile(rb'"([A-Za-z0-9_. -]{2,64}+)"\s{0,8}+:')
_ESCAPED_LETTER = b"\\u00"
_STEP = 256 * 1024
_SHORTEST_DESCRIBED = 8


class Sighting(NamedTuple):
    """A credential in a body: `holder[place]`, found under `name`. The kind is `header` for a header's value."""

    holder: Any
    place: Any
    name: str
    kind: str


def _is_headers(name: str) -> bool:
    return name.lower().endswith("headers")


def may_name_one(text: bytes) -> bool:
    """Whether JSON may have a member with a credential's name: a fast test before it is parsed."""
    # Searching from the end is several times faster than from the start.
    if text.rfind(_ESCAPED_LETTER) >= 0:
        return True
    for at in range(0, len(text), _STEP):
        names = set(_NAME.findall(text, at, at + _STEP + _LONGEST_NAME))
        if any(_has_rule(name) for name in {name.decode() for name in names} - PLAIN_NAMES):
            return True
    return False


def may_hold_credentials(members: dict[str, Any]) -> bool:
    """Whether one of an object's members may be a sighting. Fast: called for every object of every body."""
    if PLAIN_NAMES.issuperset(members):
        return False
    new = [name for name in members if name not in PLAIN_NAMES]
    # One search for many names: an object may have millions.
    if len(new) > _MANY and not SUSPECT.search("\n".join(new).lower()):
        return False
    suspects = [name for name in new if _has_rule(name)]
    if len(PLAIN_NAMES) < _MOST_PLAIN:
        plain = set(new).difference(suspects, NEVER_PLAIN)
        PLAIN_NAMES.update(name for name in plain if len(name) <= _LONGEST_PLAIN)
    return any(_may_hold(name, members[name], members) for name in suspects)


def _has_rule(name: str) -> bool:
    if not SUSPECT.search(name.lower()):
        return False
    return name == "value" or _is_headers(name) or describes(name) or rule_of(name) is not None


def _may_hold(name: str, value: Any, members: dict[str, Any]) -> bool:
    if isinstance(value, dict | list):
        return bool(value) and (_is_headers(name) or describes(name) or rule_of(name) is not None)
    if value is None or value is True or value is False or value == "":
        return False
    rule = rule_of(name)
    if rule is not None and (rule.certain or (isinstance(value, str) and is_credential(rule, value))):
        return True
    return name == "value" and isinstance(value, str) and _named_by(members) is not None


def _named_by(members: dict[str, Any]) -> str | None:
    """The kind of credential that `value` holds by what stands beside it: `{"name": "x-api-key", "value": …}`."""
    for naming in _NAMING:
        name = members.get(naming)
        if isinstance(name, str) and len(name) <= _LONGEST_NAME:
            rule = rule_of(name)
            if _is_certain(rule) or is_credential_header(name):
                return rule.kind if rule is not None else "header"
    return None


class _Level(NamedTuple):
    """An object or a list on the way: the name that led to it, and what is known about it."""

    value: Any
    under: str
    described: bool
    """An object around it describes credentials."""
    is_server: bool
    """It is an MCP server."""


def sightings(body: Any, leaving_out: frozenset[str] = frozenset()) -> Iterator[Sighting]:
    """Every member of a parsed JSON body that holds a credential, except below members named in `leaving_out`.

    A caller may replace the member before it goes on. Takes little memory beside the body, however wide that is.
    """
    stack: list[Iterator[Sighting | _Level]] = [_root(body)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, Sighting):
                yield item
            else:
                stack.append(
                    _in_object(item, leaving_out) if isinstance(item.value, dict) else _in_list(item)
                )
                break
        else:
            stack.pop()


def _root(body: Any) -> Iterator[_Level]:
    if isinstance(body, dict | list):
        yield _Level(body, "", described=False, is_server=False)


def _in_object(level: _Level, leaving_out: frozenset[str]) -> Iterator[Sighting | _Level]:
    members: dict[str, Any] = level.value
    beside = _named_by(members) if "value" in members else None
    is_logprob = not _OF_LOGPROBS.isdisjoint(members)
    for name, member in members.items():
        if name in leaving_out or (is_logprob and name == "token"):
            continue
        if isinstance(member, dict) and _is_headers(name):
            yield from _in_headers(member, is_server=level.is_server)
        elif isinstance(member, dict | list):
            described = level.described or describes(name) or _is_certain(rule_of(name))
            yield _Level(member, name, described, is_server=False)
        elif not isinstance(member, str):
            rule = rule_of(name)
            if rule is not None and rule.certain and member is not None and not isinstance(member, bool):
                yield Sighting(members, name, name, rule.kind)
        elif member and not is_redacted(member):
            kind = beside if beside and name == "value" else _kind(name, member, level)
            if kind is not None:
                yield Sighting(members, name, name, kind)


def _in_list(level: _Level) -> Iterator[Sighting | _Level]:
    rule = rule_of(level.under)
    for at, item in enumerate(level.value):
        if isinstance(item, dict | list):
            yield _Level(item, level.under, level.described, is_server=level.under in _SERVERS)
            if _is_headers(level.under) and _is_header_pair(item):
                yield Sighting(item, 1, item[0], "header")
        elif rule is not None and isinstance(item, str) and _is_secret_item(rule, item):
            yield Sighting(level.value, at, level.under, rule.kind)


def _is_secret_item(rule: Rule, item: str) -> bool:
    return bool(item) and not is_redacted(item) and is_credential(rule, item)


def _is_header_pair(item: Any) -> bool:
    """Whether `item` is `["authorization", "…"]`."""
    if not isinstance(item, list) or len(item) != 2 or not all(isinstance(part, str) for part in item):
        return False
    return is_credential_header(item[0]) and not is_redacted(item[1])


def _in_headers(headers: dict[str, Any], *, is_server: bool) -> Iterator[Sighting]:
    for name, value in list(headers.items()):
        if isinstance(value, str) and (not value or is_redacted(value)):
            continue
        if is_server or (isinstance(value, str) and is_credential_header(name)):
            yield Sighting(headers, name, name, "header")


def _kind(name: str, value: str, level: _Level) -> str | None:
    lower = name.lower()
    rule = rule_of(name)
    if rule is not None and (level.described or is_credential(rule, value)):
        return rule.kind
    if lower in DESCRIBED_NAMES or is_about(name):
        return None
    is_value = lower in DESCRIBED_VALUES
    if level.described:
        is_of_many = level.under.lower().endswith(("secrets", "credentials", "passwords"))
        is_secret = is_value or is_of_many or looks_secret(value, _SHORTEST_DESCRIBED)
    else:
        is_secret = is_value and rule_of(level.under) is not None and looks_secret(value)
    return ("-".join(words_of(level.under)) or "credential") if is_secret else None


def _is_certain(rule: Rule | None) -> bool:
    return rule is not None and rule.certain
