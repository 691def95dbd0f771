"""Ignored, absent and present are three identities."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from addon.identity import IdentityRules, identify, key_of_saved
from addon.identity.ignoring import ignore_fields
from addon.messages import WireRequest

FIELDS = IdentityRules.parse(ignore_fields="/user,/metadata/user_id,/input/*/id,/list/1")


def body(**members: Any) -> dict[str, Any]:
    """A small request."""
    return {"model": "m"} | members


@pytest.mark.parametrize(
    ("one", "other", "absent"),
    [
        (body(user="a"), body(user="b"), body()),
        (body(user="a"), body(user=None), body()),
        (body(user={"deep": [1]}), body(user=1.5), body()),
        (
            body(metadata={"user_id": "a", "x": 1}),
            body(metadata={"x": 1, "user_id": "b"}),
            body(metadata={"x": 1}),
        ),
        (body(input=[{"id": 1}, {"id": 2}]), body(input=[{"id": 3}, {"id": 4}]), body(input=[{}, {}])),
        (body(list=[1, 2]), body(list=[1, 3]), body(list=[1])),
    ],
)
def test_fields(one: Any, other: Any, absent: Any, key: Callable[..., str]) -> None:
    """An ignored field's presence counts but not its value, and its marker equals no value that a client can send."""
    assert key(one, rules=FIELDS) == key(other, rules=FIELDS)
    present = {key(one), key(other)}
    assert len({key(one, rules=FIELDS), key(absent, rules=FIELDS), *present}) == 4
    assert key(absent, rules=FIELDS) == key(absent)


def test_what_is_not_ignored_counts(key: Callable[..., str]) -> None:
    """Neighbours of an ignored field, and lists of another length, still differ."""
    assert key(body(user="a", n=1), rules=FIELDS) != key(body(user="a", n=2), rules=FIELDS)
    assert key(body(input=[{"id": 1}]), rules=FIELDS) != key(body(input=[{"id": 1}, {"id": 2}]), rules=FIELDS)
    assert key(body(model="a", user="x"), rules=FIELDS) != key(body(model="b", user="x"), rules=FIELDS)


def test_a_marker_cannot_be_sent(key: Callable[..., str]) -> None:
    """The marker's text, sent by a client, is an ordinary value."""
    sent = body(user="<redacted:ignored>")
    assert key(sent) not in {key(body(user="a"), rules=FIELDS), key(body())}
    header = {"anthropic-version": "<redacted:ignored>"}
    assert key(body(), header) != key(
        body(), header, rules=IdentityRules.parse(ignore_headers="anthropic-version")
    )


def test_dropping_a_rule_finds_no_old_entry(make: Callable[..., WireRequest]) -> None:
    """An entry that was saved under a rule is not found without the rule."""
    rules = IdentityRules.parse("x-run", "trace", "/user")
    for request in (make(body(user="a")), make(body(), {"x-run": "1"}), make(body(), target="/x?trace=1")):
        saved = identify(request, rules)
        assert saved.key != identify(request, IdentityRules()).key
        assert key_of_saved(saved.request_json, IdentityRules()) == saved.key


@pytest.mark.parametrize(
    ("rule", "one", "other", "absent"),
    [
        ({"ignore_headers": "x-run"}, {"headers": {"X-Run": "1"}}, {"headers": {"x-run": "2"}}, {}),
        ({"ignore_headers": "x-team-*"}, {"headers": {"x-team-a": "1"}}, {"headers": {"x-team-a": "2"}}, {}),
        ({"ignore_headers": "anthropic-beta"}, {"headers": {"anthropic-beta": "a"}}, {"headers": {"anthropic-beta": "b,c"}}, {}),
        ({"ignore_query": "trace"}, {"target": "/x?trace=1"}, {"target": "/x?trace=2&trace=3"}, {"target": "/x"}),
        ({"ignore_query": "trace"}, {"target": "/x?trace=1"}, {"target": "/x?trace"}, {"target": "/x"}),
    ],
)  # fmt: skip
def test_headers_and_query(
    rule: dict[str, str],
    one: dict[str, Any],
    other: dict[str, Any],
    absent: dict[str, Any],
    key: Callable[..., str],
) -> None:
    """One marker stands for an ignored header or parameter, however many there were."""
    rules = IdentityRules.parse(**rule)
    assert key(**one, rules=rules) == key(**other, rules=rules)
    assert len({key(**one, rules=rules), key(**absent, rules=rules), key(**one), key(**other)}) == 4


@pytest.mark.parametrize(
    ("pointer", "value", "expected"),
    [
        ("/a/*", {"a": {"x": 1, "y": 2}}, {"a": {"x": "#", "y": "#"}}),
        ("/a/*", {"a": [1, 2]}, {"a": ["#", "#"]}),
        ("/*/b", {"x": {"b": 1}, "y": {"c": 1}, "z": 3}, {"x": {"b": "#"}, "y": {"c": 1}, "z": 3}),
        ("/a/0", {"a": [1, 2]}, {"a": ["#", 2]}),
        ("/a/01", {"a": [1, 2]}, {"a": [1, 2]}),
        ("/a/-", {"a": [1, 2]}, {"a": [1, 2]}),
        ("/a/2", {"a": [1, 2]}, {"a": [1, 2]}),
        ("/a/²", {"a": [1, 2, 3]}, {"a": [1, 2, 3]}),
        ("/a/b", {"a": "text"}, {"a": "text"}),
        ("/a/b/c", [1], [1]),
    ],
)
def test_pointers_find_their_places(pointer: str, value: Any, expected: Any) -> None:
    """`*` is any name or index; indexes are RFC 6901's; what is not there is left alone."""
    changed = ignore_fields(value, IdentityRules.parse(ignore_fields=pointer))
    assert json.dumps(value).replace("<redacted:ignored>", "#") == json.dumps(expected)
    assert changed == ("#" in json.dumps(expected))


