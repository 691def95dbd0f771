"""Keys of requests with volatile values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.identity import Identity, IdentityRules, identify, key_of_saved
from addon.identity.keying import rebind_saved, resave
from addon.messages import WireRequest
from cache_store.errors import CorruptEntry

UUID, OTHER = "123e4567-e89b-12d3-a456-426614174000", "99999999-aaaa-4bbb-8ccc-dddddddddddd"
HOST = "api.openai.com"
TODAY = {
    "name": "today", "host": HOST, "path": "/v1/*", "pointer": "/messages/*/content", "kind": "date",
    "anchor": "Today's date is ⟦…⟧",
}  # fmt: skip
KINDS = "uuid,hex-id,tmp-path,tool-call-id"
RULES = IdentityRules.parse(volatile=KINDS, volatile_rules=json.dumps([TODAY]))


def _request(body: Any, target: str = "/v1/chat/completions", **headers: str) -> WireRequest:
    pairs = {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    wire = tuple((name.encode(), value.encode()) for name, value in pairs.items())
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireRequest("POST", "https", HOST, 443, target, wire, data)


def _says(text: str, **more: Any) -> WireRequest:
    return _request({"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]} | more)


def _key(request: WireRequest, rules: IdentityRules = RULES) -> str:
    return identify(request, rules).key


def test_equal_up_to_volatile_values_is_one_key() -> None:
    """Each kind, several at once, and the echo of a value; the values are kept beside the key."""
    one = _says(f"Run {UUID} in /tmp/tmpab12cd_x/a.txt. Today's date is 2026-11-28. Again {UUID}")
    two = _says(f"Run {OTHER} in /tmp/tmpzz99cd_y/a.txt. Today's date is 2027-01-03. Again {OTHER}")
    assert _key(one) == _key(two)
    assert _key(one).startswith("pp2v-")
    assert [tuple(each) for each in identify(one, RULES).bindings] == [
        ("uuid", 1, UUID), ("tmp-path", 2, "/tmp/tmpab12cd_x"), ("today", 3, "2026-11-28")
    ]  # fmt: skip


def test_a_request_without_a_value_has_its_plain_key() -> None:
    """Rules change nothing where they match nothing."""
    request = _says("What is 2 + 2?")
    assert identify(request, RULES) == identify(request, IdentityRules())
    assert _key(replace(request, host="example.org")) == _key(
        replace(request, host="example.org"), IdentityRules()
    )


PLANTED = [
    ("What weekday is 2026-11-28?", "What weekday is 2027-01-03?"),
    ("What weekday was 2026-11-28? Today's date is 2026-11-28.", "What weekday was 2020-02-29? Today's date is 2026-11-28."),
    ("Today's date is 2026-11-28. Due 2026-12-01?", "Today's date is 2026-11-28. Due 2026-12-02?"),
    ("Todays date is 2026-11-28", "Todays date is 2026-11-29"),
    ("today's date is 2026-11-28", "today's date is 2026-11-29"),
    (f"Is {UUID} equal to {UUID}?", f"Is {UUID} equal to {OTHER}?"),
    (f"First {UUID}, then {OTHER}, first again {UUID}", f"First {UUID}, then {OTHER}, first again {OTHER}"),
    (f"Delete {UUID}", f"Keep {UUID}"),
    ("Read /tmp/tmpab12cd_x/a.txt", "Read /tmp/tmpab12cd_x/b.txt"),
    ("Read /tmp/report.txt", "Read /tmp/summary.txt"),
    ("Read /tmp/invoices/q1.csv", "Read /tmp/contracts/q1.csv"),
    ("Read /home/ann/a.txt", "Read /home/bob/a.txt"),
    ("Pay 1234567890123456", "Pay 6543210987654321"),
    ("Call 0044123456789012", "Call 0044123456789013"),
    ("Sum 12 and 30", "Sum 12 and 31"),
    ("port 8080", "port 9090"),
    ("in 3 seconds", "in 5 seconds"),
    ("at 1764351000", "at 1764351999"),
    ("2026-11-28T10:00:00Z", "2026-11-28T11:00:00Z"),
    ("meeting at 10:30", "meeting at 11:30"),
    ("call_me maybe", "call_you maybe"),
    ("use tool get_weather", "use tool get_time"),
    ("abcdefabcdefabcdef", "fedcbafedcbafedcba"),
    ("the color #ff00aa", "the color #00ff00"),
    ("commit 3f2a1b4", "commit 9c8d7e6"),
    ("IBAN DE89370400440532013000", "IBAN DE75512108001245126199"),
    ("v1.2.3", "v1.2.4"),
    ("10.0.0.1", "10.0.0.2"),
    ("isbn 9783161484100", "isbn 9780306406157"),
    ("lat 48.137154", "lat 52.520008"),
    ("Room 101", "Room 102"),
    ("Zürich", "Zurich"),
    ("⟦uuid#1⟧", UUID),
    ("⟦uuid#1⟧ and " + UUID, UUID + " and ⟦uuid#1⟧"),
    (f"⟦literal⟧ {UUID}", f"⟦ {UUID}"),
    (f"{UUID}x", f"{OTHER}x"),
    (f"x{UUID}", f"x{OTHER}"),
    (f"{UUID} ", f"{UUID}"),
    (f"{UUID}\n", f"{UUID} "),
    (f"id={UUID}&n=1", f"id={UUID}&n=2"),
    ("Is 2026-11-28 a holiday?", "Is 2026-12-25 a holiday?"),
    ("How many days from 2026-11-28 to 2027-01-03?", "How many days from 2026-11-28 to 2027-01-04?"),
    ("Which day follows Saturday, November 28, 2026?", "Which day follows Sunday, November 29, 2026?"),
    ("Was 28.11.1926 before 2026-11-28?", "Was 28.11.1936 before 2026-11-28?"),
    ("Today's date is 2026-11-28 and hers is 2001-02-03", "Today's date is 2026-11-28 and hers is 2001-02-04"),
    ("Yesterday's date is 2026-11-27", "Yesterday's date is 2026-11-26"),
    ("Today's date is 2026-11-28T10:00", "Today's date is 2026-11-28T11:00"),
    ("Convert 2026-11-28T10:00:00Z to Tokyo time", "Convert 2026-11-28T23:00:00Z to Tokyo time"),
    ("What time is 1764351000?", "What time is 1764437400?"),
    ("Is 3 seconds longer than 2 s?", "Is 1 second longer than 2 s?"),
]  # fmt: skip


_PIECES = st.lists(
    st.sampled_from(["a", "b", " ", "\n", "⟦", "uuid#1⟧", "é", '"', "2026-11-28", "-", "<redacted:x>"])
)


@settings(max_examples=150)
@given(_PIECES, _PIECES, st.integers(0, 200), st.sampled_from(["x", "7", " ", "⟧", "-"]))
def test_every_other_single_change_changes_the_key(
    before: list[str], after: list[str], at: int, put_in: str
) -> None:
    """A sign put in anywhere but into the value; another value alone changes nothing."""
    texts = [f"{''.join(before)} {value} {''.join(after)}" for value in (UUID, OTHER)]
    one, two = map(_key, map(_says, texts))
    assert one == two
    place = at % (len(texts[1]) + 1)
    start = len("".join(before)) + 1
    if not start <= place <= start + len(OTHER):
        assert _key(_says(texts[1][:place] + put_in + texts[1][place:])) != one


def test_fifty_changes_of_meaning_are_planted() -> None:
    """As many as the issue asks for, each once."""
    assert len(set(PLANTED)) == 50


@pytest.mark.parametrize(("one", "two"), PLANTED)
def test_a_change_of_meaning_changes_the_key(one: str, two: str) -> None:
    """Dates that are asked about, numbers, names, and the pattern of equal and different values."""
    assert _key(_says(one)) != _key(_says(two))


@pytest.mark.parametrize("change", [
    {"model": "gpt-4.1-mini"}, {"temperature": 1}, {"stream": True}, {"tools": [{"type": "function"}]},
    {"messages": [{"role": "system", "content": f"Run {UUID}"}]}, {"seed": 1}, {"max_tokens": 5},
    {"messages": [{"role": "user", "content": f"Run {UUID}"}] * 2}, {"user": "x"}, {"n": 2},
])  # fmt: skip
def test_every_other_member_stays_in_the_key(change: dict[str, Any]) -> None:
    """A value in the text does not make the rest volatile."""
    assert _key(_says(f"Run {UUID}")) != _key(_says(f"Run {OTHER}", **change))


def test_models_and_roles_are_never_volatile() -> None:
    """A deployment may be named by a UUID."""
    assert _key(_request({"model": UUID, "messages": []})) != _key(_request({"model": OTHER, "messages": []}))


def test_secrets_stay_apart_and_out_of_the_values() -> None:
    """What redaction hashed is not a hex id, and a credential's UUID is not kept."""
    keys = [{"api_key": each, "prompt": f"x {UUID}"} for each in (UUID.replace("4", "5"), OTHER)]
    one, two = (identify(_request(each), RULES) for each in keys)
    assert one.key != two.key
    assert [each.value for each in one.bindings] == [UUID]


