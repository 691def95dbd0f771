"""Volatile values of a request and what takes their place."""

from __future__ import annotations

import json

from addon.volatile.binding import bind, texts_of, with_texts
from addon.volatile.rules import Place, parse_volatile

UUID, OTHER = "123e4567-e89b-12d3-a456-426614174000", "99999999-e89b-12d3-a456-426614174000"
UUIDS = parse_volatile("uuid").rules


def _bound(value: object, kinds: str = "uuid") -> object:
    _, replace = bind(list(parse_volatile(kinds).rules), texts_of(value))
    return with_texts(value, replace)


def test_equal_values_have_equal_numbers() -> None:
    """The pattern of equal and different values stays."""
    assert _bound({"texts": [UUID, OTHER, UUID], "input": OTHER}) == {
        "texts": ["⟦uuid#2⟧", "⟦uuid#1⟧", "⟦uuid#2⟧"],
        "input": "⟦uuid#1⟧",
    }
    assert _bound([UUID, UUID]) != _bound([UUID, OTHER])


def test_a_bound_value_is_replaced_wherever_it_is_a_whole_token() -> None:
    """A rule finds it at one place; the echo elsewhere goes along, a longer word stays."""
    rule = {"name": "run", "host": "h", "path": "/v1", "pointer": "/system", "regex": "run (r[0-9]+)"}
    rules = parse_volatile("", json.dumps([rule])).rules
    value = {"system": "run r12 of ⟦x⟧", "prompt": ["See r12.", "See r123", "r12-r13"]}
    bindings, replace = bind(list(rules), texts_of(value))
    assert [tuple(binding) for binding in bindings] == [("run", 1, "r12")]
    assert with_texts(value, replace) == {
        "system": "run ⟦run#1⟧ of ⟦literal⟧x⟧",
        "prompt": ["See ⟦run#1⟧.", "See r123", "⟦run#1⟧-r13"],
    }


def test_what_decides_the_answer_is_never_replaced() -> None:
    """`model`, `stream`, `role` and `type`, at any depth; member names neither."""
    value = {"model": UUID, "messages": [{"role": UUID, "content": UUID}], UUID: 1}
    bound = _bound(value)
    assert bound == {"model": UUID, "messages": [{"role": UUID, "content": "⟦uuid#1⟧"}], UUID: 1}
    assert _bound({"model": UUID}) == {"model": UUID}


def test_a_secret_is_not_bound() -> None:
    """Redaction takes its place, so that it is not kept among the values."""
    rule = {"name": "key", "host": "h", "path": "/v1", "pointer": "/system", "regex": "(sk-[a-z0-9-]+)"}
    secret = "sk-proj-" + "a1b2c3d4" * 6
    bindings, _ = bind(list(parse_volatile("", json.dumps([rule])).rules), texts_of({"system": secret}))
    assert bindings == ()


def test_data_is_not_searched() -> None:
    """A picture in base64 may hold sixteen hex digits by chance."""
    picture = "data:image/png;base64," + "A" * 600 + "/0123456789abcdef/" + "A" * 600
    assert _bound([picture], "hex-id") == [picture]
    assert _bound(["x" * 5000 + "/0123456789abcdef"], "hex-id") == ["x" * 5000 + "/0123456789abcdef"]


def test_too_many_values_leave_the_request_as_it_is() -> None:
    """More than 500 are not run ids of a client."""
    many = [f"{n:08x}-e89b-12d3-a456-426614174000" for n in range(501)]
    assert _bound(many[:500]) == [f"⟦uuid#{n}⟧" for n in range(1, 501)]
    assert _bound(many) == many


def test_many_values_in_a_long_text_leave_the_request_as_it_is() -> None:
    """Each value is looked for in the whole text, and others wait meanwhile."""
    many = [f"{n:08x}-e89b-12d3-a456-426614174000" for n in range(400)]
    texts = list(texts_of({"texts": many}))
    rules = list(parse_volatile("uuid").rules)
    assert len(bind(rules, texts, " ".join(many))[0]) == 400
    assert bind(rules, texts, " ".join(many) + " " * 2_600_000)[0] == ()


def test_the_earlier_rule_names_a_span_that_two_match() -> None:
    """Their order in the file decides."""
    path = f"/tmp/{UUID}"
    for kinds, expected in (("uuid,tmp-path", "/tmp/⟦uuid#1⟧"), ("tmp-path,uuid", "⟦tmp-path#1⟧")):
        assert _bound([f"in {path} now"], kinds) == [f"in {expected} now"]


def test_places_are_pointers() -> None:
    """Members by name, items by index."""
    assert [place for place, _ in texts_of({"b": ["x"], "a": "y"})] == [
        Place("pointer", pointer=("a",)),
        Place("pointer", pointer=("b", "0")),
    ]
