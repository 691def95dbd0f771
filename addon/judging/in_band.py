"""Errors inside an answer with a 2xx status.

openai `_streaming.py` raises for a truthy `error` in a chunk, anthropic `_streaming.py` for `event: error`,
google-genai `_api_client.py` for a chunk that is `{"error": …}`; vLLM sends `{"object": "error"}`, FastAPI gateways
`{"code": 500, "message": …}`, Cloudflare `{"success": false}`, others `{"ok": false}`, MiniMax
`base_resp.status_code`.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_error", "is_error_value", "may_be_error", "names_error"]

_ERROR_NAME = re.compile(r"(?:^|[._:-])(?:error|exception)$", re.IGNORECASE)
_TEXTS = ("message", "msg", "detail")
# Baidu, Azure's API management and others have members of their own for an error.
_ERROR_MEMBERS = ("error_code", "error_msg", "errorCode", "errorMessage", "errcode", "fault")
_ERROR_TEXTS = ("detail", "message", "Message", "msg", "title", "reason", "exception")


def names_error(name: object) -> bool:
    """Whether an event name or type means an error: `error`, `conversation.response.error`, `stream-error` …"""
    return isinstance(name, str) and _ERROR_NAME.search(name) is not None


def is_error(value: Any) -> bool:
    """Whether a JSON value is an error object, or a list that contains one."""
    if isinstance(value, list):
        return any(isinstance(item, dict) and is_error_value(item.get("error")) for item in value)
    if not isinstance(value, dict):
        return False
    return (
        is_error_value(value.get("error"))
        or is_error_value(value.get("errors"))
        or value.get("type") == "error"
        or value.get("object") == "error"
        or value.get("success") is False
        or value.get("ok") is False
        or any(value.get(name) not in (None, 0, "0", "", {}) for name in _ERROR_MEMBERS)
        or _has_error_status(value)
    )


def may_be_error(value: dict[str, Any]) -> bool:
    """Whether an object that holds no result has a text of its own, as error bodies of gateways do."""
    return is_error(value) or any(isinstance(value.get(name), str | list) for name in _ERROR_TEXTS)


def is_error_value(value: object) -> bool:
    """Whether the value of an `error` member means an error: successful jobs have null, {} or a dict of nulls."""
    if isinstance(value, dict):
        return any(item is not None for item in value.values())
    return bool(value)


def _has_error_status(value: dict[str, Any]) -> bool:
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in (None, 0):
        return True
    if not any(text in value for text in _TEXTS):
        return False
    codes = (value.get(name) for name in ("code", "status", "status_code", "statusCode"))
    return any(isinstance(code, int) and 400 <= code <= 599 for code in codes)
