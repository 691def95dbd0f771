"""The content view of mitmweb."""

from __future__ import annotations

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import taddons

from addon.mitm.content_views import ConversationContentview, add_views

STREAM = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\ndata: {"choices": [{"index": 0, "delta": {"content": "b"}}]}\n\n'


def _metadata(message: http.Message) -> contentviews.Metadata:
    return contentviews.Metadata(http_message=message, content_type=message.headers.get("content-type"))


def test_a_stream_is_joined() -> None:
    """And the view is chosen by itself, through mitmproxy's registry."""
    add_views()
    response = http.Response.make(200, STREAM, {"content-type": "text/event-stream"})
    with taddons.context():  # mitmproxy reads an option
        shown = contentviews.prettify_message(response, tflow_of(response), "auto")
    assert (shown.view_name, shown.text) == ("LLM conversation", "assistant\nab")


def tflow_of(response: http.Response) -> http.HTTPFlow:
    """A flow with this response."""
    from mitmproxy.test import tflow

    flow = tflow.tflow(resp=True)
    flow.response = response
    return flow


def test_a_request_is_a_conversation_if_asked() -> None:
    """Other views come first."""
    request = http.Request.make("POST", "http://h/", b'{"messages": [{"role": "user", "content": "q"}]}')
    view = ConversationContentview()
    assert view.prettify(request.content or b"", _metadata(request)) == "user\nq"
    assert view.render_priority(request.content or b"", _metadata(request)) == 0
    with pytest.raises(ValueError, match="no conversation"):
        view.prettify(b"null", _metadata(request))
    with pytest.raises(ValueError, match="more than"):
        view.prettify(b"x" * (9 * 2**20), _metadata(request))
