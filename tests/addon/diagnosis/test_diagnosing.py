"""The nearest recorded request, what differs, of what kind, and what to do: on real pairs of requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from addon.diagnosis import Diagnosis, Kind, diagnose, diagnose_saved
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.printing import program
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.diagnosis.conftest import CHAT, entry, identity

Explain = Callable[..., Diagnosis]

TOOL = {
    "type": "function",
    "function": {"name": "search", "parameters": {"type": "object", "properties": {}}},
}
OTHER = {
    "type": "function",
    "function": {"name": "browse", "parameters": {"type": "object", "properties": {}}},
}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a helper."},
    {"role": "user", "content": "What about X?"},
]


def ask(text: str, **more: Any) -> dict[str, Any]:
    """A chat request with one question."""
    return {"model": "gpt-4.1", "messages": [*TALK, {"role": "user", "content": text}]} | more


@pytest.mark.parametrize(
    ("old", "new", "kind", "advice"),
    [
        ("at 2026-11-21T10:15:02Z", "at 2026-11-21T10:15:09Z", Kind.TIMESTAMP, "Use a fixed time in the test"),
        ("it is 10:15 AM", "it is 10:16 AM", Kind.TIMESTAMP, "Use a fixed time in the test"),
        ("now: 1795256102", "now: 1795256109", Kind.TIMESTAMP, "Use a fixed time in the test"),
        ("Sat, 21 Nov 2026 08:22:50", "Sat, 21 Nov 2026 08:22:51", Kind.TIMESTAMP, "Use a fixed time"),
        ("today is 2026-11-20.", "today is 2026-11-21.", Kind.DATE, "Use a fixed date in the test"),
        ("on November 20, 2026", "on November 21, 2026", Kind.DATE, "Use a fixed date in the test"),
        ("id 9f1c6d1e-8a55-4f8e-9a3e-0123456789ab", "id 0a2d7e2f-9b66-5a9f-8b4f-abcdefabcdef", Kind.UUID,
         "Use a fixed UUID in the test"),
        ("trace 4bf92f3577b34da6", "trace 00f067aa0ba902b7", Kind.HEX, "Use a fixed value in the test"),
        ("in /tmp/pytest-12/data.csv", "in /tmp/pytest-13/data.csv", Kind.PATH, "Use the same path in every run"),
        ("What is two and two?", "What is two and three?", Kind.CHANGED, "If the change is intended, record it"),
    ],
)  # fmt: skip
def test_kinds_of_text(explain: Explain, old: str, new: str, kind: Kind, advice: str) -> None:
    """A difference within a message is named by its pointer and its kind, with the remedy for that kind."""
    found = explain(identity(ask(old)), identity(ask(new)))
    (only,) = found.differences
    assert (only.place, only.kind) == ("/messages/2/content", kind)
    assert found.remedy.startswith(advice)
    assert found.remedy.endswith("PROVIDER_PROXY_CACHE_MODE=read-old-write-new")
    assert found.shared == 2
    assert "IGNORE" not in found.remedy


@pytest.mark.parametrize(
    ("old", "new", "place", "kind", "advice"),
    [
        (ask("q"), ask("q", model="gpt-4o"), "/model", Kind.MODEL, "If another model is intended"),
        (ask("q", temperature=0), ask("q", temperature=0.5), "/temperature", Kind.SAMPLING, "If the new value"),
        (ask("q", tools=[TOOL]), ask("q", tools=[TOOL, OTHER]), "/tools/1", Kind.TOOL_ADDED, "The request offers a tool"),
        (ask("q", tools=[OTHER, TOOL]), ask("q", tools=[TOOL]), "/tools/0", Kind.TOOL_REMOVED, "The request lacks a tool"),
        (ask("q", tools=[OTHER, TOOL]), ask("q", tools=[TOOL, OTHER]), "/tools/0", Kind.REORDERED, "Keep the same order"),
        (ask("q"), ask("q") | {"messages": [*ask("q")["messages"], {"role": "user", "content": "more"}]},
         "/messages/3", Kind.MESSAGE_ADDED, "The conversation has a message"),
        (ask("q"), ask("q") | {"messages": TALK}, "/messages/2", Kind.MESSAGE_REMOVED, "The conversation lacks a message"),
        ({"model": "m", "input": "x", "previous_response_id": "resp_abcdef0123"},
         {"model": "m", "input": "x", "previous_response_id": "resp_0123abcdef"},
         "/previous_response_id", Kind.ANSWER_ID, "The provider gave this id in an earlier answer"),
        (ask("q") | {"messages": [*TALK, {"role": "tool", "tool_call_id": "call_aaaa1111", "content": "x"}]},
         ask("q") | {"messages": [*TALK, {"role": "tool", "tool_call_id": "call_bbbb2222", "content": "x"}]},
         "/messages/2/tool_call_id", Kind.TOOL_CALL_ID, "The provider gave this id in an earlier answer"),
        (ask("q", user="a/b~c"), ask("q"), "/user", Kind.REMOVED, "If the change is intended"),
        (ask("q", metadata={"a/b~c": "1"}), ask("q", metadata={"a/b~c": 1}), "/metadata/a~1b~0c", Kind.CHANGED, "If the change"),
    ],
)  # fmt: skip
def test_kinds_of_members(
    explain: Explain, old: dict[str, Any], new: dict[str, Any], place: str, kind: Kind, advice: str
) -> None:
    """The kind follows from the name of a member or from its place in a list."""
    found = explain(identity(old), identity(new))
    assert [(d.place, d.kind) for d in found.differences] == [(place, kind)]
    assert found.remedy.startswith(advice)


def test_header_query_path_and_method(explain: Explain) -> None:
    """Headers, the query, the path and the method are compared too; the remedy names the setting that fits."""
    base = identity(ask("q"), f"{CHAT}?t=1", openai_beta="assistants=v1")
    found = explain(base, identity(ask("q"), f"{CHAT}?t=2", openai_beta="assistants=v2"))
    assert [d.place for d in found.differences] == ["query t", "header openai-beta"]
    assert "PROVIDER_PROXY_IGNORE_QUERY=t" in found.remedy
    found = explain(base, identity(ask("q"), "/v2/chat?t=1", method="PUT", openai_beta="assistants=v1"))
    assert [d.place for d in found.differences] == ["method", "path"]


def test_the_same_endpoint_comes_first(explain: Explain) -> None:
    """A request to the same path is nearer than an equal body at another path."""
    here, there = identity(ask("a b c d e f g")), identity(ask("a b c d e f h"), "/v1/other")
    assert explain(here, there, identity(ask("a b c d e f h"))).nearest == here.key


def test_the_longest_shared_beginning_wins(explain: Explain) -> None:
    """Of two conversations the one that parts later is the nearer one, also where it differs in more places."""
    long = [*TALK, {"role": "assistant", "content": "Fine."}, {"role": "user", "content": "And now?"}]
    last = {"role": "user", "content": "And then?"}
    near = identity(ask("", temperature=1, seed=2) | {"messages": [*long[:3], last]})
    far = identity(ask("") | {"messages": [TALK[0], {"role": "user", "content": "Other"}, *long[2:]]})
    assert explain(near, far, identity(ask("") | {"messages": long})).nearest == near.key
    assert explain(far, near, identity(ask("") | {"messages": long})).nearest == near.key


def test_one_changed_word_in_a_long_text_is_found(explain: Explain) -> None:
    """Among many long prompts the one with a word changed is the nearest, although no message is equal."""
    texts = [" ".join(f"w{n * 7919 % 1000}x{number}" for n in range(300)) for number in range(60)]
    others = [identity({"model": "m", "messages": [{"role": "user", "content": text}]}) for text in texts]
    changed = texts[17].split()
    changed[150] = "changed"
    wanted = identity({"model": "m", "messages": [{"role": "user", "content": " ".join(changed)}]})
    assert explain(*others, wanted).nearest == others[17].key


def test_no_more_than_two_hundred_characters_and_no_secret(explain: Explain) -> None:
    """Values are cut around what differs, and what was redacted when it was saved stays so."""
    secret, other = ("sk-proj-" + part * 6 for part in ("aB3dE5gH", "zY8xW6vU"))
    old, new = (f"{'long ' * 999}{s} {'text ' * 999}" for s in (secret, other))
    found = explain(
        identity(ask(old, extra={"big": ["x" * 5000]}), x_thing="v" * 3000, authorization=f"Bearer {secret}"),
        identity(ask(new, extra={"big": ["y" * 5000]}), x_thing="w" * 3000, authorization=f"Bearer {other}"),
    )
    text = found.line + str(found.as_dict())
    assert secret not in text
    assert other not in text
    assert all(len(side) <= 200 for d in found.differences for side in (d.old, d.new) if side)
    assert {d.place for d in found.differences} == {"/messages/2/content", "/extra/big/0", "header x-thing"}
    assert len(found.line) < 1500


def test_a_line_is_one_line(explain: Explain) -> None:
    """Line ends and control characters in a value do not break the line or the terminal."""
    found = explain(identity(ask("a\nb\x1b[31m")), identity(ask("a\nc\x1b[32m\u2028d")))
    assert found.line.isprintable()


def test_nothing_recorded() -> None:
    """Without a candidate it says what the store does hold for that host."""
    store = MemoryStore()
    wanted = identity(ask("q"))
    assert (
        "Nothing is recorded for api.openai.com"
        in diagnose(wanted.key, wanted.request_json, wanted.label, store).line
    )
    store.put(entry(identity(b"", "/v1/models", method="GET"), request_json=b"{}"))
    line = diagnose(wanted.key, wanted.request_json, wanted.label, store).line
    assert "GET /v1/models (1)" in line or "PROVIDER_PROXY_SAVE_REQUEST=false" in line


def test_a_misss_own_answer_explains_nothing() -> None:
    """An entry that was stored after the request began is neither a candidate nor counted for its host, and where
    entries of the run are not served, none of them hides an older one."""
    store = MemoryStore()
    wanted = identity(ask("q"))
    mine = entry(wanted)
    store.put(mine)

    def line(since: float, own: str = "") -> str:
        return diagnose(wanted.key, wanted.request_json, wanted.label, store, since=since, own=own).line

    assert "Nothing is recorded for api.openai.com" in line(mine.recorded_at)
    assert "PROVIDER_PROXY_MAX_AGE" in line(mine.recorded_at + 1)
    other = identity(ask("r"))
    store.put(replace(entry(other), run="earlier"))
    assert other.key[:12] in line(mine.recorded_at)
    store.remove(other.key)
    for number in range(10):
        store.put(entry(identity(ask(f"q{number}"))))
    assert "nearest recorded" in line(mine.recorded_at)
    assert "nearest recorded" not in line(mine.recorded_at, "r")
    store.put(replace(entry(other), run="earlier"))
    assert other.key[:12] in line(mine.recorded_at, "r")


def test_equal_requests_say_why_else(explain: Explain) -> None:
    """The same request under another key was kept from serving by age, sequence or rules."""
    same = identity(ask("q"))
    found = explain(same, same)
    assert not found.differences
    assert "PROVIDER_PROXY_MAX_AGE" in found.line


def test_bodies_that_are_no_json(explain: Explain) -> None:
    """Texts are compared as text; for bodies of different kinds, the kinds are shown."""
    found = explain(identity(b"hello there 1"), identity(b"hello there 2"))
    assert found.differences[0].place == "body /value"
    found = explain(identity(b"hello"), identity({"a": 1}))
    assert (found.differences[0].old, found.differences[0].new) == ("text", "json")


def test_many_differences_are_bounded(explain: Explain) -> None:
    """Two requests that differ in hundreds of places do not make a long report."""
    old, new = (
        {"model": "m", "prompt": "hi", **{f"f{n}": f"{side}{n}" for n in range(500)}} for side in "ab"
    )
    found = explain(identity(old), identity(new))
    assert (len(found.differences), found.more) == (20, True)


def test_hostile_requests_break_nothing() -> None:
    """A damaged saved request is not a candidate, and raises nothing."""
    good = identity(ask("q"))
    store = MemoryStore()
    for number, request in enumerate((b"", b"[]", b"\xff", b'{"path": 1}', b'{"path":"x","body":{"kind":"json"}}',
                                      b"[" * 100_000, b'{"path":"/","query":[1,[2]],"headers":{"a":1},"body":7}')):  # fmt: skip
        store.put(entry(good, key=f"pp1-{number}", request_json=request))
    found = diagnose(good.key, good.request_json, good.label, store)
    assert found.line
    assert diagnose("k", b"[" * 100_000, {}, store).line


def test_two_entries_are_compared(explain: Explain) -> None:
    """`diff` says the same of two entries; one without its request says that."""
    one, two = entry(identity(ask("q"))), entry(identity(ask("r")))
    assert diagnose_saved(one, two).remedy == ""
    assert diagnose_saved(one, two).differences == explain(identity(ask("q")), identity(ask("r"))).differences
    bare = entry(identity(ask("r")), request_json=b"{}")
    assert "PROVIDER_PROXY_SAVE_REQUEST=false" in diagnose_saved(one, bare).note


@pytest.mark.parametrize("secret", ["made-up/SECRET+one", "made-up/SECRET+one" * 20], ids=["short", "long"])
@pytest.mark.parametrize("side", ["old", "new", "name", "path", "alone", "recorded path", "endpoint"])
def test_a_request_that_holds_a_credential_is_not_shown(side: str, secret: str) -> None:
    """If either request contains a credential that this run has seen, no text of either is shown."""
    held, plain = identity(ask(f"my key is {secret}")), identity(ask("my key is gone"))
    if side == "name":
        held = identity(ask("q", metadata={secret: "a"}))
    elif "path" in side:
        held = identity(ask("q"), target=f"/v1/{secret}")
    elif side == "endpoint":  # all that there is, and nothing like what is asked for
        held = identity(b"", target=f"/{secret}", method="GET")
    old, new = (held, plain) if side in ("old", "recorded path", "endpoint") else (plain, held)
    store = MemoryStore()
    if side != "alone":
        store.put(entry(old))

    def secret_in(data: bytes) -> str | None:
        return "bearer" if secret[-18:].encode() in data else None

    found = diagnose(new.key, new.request_json, new.label, store, secret_in=secret_in)
    said = found.place + found.line + str(found.as_dict())
    assert "SECRET" not in said
    assert "(bearer)" in found.line
    assert found.place == "POST api.openai.com"


def test_a_changed_ignore_rule_is_explained() -> None:
    """A recording from before an ignore rule is named with the command that moves it, and no marker is shown."""
    store = MemoryStore()
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"a_id": "1", "b_id": "2"},
    }
    store.put(entry(identity(body)))
    rules = IdentityRules.parse(ignore_fields="/metadata/*")
    request = WireRequest(
        "POST",
        "https",
        "api.openai.com",
        443,
        CHAT,
        ((b"content-type", b"application/json"),),
        json.dumps(body).encode(),
    )
    now = identify(request, rules)
    found = diagnose(now.key, now.request_json, now.label, store)
    assert (found.differences, found.remedy) == ((), "")
    assert "before the settings left out /metadata/a_id, /metadata/b_id" in found.note
    assert "`provider-proxy rekey` moves" in found.note
    assert "redacted:ignored" not in found.line
    store.clear()
    store.put(entry(now))
    old = identity(body)
    found = diagnose(old.key, old.request_json, old.label, store)
    assert found.note.startswith("The recording was made while the settings left out /metadata/a_id")
    assert "rekey" not in found.note


def test_advice_names_the_command_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice names the wrapper if the user started the wrapper."""
    monkeypatch.setenv("RUN_PROXY_SH", "./run-proxy.sh")
    assert program() == "./run-proxy.sh"
    monkeypatch.setenv("RUN_PROXY_SH", "/a b/run-proxy.sh")
    assert program() == "'/a b/run-proxy.sh'"


