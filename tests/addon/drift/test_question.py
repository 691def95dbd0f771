"""The request that is asked again, made from the saved one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from addon.drift.question import Question, question_of
from addon.identity import IdentityRules, identify
from addon.identity.saved_form import VOLATILE
from addon.messages import WireRequest
from cache_store.entry import Entry

CHAT = {"model": "gpt-x", "messages": [{"role": "user", "content": "Name the capital"}], "temperature": 0.5}
HEADERS = ((b"authorization", b"Bearer sk-test"), (b"content-type", b"application/json"))
OPENAI = WireRequest(
    "POST", "https", "api.openai.com", 443, "/v1/chat/completions", HEADERS, json.dumps(CHAT).encode()
)


def recorded(request: WireRequest, rules: IdentityRules | None = None, **more: Any) -> Entry:
    """An entry with the saved form of `request`."""
    identity = identify(request, rules or IdentityRules())
    entry = Entry(
        identity.key, 200, "OK", (), b"{}", 1000.0, 0.1, "run", identity.label, "", identity.request_json,
        bindings=identity.bindings,
    )  # fmt: skip
    return replace(entry, **more)


def asked(request: WireRequest, rules: IdentityRules | None = None, **environ: str) -> Question:
    """What would be asked."""
    found = question_of(recorded(request, rules), environ)
    assert isinstance(found, Question), found
    return found


def refused(request: WireRequest, **environ: str) -> str:
    """Why it cannot be asked."""
    found = question_of(recorded(request), environ)
    assert isinstance(found, str), found
    return found


def with_headers(**headers: str) -> WireRequest:
    """The chat request with further headers."""
    more = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return replace(OPENAI, headers=(*HEADERS, *more))


@pytest.mark.parametrize(
    "request_",
    [
        OPENAI,
        replace(
            OPENAI,
            body=json.dumps(CHAT | {"a": "<redacted:x> ⟦minted:y⟧ ⟦z⟧ é \ud83d\ude00", "n": 1e-7}).encode(),
        ),
        replace(
            OPENAI, target="/v1/models?limit=2&after=a%20b&flag", method="GET", body=b"", headers=HEADERS[:1]
        ),
        replace(
            OPENAI,
            body=b"a=1&b=x+%26y&c",
            headers=(HEADERS[0], (b"content-type", b"application/x-www-form-urlencoded")),
        ),
        replace(OPENAI, body=b"plain <redacted:x>", headers=(HEADERS[0], (b"content-type", b"text/plain"))),
        replace(
            OPENAI, body=b"\x00\xff\xfe", headers=(HEADERS[0], (b"content-type", b"application/octet-stream"))
        ),
        with_headers(anthropic_version="2023-06-01", openai_beta="b, a", accept="text/event-stream"),
        replace(
            OPENAI, host="bedrock-runtime.us-east-1.amazonaws.com", target="/model/arn%3Aaws%3Ax%2Fy/converse"
        ),
    ],
    ids=["chat", "literals", "query", "form", "text", "bytes", "headers", "path"],
)
def test_it_has_the_identity_of_the_recorded_one(request_: WireRequest) -> None:
    """What is sent is the same request by the rules of the key, once a credential is added."""
    question = asked(request_)
    again = replace(question.request, headers=(*question.request.headers, HEADERS[0]))
    assert identify(again, IdentityRules()).key == recorded(request_).key
    assert question.has_credential
    assert not any(name.lower() == b"authorization" for name, _ in question.request.headers)


def test_volatile_values_are_put_back() -> None:
    """The request goes out with the values that it was recorded with."""
    rules = IdentityRules.parse(volatile="uuid")
    value = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    talk = [{"role": "user", "content": f"run {value} ⟦x"}]
    request = replace(OPENAI, body=json.dumps(CHAT | {"messages": talk}).encode())
    assert "volatile" in json.loads(recorded(request, rules).request_json)
    assert asked(request, rules).body["messages"] == talk
    lost = question_of(replace(recorded(request, rules), bindings=()), {})
    assert lost == "a value that differs from run to run was not saved with it"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (replace(OPENAI, body=json.dumps(CHAT | {"x": "AKIA" + "Q" * 16}).encode()), "secret"),
        (replace(OPENAI, body=json.dumps(CHAT | {"password": "hunter2hunter2"}).encode()), "secret"),
        (with_headers(x_vendor_mode="fast"), "x-vendor-mode was saved as a hash only"),
        (with_headers(openai_organization="org-1"), "set OPENAI_ORG_ID"),
        (replace(OPENAI, target="/v1/chat/completions?pageToken=abc"), "query parameter pageToken"),
        (replace(OPENAI, target="/v1/files/../organization/x"), "not a plain path"),
        (replace(OPENAI, target="/v1/x/%2E%2E%2fadmin"), "not a plain path"),
        (replace(OPENAI, host="sts.amazonaws.com", target="/"), "never asked"),
        (replace(OPENAI, host="169.254.169.254", target="/latest/meta-data"), "never asked"),
        (replace(OPENAI, method="TRACE"), "method TRACE"),
        (
            replace(OPENAI, body=b"x" * 100_000, headers=(HEADERS[0], (b"content-type", b"audio/wav"))),
            "too long",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_not_saved_whole_is_said_and_not_guessed(request_: WireRequest, why: str) -> None:
    """Redacted secrets, hashes, uploads, and requests that are never sent."""
    assert why in refused(request_)


def test_an_upload_cannot_be_asked() -> None:
    """Its parts are saved as hashes."""
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    headers = (HEADERS[0], (b"content-type", b"multipart/form-data; boundary=b"))
    assert "upload" in refused(replace(OPENAI, target="/v1/audio/transcriptions", headers=headers, body=body))


def test_the_users_own_account_is_sent_where_it_is_the_recorded_one() -> None:
    """Its value is saved as a hash, which shows whether the variable holds the same."""
    request = with_headers(openai_organization="org-1")
    assert (b"openai-organization", b"org-1") in asked(request, OPENAI_ORG_ID="org-1").request.headers
    assert "openai-organization" in refused(request, OPENAI_ORG_ID="org-2")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"request_json": b"{}"}, "its request was not saved"),
        ({"request_json": b"[" * 1000}, "its saved request cannot be read"),
        ({"request_json": b'{"method": 7}'}, "its saved request cannot be read"),
        ({"edited": True}, "its answer was edited by hand"),
        ({"status": 401}, "its answer belongs to one credential"),
        ({"key": "pp2u-" + "a" * 64}, "its recorder left out headers, so the request is not known whole"),
    ],
    ids=str,
)
def test_entries_that_say_too_little(more: dict[str, Any], why: str) -> None:
    """Whatever an entry holds, nothing is raised."""
    assert question_of(recorded(OPENAI, **more), {}) == why


def _saved(**members: Any) -> bytes:
    return json.dumps(json.loads(recorded(OPENAI).request_json) | members).encode()


@pytest.mark.parametrize(
    "members",
    [
        {"headers": [["authorization", "Bearer stolen"]]},
        {"headers": [["cookie", "a=b"]]},
        {"headers": [["host", "evil.example"]]},
        {"headers": [["transfer-encoding", "chunked"]]},
        {"headers": [["content-type", "a\r\nhost: evil"]]},
        {"path": "//evil.example/"[1:] + "?x", "query": []},
        {"path": "v1/no-slash"},
        {"method": "CONNECT"},
        {"method": "GET / HTTP/1.1\r\nx: y"},
    ],
    ids=str,
)
def test_a_hostile_saved_request_is_not_asked(members: dict[str, Any]) -> None:
    """A pack may hold any saved request: headers that are not harmless, line ends, another method."""
    assert isinstance(question_of(recorded(OPENAI, request_json=_saved(**members)), {}), str)


@pytest.mark.parametrize("value", ["../../admin", "..", "x?y", "x#y", "%2e%2e/x"])
def test_a_value_in_the_path_leads_nowhere_else(value: str) -> None:
    """A credential belongs to the requests below one path; the saved values of a pack may be anything."""
    saved = _saved(path="/v1/⟦a#1⟧/chat", **{VOLATILE: True})
    for bindings, is_asked in (((("a", 1, "x-1"),), True), ((("a", 1, value),), False)):
        found = question_of(recorded(OPENAI, request_json=saved, bindings=bindings), {})
        assert isinstance(found, Question) is is_asked


def test_a_later_turn_of_a_websocket_is_not_asked() -> None:
    """Its key holds the answer that it goes on from, which is nothing that a provider knows."""
    body = CHAT | {"previous_response_id": "r", "previous_answer": ["pp2-1", "d"]}
    assert "WebSocket" in refused(replace(OPENAI, target="/v1/responses", body=json.dumps(body).encode()))


def test_what_is_sent_fits_in_a_request_line() -> None:
    """No blank, line end or fragment of a hostile query gets out unescaped."""
    found = question_of(recorded(OPENAI, request_json=_saved(query=[["a b", "c\r\nd#e"], ["f", None]])), {})
    assert isinstance(found, Question)
    assert found.request.target == "/v1/chat/completions?a%20b=c%0D%0Ad%23e&f"


@pytest.mark.parametrize(
    ("request_", "acts"),
    [
        (OPENAI, ""),
        (replace(OPENAI, method="GET", target="/v1/models", body=b""), ""),
        (replace(OPENAI, target="/v1/embeddings"), ""),
        (replace(OPENAI, target="/v1/unknown"), ""),  # its body asks a model
        (replace(OPENAI, target="/v1/unknown", body=b'{"a": 1}'), "POST /v1/unknown may change something"),
        (replace(OPENAI, target="/v1/batches"), "POST /v1/batches may change something"),
        (
            replace(OPENAI, method="DELETE", target="/v1/files/f", body=b""),
            "DELETE /v1/files/f may change something",
        ),
        (
            replace(OPENAI, target="/v1/responses", body=b'{"input": "a", "background": true}'),
            "may change something",
        ),
        (
            replace(OPENAI, body=json.dumps(CHAT | {"tools": [{"type": "mcp"}]}).encode()),
            "the provider would act by itself (mcp)",
        ),
    ],
    ids=str,
)
def test_what_it_may_change_at_the_provider(request_: WireRequest, acts: str) -> None:
    """Uploads, deletes, batches and hosted tools are asked only if the user says so."""
    found = asked(request_).acts
    assert acts in found
    assert bool(acts) == bool(found)


def test_a_body_that_is_not_json_may_ask_for_anything() -> None:
    """A hostile pack may call JSON plain text, or name a member twice, and a provider may read it all the same."""
    body = json.dumps(CHAT | {"tools": [{"type": "mcp"}]}).encode()
    plain = replace(OPENAI, body=body, headers=(HEADERS[0], (b"content-type", b"text/plain")))
    twice = replace(OPENAI, body=body[:-1] + b', "tools": []}')
    for request in (plain, twice):
        assert asked(request).acts == "its body is not JSON, so what it asks for is not known"


def test_objects_of_the_provider_are_noted() -> None:
    """They may be gone by now."""
    assert not asked(OPENAI).names_objects
    assert asked(
        replace(OPENAI, body=json.dumps(CHAT | {"previous_response_id": "r"}).encode())
    ).names_objects
