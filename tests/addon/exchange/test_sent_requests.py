"""What the open tests have sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.exchange import sent_requests
from addon.exchange.decisions import Forward
from addon.exchange.sent_requests import SentRequests, requests_page
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.scopes.scope import Scope
from addon.settings.modes import Mode

SCOPE = Scope("gw0", "tests/test_a.py::test_b")


def forward(words: str, scope: Scope | None = SCOPE, at: float = 1.0, *, known: bool = True) -> Forward:
    """A chat request of a test."""
    body = json.dumps(
        {"model": "gpt-4.1", "n": 1.50, "messages": [{"role": "user", "content": words}]}
    ).encode()
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer secret-of-this-run"))
    request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body)
    identity = identify(request, IdentityRules()) if known else None
    return Forward(request, Mode.READ_WRITE, "", identity, scope=scope, began_at=at)


def page(*parts: dict[str, Any]) -> dict[str, Any]:
    """The page of all processes, as a client reads it."""
    found: dict[str, Any] = json.loads(requests_page(SCOPE, list(parts)))
    return found


def words(*parts: dict[str, Any]) -> list[str]:
    """What was asked."""
    return [request["body"]["value"]["messages"][0]["content"] for request in page(*parts)["requests"]]


def test_a_request_is_shown_as_it_is_saved() -> None:
    """With its key, without its credential, and with its numbers as they are hashed."""
    sent, one = SentRequests(lambda _: None), forward("Who wrote “Faust”?")
    sent.note(one)
    assert one.identity is not None
    text = requests_page(SCOPE, [sent.of(SCOPE)]).decode()
    assert text.startswith('{"test":"tests/test_a.py::test_b","attempt":1,"more":0,"requests":[{"key": "pp2-')
    assert one.identity.request_json.decode()[1:] in text
    assert "secret-of-this-run" not in text
    (request,) = page(sent.of(SCOPE))["requests"]
    assert (request["key"], request["method"], request["credential"]) == (one.identity.key, "POST", True)


def test_requests_of_all_processes_are_in_order() -> None:
    """By the time of their arrival."""
    here, there = SentRequests(lambda _: None), SentRequests(lambda _: None)
    for at, process in ((3.0, here), (1.0, here), (2.0, there)):
        process.note(forward(str(at), at=at))
    assert words(here.of(SCOPE), there.of(SCOPE)) == ["1.0", "2.0", "3.0"]


def test_a_request_with_a_credential_is_not_shown() -> None:
    """A prompt may repeat one; neither is a method that is one."""
    sent = SentRequests(lambda data: "openai" if b"secret" in data else None)
    sent.note(forward("the secret"))
    (request,) = page(sent.of(SCOPE))["requests"]
    assert request == {
        "key": request["key"],
        "hidden": "it holds a credential that this run has seen (openai)",
    }


def test_a_request_that_the_cache_is_not_asked_about() -> None:
    """It counts as sent, with the reason; its path and body are not kept."""
    sent = SentRequests(lambda _: None)
    sent.note(forward("x", known=False), "websocket")
    assert page(sent.of(SCOPE))["requests"] == [
        {"key": "", "bypass": "websocket", "method": "POST", "host": "api.openai.com"}
    ]


def test_tests_are_told_apart_and_forgotten() -> None:
    """Those that no client has begun are not kept: nothing would end them."""
    sent, other = SentRequests(lambda _: None), Scope("gw0", SCOPE.test, attempt=2)
    for scope in (SCOPE, other, Scope("", "named by a header"), None):
        sent.note(forward("x", scope))
    sent.forget(SCOPE)
    sent.forget(Scope("gw1", "never seen"))
    assert [len(sent.of(scope)["rows"]) for scope in (SCOPE, other, Scope("", "named by a header"))] == [
        0,
        1,
        0,
    ]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes for a test, and by bytes for all; the rest is counted, of the oldest test first."""
    monkeypatch.setattr(sent_requests, "_MOST", 3)
    monkeypatch.setattr(sent_requests, "_MOST_BYTES", 5000)
    monkeypatch.setattr(sent_requests, "_MOST_BYTES_OF_ALL", 9000)
    sent = SentRequests(lambda _: None)
    for n in range(5):
        sent.note(forward(str(n)))
    assert words(sent.of(SCOPE)) == ["0", "1", "2"]
    assert page(sent.of(SCOPE), sent.of(SCOPE))["more"] == 4
    large, latest = Scope("gw1", "large"), Scope("gw2", "latest")
    sent.note(forward("x" * 9000, large))
    assert (sent.of(large)["rows"], sent.of(large)["more"]) == ([], 1)
    for scope in (large, latest):
        sent.note(forward("x" * 4000, scope))
    assert (sent.of(SCOPE)["rows"], sent.of(SCOPE)["more"]) == ([], 5)
    assert len(sent.of(latest)["rows"]) == 1
