"""What must never be stored: credentials by place, by shape, and by having been seen on the wire."""

from addon.redaction import shapes
from addon.redaction.redact import redact_text
from addon.redaction.response_headers import keep_response_headers
from addon.redaction.taint import Taint
from addon.redaction.token_answers import carries_credentials

__all__ = ["Taint", "carries_credentials", "keep_response_headers", "redact_text", "shapes"]
