"""Proposed rules as TOML."""

from __future__ import annotations

import json
import tomllib

import pytest

from addon.learning.comparing import compare
from addon.learning.proposing import propose
from addon.learning.toml_tables import described, toml_tables
from addon.volatile.rules import parse_volatile
from tests.addon.learning.requests_of_takes import UUIDS, asked, changes


@pytest.mark.parametrize(
    "text", ["Run {}", 'Say "x\\y" {}', "é\x7f😀 {}", "a'b\\ {}", "[[volatile]]\n{}\r\n# x = {}"]
)
def test_tables_parse_to_the_rules(text: str) -> None:
    """Whatever stands around a value."""
    for values in (UUIDS, ("k3j4h5", "z9y8x7")):
        proposals, _ = propose(changes(*(text.format(value, value) for value in values)))
        tables = tomllib.loads(toml_tables(proposals))["volatile"]
        assert tables == [proposal.members for proposal in proposals]
        parse_volatile("", json.dumps(tables))


def test_the_evidence_is_a_comment() -> None:
    """How often, where, both values; names of tests as they may be shown."""
    pair = [asked(f"Run {value}", test="t::a\nb") for value in UUIDS]
    proposals, _ = propose(compare(*pair).changes)
    text = toml_tables(proposals, "[[x]]", lambda test: f"<{test}>")
    assert text.splitlines()[:2] == [
        "[[x]]", f'# Seen once, in <t::a\\nb>: "{UUIDS[0]}" in take 1, "{UUIDS[1]}" in take 2',
    ]  # fmt: skip


def test_secrets_and_headers_are_not_shown() -> None:
    """A value that has the shape of a key, and any value of a header."""
    key = "sk-proj-" + "Ab1" * 20
    (change,) = changes("Use a1b2c3d4", "Use e5f6a7b8")
    assert key not in described(change._replace(new=key))
    one, two = (asked("x", x_session=value) for value in UUIDS)
    proposals, _ = propose(compare(one, two).changes)
    assert UUIDS[0] not in toml_tables(proposals)
