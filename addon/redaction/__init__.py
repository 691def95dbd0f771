"""Finds credentials, by place, by shape and by having seen them on the wire, so that none is stored.

Knows requests and stored answers (`messages`, `cache_store`), not identities or policies.
"""

from addon.redaction import shapes
from addon.redaction.redact import redact_text
from addon.redaction.response_headers import keep_response_headers
from addon.redaction.taint import Taint, credentials_of
from addon.redaction.token_answers import carries_credentials

__all__ = ["Taint", "carries_credentials", "credentials_of", "keep_response_headers", "redact_text", "shapes"]