def test_members_that_do_not_count_hold_no_values() -> None:
    """What the identity leaves out or the user ignores does not move the numbers."""
    plain = _says(f"Run {UUID}")
    assert _key(_says(f"Run {UUID}", user_id=OTHER, metadata={"a": "b"})) != _key(plain)
    rules = IdentityRules.parse(volatile=KINDS, ignore_fields="/a")
    with_it, other = _says(f"Run {UUID}", a=OTHER), _says(f"Run {OTHER}", a=UUID)
    assert _key(with_it, rules) == _key(other, rules)
    assert len(identify(with_it, rules).bindings) == 1


def test_headers_and_parameters() -> None:
    """A rule names the place; the echo of its value in a text goes along."""
    tables = [
        {
            "name": "session",
            "host": HOST,
            "path": "/v1/*",
            "header": "X-Session-Thing",
            "regex": "s-([0-9]+)",
        },
        {"name": "run", "host": HOST, "path": "/v1/*", "query": "run", "regex": "(r[0-9]+)"},
    ]
    rules = IdentityRules.parse(volatile_rules=json.dumps(tables))

    def key(session: str, run: str, text: str = "hi") -> str:
        return _key(_request({"text": text}, f"/v1/x?run={run}", x_session_thing=session), rules)

    assert key("s-12345", "r1", "12345") == key("s-678", "r22", "678")
    assert key("s-12345", "r1", "12345") != key("s-678", "r22", "12345")
    assert key("s-12345", "r1") != key("t-12345", "r1")


