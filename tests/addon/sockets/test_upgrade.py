"""The request that opens a WebSocket."""

from __future__ import annotations

import json

import pytest

from addon.identity import identify
from addon.identity.rules import IdentityRules
from addon.messages import WireRequest
from addon.sockets.frames import without_event_id
from addon.sockets.upgrade import (
    Kind,
    accept_for,
    frame_request,
    kind_of_session,
    offered,
    session_request,
    turn_request,
)
from cache_store.entry import Headers

HANDSHAKE: Headers = (
    (b"Connection", b"Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"Sec-WebSocket-Version", b"13"),
)


def upgrade(target: str = "/v1/realtime?model=m", *more: tuple[bytes, bytes]) -> WireRequest:
    """An upgrade request."""
    return WireRequest("GET", "https", "api.openai.com", 443, target, (*HANDSHAKE, *more), b"")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/v1/responses", Kind.RESPONSES),
        ("/openai/v1/responses?api-version=1", Kind.RESPONSES),
        ("/v1/realtime?model=m", Kind.SESSION),
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", Kind.SOUND),
        ("/anything", Kind.SESSION),
    ],
)
def test_the_path_tells_the_kind(target: str, kind: Kind) -> None:
    """A query does not count."""
    assert kind_of_session(upgrade(target)) is kind


def test_the_answer_to_a_key() -> None:
    """The example of RFC 6455, 1.3."""
    assert accept_for("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_subprotocol_that_is_a_credential_is_not_offered() -> None:
    """Browsers send OpenAI's key as one."""
    header = (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1,")
    assert offered((header,)) == ["realtime", "openai-beta.realtime-v1"]


@pytest.mark.parametrize("name", [b"token", b"Bearer", b"api-key"])
def test_a_subprotocol_after_one_that_names_a_credential_is_not_offered(name: bytes) -> None:
    """Deepgram's key has no known form, and follows `token` as a subprotocol of its own."""
    header = (b"sec-websocket-protocol", b"v1, %s, 0123abcd4567ef89aaaabbbbcccc, v2" % name)
    assert offered((header,)) == ["v1", "v2"]


def test_the_handshake_is_not_part_of_the_identity() -> None:
    """Two handshakes of one session are equal, and no HTTP request has the key of a session."""
    rules = IdentityRules()
    one = upgrade()
    other = upgrade("/v1/realtime?model=m", (b"Sec-WebSocket-Extensions", b"permessage-deflate"))
    keys = {identify(session_request(each, []), rules).key for each in (one, other)}
    assert len(keys) == 1
    assert identify(session_request(one, [{"type": "a"}]), rules).key not in keys
    get = session_request(one, [])
    plain = WireRequest("GET", "https", get.host, 443, get.target, get.headers, get.body)
    assert identify(plain, rules).key not in keys
    assert identify(upgrade(), rules).key not in keys


def test_a_turn_is_the_post_that_asks_the_same() -> None:
    """The beta that opens a WebSocket is left out, and other betas stay."""
    body = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
    headers = ((b"authorization", b"Bearer made-up"), (b"content-type", b"application/json"))
    post = WireRequest("POST", "https", "api.openai.com", 443, "/v1/responses", headers, body)
    beta = (b"OpenAI-Beta", b"responses_websockets=2026-02-06")
    turn = turn_request(upgrade("/v1/responses", (b"Authorization", b"Bearer made-up"), beta), body)
    assert identify(turn, IdentityRules()).key == identify(post, IdentityRules()).key
    more = turn_request(upgrade("/v1/responses", (b"openai-beta", b"a=1, responses_websockets=2")), body)
    assert (b"openai-beta", b"a=1") in more.headers


def test_a_frame_is_a_request_of_its_own() -> None:
    """Credentials in it are redacted as in any body."""
    saved = identify(
        frame_request(upgrade(), '{"type":"a","api_key":"sk-made-up-0123456789abcdef"}'), IdentityRules()
    )
    assert b"sk-made-up" not in saved.request_json


def test_halves_of_surrogate_pairs_are_told_apart() -> None:
    """Two frames that differ in one are two questions."""
    halves = [json.loads(f'"{text}"') for text in ("\\ud83d", "\\ud83e", "?")]
    rules = IdentityRules()
    sessions = {identify(session_request(upgrade(), [half]), rules).key for half in halves}
    assert len(sessions) == len(halves)
    texts = [without_event_id(json.dumps({"event_id": 1, "text": half})) for half in halves]
    frames = {identify(frame_request(upgrade(), text), rules).key for text in texts}
    assert len(frames) == len(halves)
