"""Finds the ids that an answer names, and those that a request uses.

An id is the value of a member such as `id` or `thread_id`, or the name of a resource (`cachedContents/c1`). What
merely looks like an id is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from addon.messages import WireRequest
from cache_store.answers.bounded_json import loads
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.answers.sse import parse
from cache_store.entry import Entry, header_value

__all__ = ["AskedId", "asked_by", "asked_ids", "documents", "minted_ids", "names"]

_MEMBER = re.compile(r"(?:^|_)ids?$|[a-z]I[dD]s?$|^name$")
# These are chosen by the client, name the caller or the request, or are written by the model.
_NOT_MINTED = re.compile(
    r"(?:custom|client|user|(?:x_?)?request|trace|org|organization|project|account|tenant|(?:tool_?)?call|tool_?use)_?id",
    re.IGNORECASE,
)
_URLS = frozenset({b"location", b"operation-location", b"content-location"})
# At least one digit: `default`, `assistant` and the like are words.
_ID = re.compile(r"(?=[^\d]*\d)[A-Za-z0-9](?:[\w.:@+=~-]|/(?!/)){2,254}[\w=-]")
_LONGEST = 256
_VERSION = re.compile(r"v\d+(?:alpha|beta)\d*")
_VERB = re.compile(r":[a-zA-Z]+$")  # `operations/o1:cancel`
_AROUND = r"(?<![A-Za-z0-9_-]){}(?![A-Za-z0-9_-])"
_MODELS = frozenset({"models", "deployments", "engines"})
_MAX_BODY = 4 * 1024 * 1024  # bytes; a longer answer is searched for no id
_MAX_REQUEST = 8 * 1024 * 1024
_MOST = 2000  # values in one answer or request


@dataclass(frozen=True, slots=True)
class AskedId:
    """What may be an id in a request; `in_path`: it names the resource that is asked for."""

    value: str
    in_path: bool


def names(text: bytes, identifier: str) -> bool:
    """Whether `text` contains `identifier` as a whole word: `file-1` is not in `file-12`."""
    needle = identifier.encode()
    return needle in text and re.search(_AROUND.format(re.escape(identifier)).encode(), text) is not None


def minted_ids(entry: Entry) -> list[str]:
    """The ids in an answer that its own request did not name: in JSON, in server-sent events, in `location`."""
    found = dict.fromkeys(_of_headers(entry))
    if len(entry.body) <= _MAX_BODY:
        for value in documents(entry.body):
            for name, text in _strings(value):
                if _is_id(name, text):
                    found[text] = None
                    if name == "name":  # a path may name the end of it
                        found["/".join(text.split("/")[-2:])] = None
                if len(found) >= _MOST:
                    break
    return [identifier for identifier in found if not names(entry.request_json, identifier)]


def asked_ids(request: WireRequest, model: str) -> list[AskedId]:
    """The values in a request that an answer may have minted. The name of a model is a choice, and no id."""
    found = dict.fromkeys(_of_path(request.target), True)
    encoding = header_value(request.headers, b"content-encoding")
    try:
        body = decode(request.body, encoding, _MAX_REQUEST) if encoding else request.body
        value = loads(body) if len(body) <= _MAX_REQUEST and body.lstrip()[:1] in (b"{", b"[") else None
    except (BadCoding, ValueError):
        value = None
    for number, (name, text) in enumerate(_strings(value)):
        if number >= _MOST:
            break
        for part in (text, *(_of_path(_path(text)) if "://" in text[:12] else ())):
            if name != "model" and len(part) <= _LONGEST and _ID.fullmatch(part):
                found.setdefault(part, False)
    models = {model, model.removeprefix("models/"), f"models/{model}"}
    return [AskedId(value, in_path) for value, in_path in found.items() if value not in models]


def asked_by(entry: Entry) -> list[AskedId]:
    """The values in an entry's saved request that an answer may have minted."""
    try:
        saved = json.loads(entry.request_json)
        body = saved.get("body")
        value = body.get("value") if isinstance(body, dict) else None
        target = str(saved.get("path", ""))
    except (ValueError, AttributeError, RecursionError):
        return []
    request = WireRequest("", "", "", 0, target, (), json.dumps(value).encode() if value is not None else b"")
    return asked_ids(request, entry.label.get("model", ""))


def _of_headers(entry: Entry) -> Iterator[str]:
    for name, value in entry.headers:
        if name.lower() in _URLS:
            yield from _of_path(_path(value.decode("latin-1")))


def _of_path(target: str) -> Iterator[str]:
    """The ids in a URL's path and query: `c1` and `cachedContents/c1`, but no name of a model."""
    path, _, query = target.partition("?")
    before = ""
    for segment in path.split("/"):
        text = _VERB.sub("", unquote(segment))
        if before not in _MODELS and _ID.fullmatch(text) and not _VERSION.fullmatch(text):
            yield text
            if before:
                yield f"{before}/{text}"
        before = text
    for pair in query.split("&"):
        value = unquote(pair.partition("=")[2])
        if _ID.fullmatch(value):
            yield value


def _path(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def documents(body: bytes) -> Iterator[Any]:
    """The JSON values of an answer: itself, or the data of its events, or its lines."""
    start = body[:64].lstrip()[:1]
    if start in (b"{", b"["):
        try:
            yield loads(body)
            return
        except ValueError:
            texts = body.decode("utf-8", "replace").splitlines()
    elif body[:512].lstrip().startswith((b"data:", b"event:", b"id:", b":")):
        texts = [event.data for event in parse(body).events]
    else:
        return
    for text in texts:
        if text[:1] in ("{", "["):
            try:
                yield loads(text)
            except ValueError:
                continue


def _strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value with the name of its member; a list's strings have the list's name.

    A model's own description (`"object": "model"`) is passed over.
    """
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, name)
    elif isinstance(value, dict) and value.get("object") != "model":
        for member, inner in value.items():
            yield from _strings(inner, member)


def _is_id(name: str, text: str) -> bool:
    if len(text) > _LONGEST or not _MEMBER.search(name) or _NOT_MINTED.fullmatch(name):
        return False
    if not _ID.fullmatch(text):
        return False
    return name != "name" or ("/" in text and not text.startswith("models/"))
