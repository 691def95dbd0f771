"""A request of a take, and what of it is compared with another take's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from addon.identity.rules import IdentityRules
from addon.identity.saved_form import parse_saved, read_head
from addon.identity.volatile_form import texts_of_saved
from addon.messages import WireRequest
from addon.volatile.binding import Binding
from addon.volatile.rules import Place
from cache_store.entry import Entry

__all__ = ["Asked", "Form"]

# A word that holds a digit. It begins where a word does, and nothing is tried twice, so the search is linear.
_DIGITS = re.compile(r"(?<![\w-])(?:[^\W\d]|-)*+\d[\w-]*+")
_WORD = re.compile(r"\w+")
_MOST_TEXT = 3000  # characters whose words tell which of several requests another one is like
_CHOICES = (("model",), ("stream",))
_AS_SAVED = IdentityRules()


@dataclass(slots=True, eq=False)
class Asked:
    """A request of one take.

    `test` is '' for the run's own. `saved` is its saved form without volatile rules, `bindings` are the values that
    the run's own rules found. `request` is None for one that was read from a recording. `key` names the entry that
    holds its answer. Equal keys are numbered in `counter` as `repeat` says; that of a recording ends in `suffix`.
    `answer` answers it from another take, with `rebound` values replaced.
    """

    test: str
    attempt: int
    saved: bytes
    bindings: tuple[Binding, ...] = ()
    request: WireRequest | None = None
    key: str = ""
    suffix: str = ""
    counter: str = ""
    repeat: str = ""
    answer: Entry | None = None
    rebound: int = 0
    form: Form = field(init=False)
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.form = _form_of(self.saved)
        # The last message tells most requests of a test apart.
        self.words = frozenset(_WORD.findall(" ".join(self.form.texts.values())[-_MOST_TEXT:]))


class Form(NamedTuple):
    """What two requests have in common if one may stand for the other.

    `shape` is a digest of all that is not text, but for numbers, and of the model. `masked` is one of the shape and
    of the texts without words that hold a digit. `heads` are the saved headers.
    """

    host: str
    path: str
    texts: dict[Place, str]
    heads: list[tuple[str, str]]
    shape: bytes
    masked: bytes


def _form_of(saved: bytes) -> Form:
    """The form of a saved request. Raises CorruptEntry if it is invalid."""
    head, _, body = read_head(parse_saved(saved).value, _AS_SAVED)
    host, path, pairs = texts_of_saved(saved)
    texts: dict[Place, str] = {}
    for place, text in pairs:  # repeated parameters and parts share a place
        texts[place] = f"{texts[place]}\n{text}" if place in texts else text
    names = [name for name, _ in head["query"]]
    shape = sha256(repr((head["method"], host, path, names, _shape(body, ()))).encode("utf-8", "replace"))
    masked = shape.copy()
    masked.update(_DIGITS.sub("0", "\0".join(texts.values())).encode("utf-8", "replace"))
    heads = [(name, value) for name, value in head["headers"]]
    return Form(host, path, texts, heads, shape.digest(), masked.digest())


def _shape(value: Any, names: tuple[str, ...]) -> Any:
    """`value` without its texts and numbers; the model and whether a stream is asked for stay."""
    if isinstance(value, dict):
        return [(name, _shape(value[name], (*names, name))) for name in sorted(value)]
    if isinstance(value, list):
        return tuple(_shape(item, names) for item in value)
    if value is None or isinstance(value, bool) or names == ("kind",) or names[-1:] == ("name",):
        return value
    return value if names[:1] == ("value",) and names[1:] in _CHOICES else 0
