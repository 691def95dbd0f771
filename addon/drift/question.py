"""Makes the request to send from a saved one, or says why it cannot be asked again.

Nothing is guessed: a request of which a secret, a header or an upload was not saved would be another request. What
is left out on purpose does not shape the answer: Anthropic's cache markers, OpenAI's `prompt_cache_key` and
`safety_identifier`, and headers of the client's software.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote

from addon.drift.hosted_tools import hosted_tools
from addon.identity import IdentityRules
from addon.identity.canonical_json import Document
from addon.identity.denylist import Verdict, header_verdict
from addon.identity.field_redaction import redact_tree
from addon.identity.saved_form import VOLATILE, parse_saved, read_head
from addon.identity.unknown_headers import UNKNOWN_PREFIX
from addon.identity.url_form import printable
from addon.judging.endpoints import Endpoint, asks_a_model, endpoint_class
from addon.messages import WireRequest
from addon.policy.never_cached import refusal
from addon.policy.variants import CREDENTIAL_STATUSES
from addon.redaction.redact import hashed
from cache_store.answers.bounded_json import loads
from cache_store.entry import Entry
from cache_store.errors import EntryError

__all__ = ["Question", "question_of"]

_AS_SAVED = IdentityRules()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_HASHED = "<sha256:"
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What stands in a saved text for something else. A literal of the client has one colon more
# (`addon.redaction.redact`).
_STAND_IN = re.compile(r"(<redacted|⟦minted):(:?)")
_REDACTED = re.compile(rb"<redacted:(?!:)")
_VOLATILE_VALUE = re.compile(r"⟦(?:([a-z0-9-]{1,40})#([0-9]{1,4})|literal)⟧")
# Headers that choose the account are saved as hashes; the SDKs read them from these variables.
_ACCOUNTS = {
    "openai-organization": "OPENAI_ORG_ID",
    "openai-project": "OPENAI_PROJECT_ID",
    "x-goog-user-project": "GOOGLE_CLOUD_QUOTA_PROJECT",
}
# Members whose value names an object that the provider keeps for some time: OpenAI's and Gemini's references.
_OBJECTS = re.compile(
    rb'"(?:previous_response_id|conversation|file_id|fileUri|file_uri|cachedContent|cached_content|container'
    rb'|vector_store_ids|assistant_id|prompt_id)"\s*:\s*["\[{]'
)

_OF_SOCKET = "previous_answer"  # `addon.sockets.turns`


@dataclass(frozen=True, slots=True)
class Question:
    """A request to send, still without its credential, which it had if `has_credential`.

    `acts` says what it may change at the provider, '' if nothing. `body` is its JSON, parsed, or None.
    `names_objects`: it names files, responses or the like that the provider may have deleted.
    """

    request: WireRequest
    has_credential: bool
    acts: str
    body: Any
    names_objects: bool


class _NotSavedWhole(Exception):
    """The message says what is missing."""


def question_of(entry: Entry, environ: Mapping[str, str]) -> Question | str:
    """The request of `entry`, or why it cannot be asked again.

    `environ` has the variables that choose an account. Never raises, whatever the entry holds.
    """
    if why := _why_not_compared(entry):
        return why
    try:
        document = parse_saved(entry.request_json)
        head, _, body = read_head(document.value, _AS_SAVED)
        restore = _Restoring(entry, is_bound=VOLATILE in head)
        request = WireRequest(
            method=head["method"],
            scheme=head["scheme"],
            host=head["host"],
            port=head["port"],
            target=_target(head["path"], head["query"], restore),
            headers=tuple(_header(name, value, environ) for name, value in head["headers"]),
            body=_body(document, body, restore),
        )
        parsed = loads(request.body) if body is not None and body["kind"] == "json" else None
    except _NotSavedWhole as error:
        return str(error)
    except (EntryError, ValueError, RecursionError, TypeError):
        return "its saved request cannot be read"
    if request.method not in _METHODS:
        return f"its method {request.method[:20]} is not asked again"
    if isinstance(parsed, dict) and _OF_SOCKET in parsed:
        return "it is a later turn of a WebSocket, and says only what is new in it"
    if refusal(request):
        return "its endpoint hands out credentials or is not a provider's, and is never asked"
    return Question(
        request, head["credential"], _acts(request, parsed), parsed, bool(_OBJECTS.search(request.body))
    )


def _why_not_compared(entry: Entry) -> str:
    if entry.request_json == b"{}":
        return "its request was not saved"
    if entry.edited:
        return "its answer was edited by hand"
    if entry.status in CREDENTIAL_STATUSES:
        return "its answer belongs to one credential"
    if entry.key.startswith(UNKNOWN_PREFIX):
        return "its recorder left out headers, so the request is not known whole"
    return ""


class _Restoring:
    """Puts back what stands in a saved text for something else. Raises _NotSavedWhole where that was not saved."""

    def __init__(self, entry: Entry, *, is_bound: bool) -> None:
        self._values = {(rule, str(n)): value for rule, n, value in entry.bindings} if is_bound else None

    def __call__(self, text: str) -> str:
        if "<redacted:" in text or "⟦" in text:
            text = _STAND_IN.sub(_literal, text)
            if self._values is not None:
                text = _VOLATILE_VALUE.sub(self._value, text)
        return text

    def _value(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return "⟦"
        assert self._values is not None
        value = self._values.get((match[1], match[2]))
        if value is None:
            raise _NotSavedWhole("a value that differs from run to run was not saved with it")
        return value


def _literal(match: re.Match[str]) -> str:
    if match[2]:
        return f"{match[1]}:"
    if match[1] == "⟦minted":
        raise _NotSavedWhole("it names an id that the provider gave out while it was recorded")
    raise _NotSavedWhole("a secret or an ignored value was taken out of it when it was saved")


def _target(path: str, query: list[list[str | None]], restore: _Restoring) -> str:
    """Path and query as they are sent. Raises _NotSavedWhole."""
    whole = restore(path)
    decoded = unquote(whole).replace("\\", "/")
    if not whole.startswith("/") or "?" in whole or "#" in whole or {".", ".."} & set(decoded.split("/")):
        raise _NotSavedWhole("its path is not a plain path")
    pieces = []
    for name, value in query:
        if value is not None and value.startswith(_HASHED):
            raise _NotSavedWhole(
                f"the value of its query parameter {str(name)[:40]} was saved as a hash only"
            )
        pieces.append(restore(str(name)) if value is None else f"{restore(str(name))}={restore(value)}")
    target = whole + ("?" + "&".join(pieces) if pieces else "")
    return printable(target).replace("#", "%23")


def _header(name: str, value: str, environ: Mapping[str, str]) -> tuple[bytes, bytes]:
    """One header as it is sent: a harmless one, or the user's own account. Raises _NotSavedWhole."""
    verdict, lower = header_verdict(name.encode("utf-8", "replace"), is_provider=False)
    shown = name[:40]
    if verdict is Verdict.SELECTOR:
        variable = _ACCOUNTS.get(name, "")
        own = environ.get(variable, "").strip()
        if own and hashed(own.encode()) == value and _HEADER_VALUE.fullmatch(own):
            return lower, own.encode("latin-1", "replace")
        how = f"; set {variable} to the one that it was recorded with" if variable else ""
        raise _NotSavedWhole(f"the value of its header {shown} was saved as a hash only{how}")
    if verdict not in (Verdict.CLEAR, Verdict.SET) or value.startswith(_HASHED):
        raise _NotSavedWhole(f"the value of its header {shown} was saved as a hash only")
    if _STAND_IN.search(value) or not _HEADER_VALUE.fullmatch(value):
        raise _NotSavedWhole(f"the value of its header {shown} was not saved as it was sent")
    return lower, value.encode("latin-1")