CLAUDE_CODE = {
    "metadata": {"user_id": '{"device_id":"d1","session_id":"s1"}'},
    "system": [
        {
            "type": "text",
            "text": "x-anthropic-billing-header: cc_version=2.1.197; cc_entrypoint=cli; cch=37702;",
        }
    ],
}
CODEX = {
    "prompt_cache_key": "k1",
    "client_metadata": {"a": "1"},
    "input": [
        {
            "id": "i1",
            "content": "c",
            "internal_chat_message_metadata_passthrough": {"turn_id": "t", "create_time": 1.25},
        }
    ],
}
AGENTS = IdentityRules.parse(profile="agents")


@pytest.mark.parametrize(
    ("request_body", "old", "new"),
    [(CLAUDE_CODE, "s1", "s2"), (CLAUDE_CODE, "37702", "1a2b3"), (CODEX, "k1", "k2"), (CODEX, '"1"', '"2"'),
     (CODEX, "i1", "i2"), (CODEX, '"t"', '"u"'), (CODEX, "1.25", "2.5")],
)  # fmt: skip
def test_agents_profile(request_body: dict[str, Any], old: str, new: str, key: Callable[..., str]) -> None:
    """Values that agents generate in every run count by default, and do not count under the profile."""
    text = json.dumps(request_body)
    other = text.replace(old, new)
    assert other != text
    gateway = "llm.corp.example"  # for OpenAI `prompt_cache_key` is left out anyway
    assert key(text.encode(), host=gateway) != key(other.encode(), host=gateway)
    assert key(text.encode(), rules=AGENTS, host=gateway) == key(other.encode(), rules=AGENTS, host=gateway)


def test_a_billing_text_is_read_once() -> None:
    """Repeated names are read in one pass, and text after an ignored value is kept when it is ignored again."""
    name = "x-anthropic-billing-header:"
    assert not ignore_fields({"system": [{"text": name * 200_000}]}, AGENTS)
    body = {"system": [{"text": f"{name} cch=1; cch=2"}]}
    assert [ignore_fields(body, AGENTS), ignore_fields(body, AGENTS)] == [True, False]
    assert body["system"][0]["text"] == f"{name} cch=<redacted:ignored>; cch=2"


@pytest.mark.parametrize(("old", "new"), [("2.1.197", "2.1.198"), ("=cli", "=sdk"), ('"c"', '"d"')])
def test_agents_profile_keeps_the_rest(old: str, new: str, key: Callable[..., str]) -> None:
    """Versions, entry points and content still count under the profile."""
    text = json.dumps(CLAUDE_CODE | CODEX)
    assert key(text.encode(), rules=AGENTS) != key(text.replace(old, new).encode(), rules=AGENTS)


def _multipart(filename: str, model: str = "whisper-1", language: str = "en") -> bytes:
    fields = {"model": model, "language": language}
    parts = [f'--B\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    file = (
        f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\nRIFF\r\n--B--\r\n'
    )
    return ("".join(parts) + file).encode()


MULTIPART = {"content-type": "multipart/form-data; boundary=B"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("pointer", ["/parts/2/filename", "/parts/*/filename"])
def test_a_file_name_can_be_ignored(
    pointer: str, key: Callable[..., str], make: Callable[..., WireRequest]
) -> None:
    """The pointer that a miss names works for parts too; other values count, and a saved request can be rekeyed."""
    rules = IdentityRules.parse(ignore_fields=pointer)
    one, other = _multipart("/tmp/a1.wav"), _multipart("/tmp/b2.wav")
    assert key(one, MULTIPART) != key(other, MULTIPART)
    assert key(one, MULTIPART, rules=rules) == key(other, MULTIPART, rules=rules)
    assert key(one, MULTIPART, rules=rules) != key(
        _multipart("/tmp/a1.wav", language="de"), MULTIPART, rules=rules
    )
    saved = identify(make(one, MULTIPART), IdentityRules()).request_json
    assert key_of_saved(saved, rules) == key(other, MULTIPART, rules=rules)


@pytest.mark.parametrize(
    "pointer", ["/parts/*/text", "/parts/0/text", "/parts/0", "/parts", "/kind", "/parts/0/name"]
)
def test_the_model_of_a_part_is_never_ignored(pointer: str, key: Callable[..., str]) -> None:
    """A pointer cannot cover a part named model, nor a part's name, nor a whole part."""
    rules = IdentityRules.parse(ignore_fields=pointer)
    keys = {key(_multipart("f", model), MULTIPART, rules=rules) for model in ("whisper-1", "whisper-2")}
    assert len(keys) == 2


def test_a_value_of_a_form_can_be_ignored(key: Callable[..., str]) -> None:
    """`/pairs/1/1` is the value of the second pair; the name stays, and `model` counts."""
    rules = IdentityRules.parse(ignore_fields="/pairs/*/1,/pairs/*/0")
    assert key(b"model=m&a=1", FORM, rules=rules) == key(b"model=m&a=2", FORM, rules=rules)
    assert key(b"model=m&a=1", FORM, rules=rules) != key(b"model=n&a=1", FORM, rules=rules)
    assert key(b"model=m&a=1", FORM, rules=rules) != key(b"model=m&b=1", FORM, rules=rules)
