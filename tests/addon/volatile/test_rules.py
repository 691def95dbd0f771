"""Volatile rules as users write them."""

from __future__ import annotations

import builtins
import json
import pickle
from typing import Any

import pytest

from addon.volatile.rules import Place, Rule, parse_volatile
from cache_store.errors import UsageError

TODAY = {
    "name": "today", "host": "api.openai.com", "path": "/v1/*", "pointer": "/messages/*/content",
    "kind": "date", "anchor": "Today's date is ⟦…⟧",
}  # fmt: skip


def _rule(**changed: str) -> Rule:
    (rule,) = parse_volatile("", json.dumps([TODAY | changed])).rules
    return rule


def _without(*names: str, **changed: str) -> str:
    return json.dumps([{name: value for name, value in (TODAY | changed).items() if name not in names}])


def test_a_rule_covers_its_host_and_path_only() -> None:
    """Globs are case-sensitive, and a `*` crosses slashes."""
    rule = _rule()
    assert rule.covers("api.openai.com", "/v1/chat/completions")
    assert not rule.covers("api.anthropic.com", "/v1/messages")
    assert not rule.covers("api.openai.com", "/v2/x")
    assert parse_volatile("", json.dumps([TODAY])).of("api.anthropic.com", "/v1/messages") is None


def test_only_the_value_inside_its_anchor_is_a_span() -> None:
    """Another date in the same text stays in the identity."""
    text = "Released 2020-01-01. Today's date is 2026-11-28."
    place = Place("pointer", pointer=("messages", "0", "content"))
    (span,) = _rule().spans(place, text)
    assert text[slice(*span)] == "2026-11-28"
    assert not list(_rule().spans(Place("pointer", pointer=("messages", "0", "name")), text))
    assert not list(_rule().spans(Place("pointer", pointer=("messages", "content")), text))


def test_an_expression_names_its_value_by_a_group() -> None:
    """Without a group the whole match is the value."""
    place = Place("header", "x-session")
    for regex, spans in (("s=([0-9]+);", [(2, 4), (8, 11)]), ("s=[0-9]+;", [(0, 5), (6, 12)])):
        text = _without("pointer", "kind", "anchor", header="X-Session", regex=regex)
        (rule,) = parse_volatile("", text).rules
        assert list(rule.spans(place, "s=12; s=345;")) == spans


@pytest.mark.parametrize(("tables", "says"), [
    (_without(nmae="x"), "did you mean name?"),
    (_without(name="Today"), "not a valid name"),
    (_without("pointer"), "exactly one of"),
    (_without(header="x"), "exactly one of"),
    (_without("kind", "anchor"), "either kind or regex"),
    (_without(kind="dote"), "did you mean date?"),
    (_without("host"), "host"),
    (_without(path="*"), "path"),
    (_without("anchor"), "anchor"),
    (_without(anchor="⟦…⟧"), "anchor"),
    (_without(pointer="messages"), "JSON Pointer"),
    (_without(pointer="/model"), "never volatile"),
    (_without(pointer="/messages/*/role"), "never volatile"),
    (_without("kind", "anchor", regex="("), "RE2"),
    (_without("kind", "anchor", regex=r"(?=a)b"), "RE2"),
    (_without("kind", "anchor", regex="(a)(b)"), "at most one group"),
    (_without("kind", "anchor", regex="[a-z]+"), "ordinary words"),
    (_without("kind", "anchor", regex="x*"), "ordinary words"),
    (_without("kind", "anchor", regex="user=([a-z]{4,9})"), "ordinary words"),
    (_without("kind", "anchor", regex=r"a\(b[(](?:x|user)=(?P<v>[0-9A-F]{6})"), "ordinary words"),
    (_without("kind", "anchor", regex="x" * 1001), "longer than"),
    (json.dumps([TODAY, TODAY]), "two rules"),
    (json.dumps([TODAY | {"name": 1}]), "not text"),
    ("{", "[[volatile]]"),
    (json.dumps([TODAY | {"name": f"r{n}"} for n in range(201)]), "200 at most"),
])  # fmt: skip
def test_wrong_rules_are_refused_in_one_line(tables: str, says: str) -> None:
    """With the rule's name or number, and what to write."""
    with pytest.raises(UsageError) as caught:
        parse_volatile("", tables)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kinds_with_a_meaning_are_not_looked_for_everywhere() -> None:
    """A date needs a rule; a kind that is not known names those that are."""
    with pytest.raises(UsageError, match="a date means something"):
        parse_volatile("date")
    with pytest.raises(UsageError, match="use uuid, hex-id"):
        parse_volatile("guid")
    assert [rule.name for rule in parse_volatile(" uuid, hex-id,").rules] == ["uuid", "hex-id"]


def test_rules_travel_to_other_processes() -> None:
    """Equal texts make one object, which is pickled as its texts."""
    rules = parse_volatile("uuid", json.dumps([TODAY]))
    assert pickle.loads(pickle.dumps(rules)) is rules
    assert "today" in repr(rules)


def test_without_re2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where google-re2 is not installed, the error says what to install."""
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "re2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"provider-proxy\[volatile\]"):
        parse_volatile("", _without("kind", "anchor", regex="id=([0-9]+)"))


def test_most_bodies_are_known_to_hold_no_value() -> None:
    """A pass over the bytes decides, or a look at the rule's place, header or parameter."""
    covering = parse_volatile(
        "uuid", _without("pointer", "kind", "anchor", header="x-id", regex="n=([0-9]+)")
    ).of("api.openai.com", "/v1/x")
    assert covering is not None
    assert covering.names_headers
    assert not covering.may_bind(b'{"a": "b"}', {"a": "b"})
    assert covering.may_bind(b"123e4567-e89b-12d3-a456-426614174000", {})
    by_place = parse_volatile("", _without("kind", "anchor", regex="n=([0-9]+)")).of(
        "api.openai.com", "/v1/x"
    )
    assert by_place is not None
    assert by_place.may_bind(b"", {"messages": [{"content": "n=12"}]})
    assert not by_place.may_bind(b"", {"messages": [{"content": "n=x", "name": "n=12"}, 3, "n=1"]})
    by_word = parse_volatile("", _without("kind", "anchor", regex="run ([0-9]+)"))
    worded = by_word.of("api.openai.com", "/v1/x")
    assert worded is not None
    assert worded.may_bind(b'{"a": "run 12"}', {})
    assert not worded.may_bind(b'{"a": "rub 12"}', {"messages": [{"content": "run 12"}]})
    by_query = parse_volatile("", _without("pointer", "kind", "anchor", query="n", regex="n=([0-9]+)"))
    assert by_query.rules[0].place == Place("query", "n")
