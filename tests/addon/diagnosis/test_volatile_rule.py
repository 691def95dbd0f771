"""The rule that a miss names can be pasted, and covers the difference."""

from __future__ import annotations

import json
import tomllib

import pytest

from addon.diagnosis.differences import Difference, differences
from addon.diagnosis.kinds import Kind
from addon.diagnosis.volatile_rule import covering_rule
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest

HOST, PATH = "api.openai.com", "/v1/chat/completions"


def _request(text: str) -> WireRequest:
    body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
    return WireRequest("POST", "https", HOST, 443, PATH, ((b"content-type", b"application/json"),), body)


def _rule(old: str, new: str) -> str:
    saved = [json.loads(identify(_request(text), IdentityRules()).request_json) for text in (old, new)]
    (difference,) = differences(*saved)
    return covering_rule(difference, *saved)


@pytest.mark.parametrize(("old", "new"), [
    ("Run 123e4567-e89b-12d3-a456-426614174000 now", "Run 99999999-aaaa-4bbb-8ccc-dddddddddddd now"),
    ("Trace 0123456789abcdef0123", "Trace fedc0123456789abcdef"),
    ("Read /tmp/tmpab12cd_x/a.txt please", "Read /tmp/tmpzz99cd_y/a.txt please"),
    ("Hello. Today's date is 2026-11-28, so", "Hello. Today's date is 2026-11-29, so"),
    ('The "current" local time is 2026-11-28T10:00:00Z.', 'The "current" local time is 2026-11-28T11:30:00Z.'),
    ("A long story that goes on and on. It is now 1764351000 sharp", "A long story that goes on and on. It is now 1764351999 sharp"),
])  # fmt: skip
def test_the_named_rule_makes_the_two_requests_one(old: str, new: str) -> None:
    """As it is printed, by setting or by the file."""
    rule = _rule(old, new)
    if rule.startswith("PROVIDER_PROXY_VOLATILE="):
        rules = IdentityRules.parse(volatile=rule.partition("=")[2])
    else:
        tables = tomllib.loads(rule.removesuffix(" in provider-proxy.toml"))["volatile"]
        rules = IdentityRules.parse(volatile_rules=json.dumps(tables))
    assert identify(_request(old), rules).key == identify(_request(new), rules).key
    assert identify(_request(old), IdentityRules()).key != identify(_request(new), IdentityRules()).key


@pytest.mark.parametrize(("old", "new"), [
    ("Sum 12 and 30", "Sum 12 and 31"),
    ("2026-11-28", "2026-11-29"),
    ("Read /srv/a.txt", "Read /srv/b.txt"),
    ("What is red?", "What is blue?"),
    ("commit 3f2a1b4c", "commit 9c8d7e6f"),
    ("What weekday is 2026-11-28?", "What weekday is 2027-01-03?"),
    ("What weekday is today, on 2026-11-28?", "What weekday is today, on 2027-01-03?"),
    ("Invoices due on 2026-11-28.", "Invoices due on 2027-01-03."),
    ("Finished at 1764351000 sharp", "Finished at 1764351999 sharp"),
])  # fmt: skip
def test_a_difference_that_may_mean_something_names_no_rule(old: str, new: str) -> None:
    """Words, numbers, short hex, other paths, and a date that is not the text's own."""
    assert _rule(old, new) == ""


def test_only_texts_of_a_body_have_one() -> None:
    """A header's value is hashed in recordings."""
    saved = {"body": {"kind": "json", "value": {"b": "x"}}, "host": HOST, "path": PATH}
    for place in ("header x", "/a", "/b/c", "/b/0"):
        assert covering_rule(Difference(place, Kind.UUID, "a", "b"), saved, saved) == ""


@pytest.mark.parametrize("member", ["file_id", "conversation", "metadata", "container"])
def test_a_member_that_may_name_a_resource_has_no_rule(member: str) -> None:
    """No setting covers it, and none should."""
    uuids = ("123e4567-e89b-12d3-a456-426614174000", "99999999-aaaa-4bbb-8ccc-dddddddddddd")
    saved = [
        {"body": {"kind": "json", "value": {member: uuid}}, "host": HOST, "path": PATH} for uuid in uuids
    ]
    assert covering_rule(Difference(f"/{member}", Kind.UUID, "a", "b"), *saved) == ""
