"""Keys of whole requests: those that must differ and those that must not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import brotli
import pytest
import zstandard

from addon.identity import CacheControl, IdentityRules, identify, key_of_saved
from addon.messages import WireRequest

GEMINI = "generativelanguage.googleapis.com"
BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "temperature": 0.5}
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\nx\xff\r\n--B--\r\n'
)
HEADROOM = json.loads((Path(__file__).parent / "headroom-key.json").read_text("utf-8"))["vectors"]


def multipart(boundary: str) -> dict[str, Any]:
    """Arguments for a multipart request with this boundary."""
    return {
        "body": MULTIPART.replace(b"--B", b"--" + boundary.encode()),
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
    }


SAME = {
    "key order": ({"body": BODY}, {"body": dict(reversed(BODY.items()))}),
    "whitespace": ({"body": json.dumps(BODY, indent=3).encode()}, {"body": json.dumps(BODY).encode()}),
    "number spelling": ({"body": b'{"t":0.50}'}, {"body": b'{"t":5e-1}'}),
    "escapes": ({"body": b'{"t":"\\u00e9"}'}, {"body": '{"t":"é"}'.encode()}),
    "gzip": ({"body": gzip.compress(json.dumps(BODY).encode()), "headers": {"content-encoding": "gzip"}}, {"body": BODY}),
    "deflate": ({"body": zlib.compress(json.dumps(BODY).encode()), "headers": {"content-encoding": "deflate"}},
                {"body": BODY}),
    "br": ({"body": brotli.compress(json.dumps(BODY).encode()), "headers": {"content-encoding": "br"}}, {"body": BODY}),
    "zstd": ({"body": zstandard.compress(json.dumps(BODY).encode()), "headers": {"content-encoding": "zstd"}}, {"body": BODY}),
    "boundary": (multipart("e08e4c0a1316e8593ba5"), multipart("----formdata-undici-020862289992")),
    "header case and order": (
        {"body": BODY, "headers": [("Content-Type", "application/json"), ("X-New", "1"), ("AUTHORIZATION", "Bearer a")]},
        {"body": BODY, "headers": [("x-new", "1"), ("authorization", "b"), ("content-type", "application/json")]},
    ),
    "http/2 and 1.1": (
        {"body": BODY},
        {"body": BODY, "headers": {"host": "api.openai.com", "content-length": "9", "connection": "keep-alive"}},
    ),
    "base url door's host header": ({"body": BODY}, {"body": BODY, "headers": {"host": "127.0.0.1:8080"}}),
    "credential's value and place": ({"headers": [("authorization", "Bearer x")]}, {"headers": [("x-api-key", "y")]}),
    "host case": ({"body": BODY}, {"body": BODY, "host": "API.OpenAI.com"}),
    "path encoding": ({"target": "/model/v2%3A0"}, {"target": "/model/v2:0"}),
    "query order": ({"target": "/x?a=1&b=2"}, {"target": "/x?b=2&a=1"}),
    "query key": ({"target": "/x?key=AIzaOne&alt=sse", "host": GEMINI}, {"target": "/x?alt=sse", "host": GEMINI}),
    "beta order": ({"headers": {"anthropic-beta": "b, a,a"}}, {"headers": {"anthropic-beta": "a,b"}}),
    "accept anything": ({"headers": {"accept": "*/*"}}, {"headers": {"accept": "application/json, */*;q=0.5"}}),
    "accept-language anything": ({"headers": {"accept-language": "*"}}, {}),
    "charset of json": ({"body": BODY, "headers": {"content-type": "application/json; charset=UTF-8"}}, {"body": BODY}),
    "content-type without a body": ({"headers": {"content-type": "application/json"}},
                                    {"headers": [("authorization", "x")]}),
    "mode header": ({"headers": {"x-provider-proxy-mode": "off"}}, {}),
    "form spelling": (
        {"body": b"a=1+1&b=%c3%a9", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"body": b"a=1%201&b=%C3%A9", "headers": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}},
    ),
}  # fmt: skip

DIFFERENT = {
    "method": ({}, {"method": "GET"}),
    "scheme": ({}, {"scheme": "http"}),
    "host": ({}, {"host": "api.groq.com"}),
    "port": ({}, {"port": 8443}),
    "path": ({}, {"target": "/v1/responses"}),
    "query": ({}, {"target": "/v1/chat/completions?alt=sse"}),
    "query name": ({"target": "/x?a=1"}, {"target": "/x?b=1"}),
    "query repeats": ({"target": "/x?a=1&a=2"}, {"target": "/x?a=2&a=1"}),
    "slash": ({"target": "/a%2Fb"}, {"target": "/a/b"}),
    "no credential": ({"headers": []}, {"headers": [("authorization", "Bearer x")]}),
    "account": ({"headers": {"openai-organization": "a"}}, {"headers": {"openai-organization": "b"}}),
    "no account": ({"headers": {"openai-organization": "a"}}, {}),
    "version": ({"headers": {"anthropic-version": "2023-06-01"}}, {"headers": {"anthropic-version": "2026-10-21"}}),
    "accept": ({"headers": {"accept": "text/event-stream"}}, {"headers": {"accept": "application/json"}}),
    "accept with a parameter": ({"headers": {"accept": "application/json;v=2"}}, {"headers": {"accept": "*/*"}}),
    "content-type": ({"body": BODY, "headers": {"content-type": "application/x+json"}}, {"body": BODY}),
    "content-type that does not parse": ({"body": BODY, "headers": {"content-type": "application/json; x"}}, {"body": BODY}),
    "framing": ({"body": {"modelp": "rovider"}}, {"body": {"model": "pprovider"}}),
    "framing of headers": ({"headers": {"x-a": "1", "x-b": "2"}}, {"headers": {"x-a": "12", "x-b": ""}}),
    "no body, an empty one": ({"body": None}, {"body": {}}),
    "null, absent": ({"body": {"a": None}}, {"body": {}}),
    "false, absent": ({"body": BODY}, {"body": BODY | {"n": False}}),
    "stream": ({"body": BODY | {"stream": True}}, {"body": BODY | {"stream": False}}),
    "0, false": ({"body": {"a": 0}}, {"body": {"a": False}}),
    "1, '1'": ({"body": {"a": 1}}, {"body": {"a": "1"}}),
    "big integers": ({"body": b'{"seed":9007199254740993}'}, {"body": b'{"seed":9007199254740992}'}),
    "small differences": ({"body": b'{"t":0.1}'}, {"body": b'{"t":0.10000000000000001}'}),
    "array order": ({"body": {"a": [1, 2]}}, {"body": {"a": [2, 1]}}),
    "order of properties": (
        {"body": b'{"schema":{"properties":{"a":1,"b":2}}}'}, {"body": b'{"schema":{"properties":{"b":2,"a":1}}}'}
    ),
    "duplicate keys": ({"body": b'{"a":1,"a":2}'}, {"body": b'{"a":2}'}),
    "json, text": ({"body": b'{"a":1}'}, {"body": b'{"a":1}', "headers": {"content-type": "text/plain"}}),
    "text's whitespace": (
        {"body": b'{"a":1}', "headers": {"content-type": "text/plain"}},
        {"body": b'{"a": 1}', "headers": {"content-type": "text/plain"}},
    ),
    "form order": (
        {"body": b"a=1&b=2", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"body": b"b=2&a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "form plus": (
        {"body": b"a=1%2B1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"body": b"a=1+1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "literal redaction": (
        {"body": {"a": "AKIAIOSFODNN7EXAMPLE"}}, {"body": {"a": "<redacted:aws-key-id:1a5d44a2>"}}
    ),
    "literal redaction of a field": ({"body": {"api_key": "x"}}, {"body": {"api_key2": "<redacted:api-key>"}}),
    "two secrets": ({"body": {"a": "AKIAIOSFODNN7EXAMPLE"}}, {"body": {"a": "AKIAIOSFODNN7EXAMPLF"}}),
    "escape of an escape": ({"body": {"a": "<redacted:x>"}}, {"body": {"a": "<redacted::x>"}}),
    "nested fields of data": (
        {"body": {"input": [{"arguments": {"password": "a"}}]}}, {"body": {"input": [{"arguments": {"password": "b"}}]}}
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_must_not_differ(one: dict[str, Any], other: dict[str, Any], key: Callable[..., str]) -> None:
    """Two requests that differ only in irrelevant ways have one key."""
    assert key(**one) == key(**other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_must_differ(one: dict[str, Any], other: dict[str, Any], key: Callable[..., str]) -> None:
    """Two requests whose answers may differ have two keys."""
    assert key(**one) != key(**other)


@pytest.mark.parametrize("one", HEADROOM, ids=lambda vector: vector["name"])
def test_every_pair_that_headroom_separates(one: dict[str, Any], key: Callable[..., str]) -> None:
    """Requests with different keys in the published vectors have different keys here."""
    for other in HEADROOM:
        mine, its = (
            key({"messages": v["messages"], "model": v["model"]} | v["fields"]) for v in (one, other)
        )
        if one["key"] != other["key"]:
            assert mine != its, other["name"]


def test_the_saved_form(make: Callable[..., WireRequest]) -> None:
    """A saved request is readable and contains neither secrets nor values that vary."""
    request = make(
        {"model": "m", "n": 1.50, "seed": 12345678901234567890123},
        {"x-route": "fast", "user-agent": "x", "anthropic-version": "2023-06-01", "cookie": "a=b"},
        target="/v1/x?b=2&a",
    )
    identity = identify(request, IdentityRules())
    assert identity.request_json == (
        b'{"method":"POST","scheme":"https","host":"api.openai.com","port":443,"path":"/v1/x",'
        b'"query":[["a",null],["b","2"]],'
        b'"headers":[["anthropic-version","2023-06-01"],["content-type","application/json"],["x-route","<sha256:115dc3606fbf8691fb69f2aefec86f2e>"]],'
        b'"credential":true,'
        b'"body":{"kind":"json","value":{"model":"m","n":1.5,"seed":12345678901234567890123}}}'
    )
    assert identity.label == {"method": "POST", "host": "api.openai.com", "path": "/v1/x", "model": "m"}
    assert identity.key.startswith("pp2-")
    assert len(identity.key) == 68


@pytest.mark.parametrize(
    ("request_of", "model"),
    [
        ({"body": {"model": "m"}}, "m"),
        ({"target": "/v1beta/models/gemini-2.5-flash:generateContent"}, "gemini-2.5-flash"),
        ({"target": "/model/anthropic.claude-v2%3A0/converse"}, "anthropic.claude-v2:0"),
        ({"target": "/openai/deployments/gpt-4o/chat/completions"}, "gpt-4o"),
        ({"body": {"model": 1.5}}, None), ({"body": [1]}, None), ({"body": {"model": {"a": 1}}}, None),
        ({"body": b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--B--\r\n',
          "headers": {"content-type": "multipart/form-data; boundary=B"}}, "whisper-1"),
    ],
)  # fmt: skip
def test_the_label_names_the_model(
    request_of: dict[str, Any], model: str | None, make: Callable[..., WireRequest]
) -> None:
    """The model is found in the body, the path or a part, where there is one."""
    assert identify(make(**request_of), IdentityRules()).label.get("model") == model


def test_labels_are_short_and_redacted(make: Callable[..., WireRequest]) -> None:
    """A label is never longer than a line, and never shows a secret."""
    secret = "AKIAIOSFODNN7EXAMPLE"
    label = identify(
        make({"model": f"{secret}/" + "x" * 5000}, target=f"/{secret}/" + "y" * 5000), IdentityRules()
    ).label
    assert secret not in str(label)
    assert all(len(value) <= 200 for value in label.values())


def test_rules_are_part_of_what_is_remembered(make: Callable[..., WireRequest]) -> None:
    """The memo never answers for other rules, another header, another URL or another body."""
    request = make({"user": "u", "metadata": {"a": 1}}, {"x-route": "a"})
    keys = {
        identify(request, rules).key
        for rules in (
            IdentityRules(),
            IdentityRules.parse(ignore_headers="x-route"),
            IdentityRules.parse(ignore_fields="/user"),
            IdentityRules.parse(ignore_fields="/user,/metadata"),
        )
    }
    assert len(keys) == 4


def test_a_repeat_is_remembered(make: Callable[..., WireRequest]) -> None:
    """A repeat with another retry count and another credential is answered from the memo."""
    one, other = (
        make({"remember": "me"}, {"x-stainless-retry-count": count, "authorization": f"Bearer {count}"})
        for count in "12"
    )
    assert identify(one, IdentityRules()) is identify(other, IdentityRules())


CACHED = {"type": "ephemeral"}


def marked(where: str | None, marker: dict[str, str] | None = None) -> dict[str, Any]:
    """A request with a marker in one place."""
    system: dict[str, Any]
    content: dict[str, Any]
    system, content = {"type": "text", "text": "s"}, {"type": "text", "text": "t"}
    tool: dict[str, Any] = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    places = {"system": system, "content": content, "tool": tool}
    if where:
        places[where]["cache_control"] = marker or CACHED
    return {"system": [system], "messages": [{"role": "user", "content": [content]}], "tools": [tool]}


def test_a_moved_breakpoint_changes_nothing(key: Callable[..., str]) -> None:
    """Markers count by value and not by position; no marker, or another TTL, is another request."""
    assert key(marked("system")) == key(marked("content")) == key(marked("tool"))
    assert len({key(marked("system")), key(marked(None)), key(marked("system", CACHED | {"ttl": "1h"}))}) == 3
    both = marked("system")
    both["tools"][0]["cache_control"] = CACHED
    assert key(both) == key(marked("system"))


def test_exact_cache_control(key: Callable[..., str]) -> None:
    """With `exact` the position of a marker counts, and no key equals one of the other rule."""
    exact = IdentityRules(cache_control=CacheControl.EXACT)
    keys = {key(marked(where), rules=exact) for where in ("system", "content", "tool", None)}
    assert len(keys) == 4
    assert key(marked("system")) not in keys
    assert key(marked(None)) in keys


def test_markers_are_data_elsewhere(key: Callable[..., str]) -> None:
    """A schema's property and a tool's input of that name stay where they are."""

    def schema(name: str) -> dict[str, Any]:
        return {"tools": [{"input_schema": {"properties": {name: {"cache_control": CACHED}, "z": {}}}}]}

    def tool_input(place: str) -> dict[str, Any]:
        values = {"a": {}, "b": {}, place: {"cache_control": CACHED}}
        return {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": values}]}]}

    assert key(schema("a")) != key(schema("b"))
    assert key(tool_input("a")) != key(tool_input("b"))
    assert key({"tools": [{"properties": {"cache_control": CACHED}}]}) != key({"tools": [{"properties": {}}]})


def test_credentials_in_a_body_count_and_are_not_saved(
    make: Callable[..., WireRequest], key: Callable[..., str]
) -> None:
    """Two credentials of an MCP server are two requests, and neither is saved."""

    def mcp(token: str | None) -> dict[str, Any]:
        extra = (
            {} if token is None else {"authorization": token, "headers": {"X-Api-Key": token, "x-team": "t"}}
        )
        server = {} if token is None else {"authorization_token": token}
        return {
            "tools": [{"type": "mcp", **extra}],
            "mcp_servers": [{"url": "u", **server}],
            "refresh_token": token,
        }

    assert len({key(mcp("SECRET-ONE")), key(mcp("SECRET-TWO")), key(mcp(None))}) == 3
    saved = identify(make(mcp("SECRET-ONE")), IdentityRules()).request_json
    assert b"SECRET" not in saved
    assert b'"x-team":"<redacted:header:' in saved


def test_the_id_of_an_upload_is_the_request_that_started_it(
    make: Callable[..., WireRequest], key: Callable[..., str]
) -> None:
    """With a known start two ids are one request, two starts are two; an unknown id counts by its hash."""

    def upload(identifier: str, started_by: str = "") -> str:
        target = f"/upload/v1beta/files?upload_id={identifier}&upload_protocol=resumable"
        return identify(make(b"x", target=target, host=GEMINI), IdentityRules(), started_by).key

    one, other = f"pp2-{1:064x}", f"pp2-{2:064x}"
    assert upload("a", one) == upload("b", one)
    assert (
        len(
            {upload("a", one), upload("a", other), upload("a"), upload("b"), upload(quote(f"⟦minted:{one}⟧"))}
        )
        == 5
    )
    request = make(b"x", target="/upload?upload_id=SECRETID", host=GEMINI)
    saved = identify(request, IdentityRules(), one).request_json
    assert f'["upload_id","⟦minted:{one}⟧"]'.encode() in saved
    assert b"SECRETID" not in saved + identify(request, IdentityRules()).request_json
    assert key_of_saved(saved, IdentityRules()) == identify(request, IdentityRules(), one).key


def test_a_literal_stand_in_is_escaped(make: Callable[..., WireRequest], key: Callable[..., str]) -> None:
    """A client cannot write in a body what stands for a minted id."""
    saved = identify(make({"a": "⟦minted:x⟧"}), IdentityRules()).request_json
    assert "⟦minted::x⟧".encode() in saved
    assert key({"a": "⟦minted:x⟧"}) != key({"a": "⟦minted::x⟧"})
