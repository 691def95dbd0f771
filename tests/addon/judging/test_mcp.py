"""MCP over streamable HTTP."""

from __future__ import annotations

import json

import pytest

from addon.judging import Answer, judge

SSE = "text/event-stream"
NOTE = ("message", {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "working"}})
RESULT = ("message", {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "5"}]}})
FAULT = ("message", {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}})
CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}'


def verdict(body, *, ended=True, request=CALL, status=200, media=SSE, method="POST"):
    """The reason for which an MCP server's answer is not stored; None if it is stored."""
    headers = ((b"content-type", media.encode()),) if media else ()
    return judge(Answer(method, "/mcp", status, headers, body, request=request, ended=ended)).reason


def test_a_stream_is_whole_with_its_response(sse):
    """Notifications may come before the response; without it nothing was answered."""
    assert verdict(sse(NOTE, RESULT)) is None
    assert verdict(sse(NOTE)) == "no-terminal-event"
    assert verdict(sse(("", ""), RESULT)) is None
    assert verdict(sse(NOTE, FAULT)) == "error-in-stream"


def test_a_client_that_leaves_after_the_response_has_it_all(sse):
    """The SDK closes the stream at once; before the response, and in a batch, more may follow."""
    assert verdict(sse(NOTE, RESULT), ended=False) is None
    assert verdict(sse(NOTE), ended=False) == "cut-off"
    assert verdict(sse(NOTE, RESULT)[:-1], ended=False) == "cut-off"
    assert verdict(sse(NOTE, RESULT), ended=False, request=b" [%b, %b]" % (CALL, CALL)) == "cut-off"


def test_a_notification_is_accepted_without_a_body():
    """202 and no body is the whole answer to it."""
    assert verdict(b"", status=202, media="") is None


def test_a_response_may_be_one_json_object():
    """Servers choose between the two; a tool that failed is a result."""
    failed = {"jsonrpc": "2.0", "id": 1, "result": {"isError": True, "content": []}}

    assert verdict(json.dumps(RESULT[1]).encode(), media="application/json") is None
    assert verdict(json.dumps(failed).encode(), media="application/json") is None
    assert verdict(json.dumps(FAULT[1]).encode(), media="application/json") == "error"


@pytest.mark.parametrize("method", ["initialize", "server/discover"])
@pytest.mark.parametrize("status", [400, 404, 405])
def test_an_older_server_may_refuse_a_handshake(method, status):
    """Newer clients ask for their version first and expect to be refused."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
    refusal = json.dumps(FAULT[1]).encode()
    media = "application/json"

    assert verdict(refusal, status=status, request=request, media=media) is None
    assert verdict(refusal, status=status, request=CALL, media=media) == "status"
    assert verdict(refusal, status=500, request=request, media=media) == "status"
    assert verdict(b'{"detail": "jsonrpc"}', status=status, request=request, media=media) == "status"
    assert verdict(refusal, status=status, request=request, media=media, ended=False) == "status"