def test_places_of_one_pattern_are_named_once(explain: Explain) -> None:
    """One member that differs in many items is one pattern in the line."""
    old, new = (
        {"model": "m", "items": [{"id": f"{name}{at}", "n": at} for at in range(4)], "z": name}
        for name in "ab"
    )
    found = explain(identity(old), identity(new))
    assert "; it also differs at /items/*/id (3 places), /z" in found.line


def test_a_header_that_is_new_in_every_request_is_named_with_the_setting(explain: Explain) -> None:
    """Two recorded requests and the new one, all different there: it looks like an id, under whatever name."""
    values = ("k8s2", "p0x7", "m3b9")
    asked = [identity(ask(f"What is {n}?"), x_acme_hop=value) for n, value in enumerate(values[:2])]
    line = explain(*asked, identity(ask("What is 1?"), x_acme_hop=values[2])).line
    assert "differs at header x-acme-hop: " in line
    assert "looks like a per-request id" in line
    assert "It was different in every request seen. If it selects nothing, leave it out with" in line
    assert (
        "leave it out with PROVIDER_PROXY_IGNORE_HEADERS=x-acme-hop, and record again: run again with" in line
    )
    same = identity(ask("What is 1?"), x_acme_hop="k8s2")
    assert "per-request" not in explain(asked[0], asked[1], same).line
    assert "per-request" not in explain(asked[1], identity(ask("What is 1?"), x_acme_hop="m3b9")).line


def test_a_tests_own_recording_comes_first() -> None:
    """Another test's is more alike, but the test's own is what its request differs from; the line says so."""
    own, other = (
        identity(ask("Tell me about the rivers of Europe")),
        identity(ask("Name the capital of Spain")),
    )
    wanted = identity(ask("Name the capital of Spain now"))
    store = MemoryStore()
    mine = f"{own.key}@{'a' * 32}"
    store.put(entry(own, key=mine))
    store.put(entry(other))
    found = diagnose(wanted.key, wanted.request_json, wanted.label, store, of_test=[mine])
    assert found.nearest == mine
    assert found.line.startswith("this test's own recording pp2-")
    assert found.differences[0].place == "/messages/2/content"
    assert diagnose(wanted.key, wanted.request_json, wanted.label, store).nearest == other.key