def _body(document: Document, body: dict[str, Any] | None, restore: _Restoring) -> bytes:
    """The body as it is sent. Raises _NotSavedWhole."""
    if body is None:
        return b""
    kind = body["kind"]
    if kind == "json":
        return document.inner(redact_tree(body["value"], restore)).dump()
    if kind == "form":
        return "&".join(
            quote_plus(restore(name))
            if value is None
            else f"{quote_plus(restore(name))}={quote_plus(restore(value))}"
            for name, value in body["pairs"]
        ).encode()
    if kind == "text":
        return restore(body["value"]).encode()
    if kind == "bytes":
        data = base64.b64decode(body["base64"], validate=True)
        if _REDACTED.search(data):
            raise _NotSavedWhole("a secret or an ignored value was taken out of it when it was saved")
        return data.replace(b"<redacted::", b"<redacted:")
    if kind == "multipart":
        raise _NotSavedWhole("its upload was not saved byte for byte")
    raise _NotSavedWhole("its body is too long to have been saved")


def _acts(request: WireRequest, parsed: Any) -> str:
    """What the request may change at the provider; '' if nothing is known that it could."""
    if request.body and parsed is None:
        # Servers read JSON under other types too, and differ in what a member means that stands there twice.
        return "its body is not JSON, so what it asks for is not known"
    if tools := hosted_tools(parsed):
        return f"the provider would act by itself ({', '.join(tools[:3])})"
    endpoint = endpoint_class(request.method, request.target, host=request.host, body=request.body)
    is_known = endpoint is not None or asks_a_model(request.body)
    if endpoint is Endpoint.ACTION or not is_known:
        return (
            f"{request.method} {request.target.partition('?')[0][:80]} may change something at the provider"
        )
    return ""
