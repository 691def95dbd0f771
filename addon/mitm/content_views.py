"""A content view for mitmweb and mitmproxy: a request's or an answer's conversation, a stream's text joined.

https://docs.mitmproxy.org/stable/addons/contentviews/
"""

from __future__ import annotations

from mitmproxy import contentviews, http

from addon.page.answers import turns_of_answer
from addon.page.as_text import text_of_turns
from addon.page.blocks import Media, Turn
from addon.page.conversation import turns_of_request
from cache_store.answers import bounded_json

__all__ = ["ConversationContentview", "add_views"]

_LONGEST = 8 * 1024 * 1024  # bytes; mitmproxy calls a view in its event loop


def add_views() -> None:
    """Add the view to mitmproxy's. A second call replaces it."""
    contentviews.add(ConversationContentview())


class ConversationContentview(contentviews.Contentview):
    """The view; mitmproxy calls it LLM conversation. It is chosen by itself for an answer of server-sent events."""

    name = "LLM conversation"
    syntax_highlight = "none"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """The conversation as text. Raises ValueError if `data` holds none."""
        turns = _turns(data, metadata)
        if not turns:
            raise ValueError("there is no conversation with a model in this")
        return text_of_turns(turns)

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        """Above the other views for a stream; for anything else the user chooses it."""
        is_answer = isinstance(metadata.http_message, http.Response)
        is_stream = "event-stream" in (metadata.content_type or "") or "amazon.eventstream" in (
            metadata.content_type or ""
        )
        return 2.0 if is_answer and is_stream and 0 < len(data) <= _LONGEST else 0.0


def _turns(data: bytes, metadata: contentviews.Metadata) -> list[Turn]:
    media: list[Media] = []
    if len(data) > _LONGEST:
        raise ValueError(f"the body has more than {_LONGEST} bytes")
    if isinstance(metadata.http_message, http.Response):
        return turns_of_answer(metadata.http_message.headers.fields, data, media)
    return turns_of_request({"kind": "json", "value": bounded_json.loads(data)}, media)
