"""What a live answer, or one from an entry, says that it cost."""

from __future__ import annotations

from addon.accounting.costs import Tally
from addon.identity import Identity
from addon.messages import LiveAnswer
from cache_store.answers.content_coding import BadCoding, TooLarge, decode
from cache_store.answers.usage import model_of, usage_of
from cache_store.entry import Entry, Headers

__all__ = ["add_entry", "add_live"]


def add_live(tally: Tally, identity: Identity, answer: LiveAnswer, limit: int, *, whole: bool) -> None:
    """Count a live answer; an error costs nothing. Where its body is not there `whole`, its cost is unknown."""
    if answer.status >= 400:
        return
    body = b""
    if whole:
        try:
            body = decode(answer.body, _header(answer.headers, b"content-encoding"), limit)
        except (TooLarge, BadCoding):
            pass
    _add(tally, identity.label, answer.headers, body, 1)


def add_entry(tally: Tally, entry: Entry, times: int) -> None:
    """Count `times` answers from `entry`."""
    if entry.status < 400 and times:
        _add(tally, entry.label, entry.headers, entry.body, times)


def _add(tally: Tally, label: dict[str, str], headers: Headers, body: bytes, times: int) -> None:
    media_type = _header(headers, b"content-type")
    usage = usage_of(body, media_type)
    asked = label.get("model", "")
    if usage is None and not asked:
        return  # a list of models, a file: nothing that is priced
    tally.add(label.get("host", ""), asked or model_of(body, media_type) or "", usage, times)


def _header(headers: Headers, name: bytes) -> str:
    return ", ".join(value.decode("latin-1") for key, value in headers if key.lower() == name)