HEX = ("0123456789abcdef0123456789abcdef", "fedcba98765432100123456789abcdea")
CALLS = ("call_weather1abc2", "call_stocks1abc2")


def _chat(value: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": f"See {value}"}]} | more


@pytest.mark.parametrize("make", [
    lambda v: _request(_chat(v), f"/openai/deployments/{v}/chat/completions"),
    lambda v: _request(_chat(v), f"/v1beta/tunedModels/{v}:generateContent"),
    lambda v: _request({}, f"/v1/runs/{v}"),
    lambda v: _request(_chat(v), f"/v1/x?api-version={v}"),
    lambda v: _request(_chat("x"), openai_project=v),
    lambda v: _request({"document": {"type": "file", "file_id": v}}),
    lambda v: _request({"tools": [{"type": "file_search", "vector_store_ids": [v]}]}),
    lambda v: _request({"tools": [{"library_ids": [v]}]}),
    lambda v: _request(_chat("x", conversation=v)),
    lambda v: _request(_chat(v, conversation=v)),
    lambda v: _request({"cachedContent": f"cachedContents/{v}", "contents": []}),
    lambda v: _request({"contents": [{"parts": [{"fileData": {"fileUri": f"https://x/files/{v}"}}]}]}),
    lambda v: _request({"messages": [{"content": [{"type": "document", "source": {"file_id": v}}]}]}),
    lambda v: _request({"messages": [{"content": [{"image_url": {"url": f"https://x/{v}.png"}}]}]}),
    lambda v: _request(_chat("x", container=v)),
    lambda v: _request({"input": [{"type": "item_reference", "id": v}]}),
    lambda v: _request(_chat("x", tools=[{"type": "function", "function": {"name": v}}])),
    lambda v: _request(_chat(v, metadata={v: "x"})),
])  # fmt: skip
@pytest.mark.parametrize("values", [(UUID, OTHER), HEX, CALLS, ("/tmp/tmpab12cd_x", "/tmp/tmpzz99cd_y")])
def test_what_names_a_resource_is_never_volatile(
    make: Callable[[str], WireRequest], values: tuple[str, str]
) -> None:
    """Models in paths, files, caches, containers, conversations, pictures, accounts, tools; with an echo or without."""
    assert _key(make(values[0])) != _key(make(values[1]))


@pytest.mark.parametrize("values", [(UUID, OTHER), HEX])
def test_two_spellings_of_a_value_are_not_bound(values: tuple[str, str]) -> None:
    """Whether one is the other in capitals, or without dashes, stays in the key."""
    one, two = values
    for spell in (str.upper, lambda value: value.replace("-", ""), lambda value: f"x{value}y"):
        same, different = _says(f"Is {one} {spell(one)}?"), _says(f"Is {two} {spell(one)}?")
        assert _key(same) != _key(different)


def test_ids_of_tool_calls_are_bound_in_every_dialect() -> None:
    """In the call and in its result."""
    one, two = ("call_0a1B2c3D4e5F6g7H8i9J0k1L", "call_9z8Y7x6W5v4U3t2S1r0Q9p8O")

    def openai(call: str) -> WireRequest:
        return _request({"messages": [
            {"role": "assistant", "tool_calls": [{"id": call, "type": "function"}]},
            {"role": "tool", "tool_call_id": call, "content": "x"},
        ]})  # fmt: skip

    def anthropic(call: str) -> WireRequest:
        call = call.replace("call_", "toolu_")
        return _request({"messages": [
            {"content": [{"type": "tool_use", "id": call, "input": {"path": f"/tmp/tmpab12cd_{call[-1].lower()}/a"}}]},
            {"content": [{"type": "tool_result", "tool_use_id": call, "content": "x"}]},
        ]})  # fmt: skip

    def responses(call: str) -> WireRequest:
        return _request({"input": [
            {"type": "function_call", "call_id": call, "arguments": "{}"},
            {"type": "function_call_output", "call_id": call, "output": "x"},
        ]})  # fmt: skip

    for make in (openai, anthropic, responses):
        assert _key(make(one)) == _key(make(two))
        assert _key(make(one)).startswith("pp2v-")


def test_parts_of_a_multipart_body() -> None:
    """A file's name and a field's text, not the bytes of a file."""

    def upload(name: str, text: str) -> WireRequest:
        body = (
            f'--b\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\nhello\r\n'
            f'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n{text}\r\n--b--\r\n'
        )
        request = _request(body.encode(), "/v1/files")
        return replace(request, headers=((b"content-type", b"multipart/form-data; boundary=b"),))

    assert _key(upload(f"{UUID}.txt", f"of {UUID}")) == _key(upload(f"{OTHER}.txt", f"of {OTHER}"))
    assert _key(upload(f"{UUID}.txt", "of")) != _key(upload(f"{UUID}.csv", "of"))


def test_the_key_can_be_computed_from_what_is_saved() -> None:
    """By `verify`, with any rules; a saved request is bound once only."""
    found = identify(_says(f"Run {UUID}"), RULES)
    assert key_of_saved(found.request_json, IdentityRules()) == found.key
    assert rebind_saved(found.request_json, RULES) == (found.request_json, ())
    with pytest.raises(CorruptEntry):
        key_of_saved(found.request_json.replace(b'"volatile":true', b'"volatile":1'), IdentityRules())


def test_a_recording_gets_the_key_of_the_live_request() -> None:
    """`rekey` binds what was recorded without rules."""
    request = _says(f"Run {UUID}. Today's date is 2026-11-28.", metadata={"x": OTHER})
    plain, bound = identify(request, IdentityRules()), identify(request, RULES)
    assert rebind_saved(resave(plain.request_json, RULES), RULES) == (bound.request_json, bound.bindings)


def test_one_more_identity() -> None:
    """The result is an ordinary Identity with the label of the request."""
    found = identify(_says(f"Run {UUID}"), RULES)
    assert isinstance(found, Identity)
    assert found.label["model"] == "gpt-4.1"
