"""Applies the user's ignore rules to a request in its saved form.

An ignored value is replaced by a marker, so *ignored*, *absent* and *present* are three different identities.
Removing a rule later therefore cannot turn an old entry into a wrong hit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from addon.identity.rules import ALWAYS_IN, IdentityRules, Pointer, Profile
from addon.redaction.redact import IGNORED

__all__ = ["ignore_fields", "ignore_headers", "ignore_items", "ignore_query", "ignores_fields"]

_ANY = "*"

# With these left out, two runs of Claude Code, Codex or Gemini CLI send equal bodies (measured).
_AGENT_FIELDS: tuple[Pointer, ...] = (
    ("prompt_cache_key",),  # Codex: the thread's id
    ("client_metadata",),  # Codex: ids, in random order
    ("metadata", "user_id"),  # Claude Code: device, account and session ids in one string
    ("input", "*", "id"),  # Codex
    ("input", "*", "internal_chat_message_metadata_passthrough", "turn_id"),  # Codex
    ("input", "*", "internal_chat_message_metadata_passthrough", "create_time"),  # Codex
)
# The first system block of Claude Code is `x-anthropic-billing-header: cc_version=…; cch=37702;`, with a new `cch`
# in every run. The match also ends at a marker, so that text after an ignored value is kept.
_BILLING = re.compile(rf"(x-anthropic-billing-header:[^\n]*?\bcch=)(?:[0-9A-Za-z]+|{IGNORED})")


def ignore_headers(pairs: list[list[str]], rules: IdentityRules) -> list[list[str]]:
    """`pairs` with one marker for each ignored name."""
    if not rules.ignore_headers:
        return pairs
    exact = rules.ignore_headers
    prefixes = tuple(name[:-1] for name in exact if name.endswith("*"))
    return _ignore(pairs, lambda name: name in exact or (bool(prefixes) and name.startswith(prefixes)))


def ignore_query(pairs: list[list[str | None]], rules: IdentityRules) -> list[list[str | None]]:
    """`pairs` with one marker for each ignored name."""
    return _ignore(pairs, rules.ignore_query.__contains__) if rules.ignore_query else pairs


def _ignore(pairs: list[Any], is_ignored: Callable[[str], bool]) -> list[Any]:
    kept: list[Any] = []
    for name, value in pairs:
        pair = [name, IGNORED if is_ignored(name) else value]
        if pair[1] != IGNORED or pair not in kept[-1:]:
            kept.append(pair)
    return kept


def ignores_fields(rules: IdentityRules) -> bool:
    """Whether `ignore_fields` may change a body under these rules."""
    return rules.profile is Profile.AGENTS or bool(rules.ignore_fields)


def ignore_fields(body: Any, rules: IdentityRules) -> bool:
    """Replace the ignored members of a parsed JSON value by markers, in place. Returns whether there were any."""
    if not ignores_fields(rules):
        return False
    agents = rules.profile is Profile.AGENTS
    pointers = rules.ignore_fields + (_AGENT_FIELDS if agents else ())
    changed = [_ignore_at(body, pointer) for pointer in pointers]
    changed.append(agents and _ignore_billing(body))
    return any(changed)


def ignore_items(body: dict[str, Any], rules: IdentityRules) -> None:
    """Replace the ignored values of a multipart body or form in its saved form by markers, in place.

    Pointers are those that a miss names, such as `/parts/1/filename` and `/pairs/0/1`. `model` and `stream` stay.
    """
    for holder, index, *rest in (pointer for pointer in rules.ignore_fields if len(pointer) > 2):
        items = body[holder] if holder in ("parts", "pairs") and holder in body else []
        for at in _keys(items, index):
            item = items[at]
            name = item["name"] if isinstance(item, dict) else item[0]
            # A pair's name stays, and so does a part's: they say whose value is ignored.
            if name not in ALWAYS_IN and rest[0] not in ("name", "0"):
                _ignore_at(item, tuple(rest))


def _ignore_at(value: Any, pointer: Pointer) -> bool:
    first, rest = pointer[0], pointer[1:]
    keys = _keys(value, first)
    for key in keys if not rest else ():
        value[key] = IGNORED
    # A list, because a generator would stop at the first match.
    return any([_ignore_at(value[key], rest) for key in keys]) if rest else bool(keys)  # noqa: C419


def _keys(value: Any, name: str) -> list[Any]:
    """The keys or indices of `value` that one pointer token selects (RFC 6901, 4: no leading zeros)."""
    if isinstance(value, dict):
        return list(value) if name == _ANY else [name] * (name in value)
    if not isinstance(value, list):
        return []
    if name == _ANY:
        return list(range(len(value)))
    is_index = re.fullmatch("0|[1-9][0-9]{0,8}", name) is not None and int(name) < len(value)
    return [int(name)] if is_index else []


def _ignore_billing(body: Any) -> bool:
    changed = False
    system = body.get("system") if isinstance(body, dict) else None
    for block in system if isinstance(system, list) else ():
        text = block.get("text") if isinstance(block, dict) else None
        # `match`, because a search that restarts at every repeated name would take quadratic time.
        if isinstance(text, str) and (billing := _BILLING.match(text)):
            block["text"] = billing[1] + IGNORED + text[billing.end() :]
            changed = changed or block["text"] != text
    return changed
