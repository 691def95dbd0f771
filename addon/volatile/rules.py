"""Rules that say where a volatile value stands in a request, and what it looks like.

A rule is narrow: it names a host, a path and one place. Kinds without meaning may also be switched on for all text
of a body. Nothing is on by default.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from addon.volatile.kinds import KINDS
from cache_store.errors import MissingExtra, UsageError

__all__ = ["Covering", "Place", "Rule", "VolatileRules", "parse_volatile"]

_MEMBERS = (
    "name",
    "host",
    "path",
    "pointer",
    "header",
    "query",
    "part",
    "kind",
    "regex",
    "anchor",
    "comment",
)
_PLACES = ("pointer", "header", "query", "part")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_GAP = "⟦…⟧"
_PLAIN = re.compile("[0-9A-Za-z ]+")
_SYNTAX = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|[()]", re.DOTALL)
# What of an expression stands for other characters or need not be there, a group within which no other is, and what
# makes all of it uncertain: optional groups, alternatives outside of groups, and flags.
_NOT_LITERAL = re.compile(
    r"\\[A-Za-z]\{[^}]*\}|\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\(\?:|\(\?P<\w+>|.\{[^}]*\}|[^)(][?*]", re.DOTALL
)
_INNERMOST = re.compile(r"\((?!\?)([^()]*)\)(?![?*{])")
_UNCERTAIN = re.compile(r"\)[?*{]|\||\(\?")
# Of every length that a language's words have, so that a class and a number of characters match one of them.
_WORDS = ("word another sentence", *(
    text for word in (
        "an", "the", "word", "pizza", "decade", "weather", "question", "beautiful", "dictionary", "information",
        "temperature", "conversation", "international", "responsibility", "characteristics",
    ) for text in (word, word.upper(), word.capitalize())
))  # fmt: skip
_MAX_RULES = 200
_MAX_PATTERN = 1000
# These decide what the answer is, whatever a rule says.
# Members of the providers' APIs that hold text: a message's, a prompt, a tool's arguments and results.
_TEXTS = frozenset({
    "arguments", "content", "description", "documents", "input", "inputText", "input_text", "inputs",
    "instructions", "message", "output", "prompt", "query", "question", "reasoning", "refusal", "system", "text",
    "texts", "thinking",
})  # fmt: skip
_TALKS = frozenset({"messages", "contents", "input"})
# Objects whose members a tool names.
_ARGUMENTS = frozenset({"args", "arguments", "input", "response"})
_CALL_IDS = frozenset({"call_id", "toolUseId", "tool_call_id", "tool_use_id"})
_CALLS = (["tool_calls"], ["functionCall"], ["functionResponse"], ["toolUse"])
_FIXED = frozenset({"model", "stream", "role", "type"})


class _Searched(Protocol):
    def search(self, text: Any, /) -> object: ...


class _Pattern(_Searched, Protocol):
    @property
    def groups(self) -> int: ...

    def finditer(self, text: str, /) -> Iterator[Any]: ...

    def fullmatch(self, text: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in a request: in the body under a pointer, or in the header, parameter or part `name`."""

    where: str  # one of "pointer", "header", "query", "part", "filename"
    name: str = ""
    pointer: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it holds what people and models say, or the id of a tool call.

        Any other member may name a resource (a model, a file, a cache, a conversation); two are never equal.
        """
        if self.where != "pointer":
            return self.where == "filename" or (self.where == "part" and self.name in _TEXTS)
        names = [name for name in self.pointer if not name.isdecimal()]
        if not names or names[-1] in _TEXTS:
            return True
        in_talk = names[0] in _TALKS
        if in_talk and _ARGUMENTS.intersection(names[1:-1]):
            return True
        is_id = names[-1] == "id" and (names[0] == "messages" or names[-2:-1] in _CALLS)
        return in_talk and (is_id or names[-1] in _CALL_IDS)

    @property
    def is_fixed(self) -> bool:
        """Whether no value in it is ever volatile."""
        return bool(self.pointer) and self.pointer[-1] in _FIXED


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `host` and `path` are globs. `place` is None for all text of a body; its pointer may hold `*`.

    `source` is the kind or the expression as it was written. `hint` is an expression that matches in a body, as it
    was sent, wherever a value is; '' if only a look at the place can tell. `is_known`: the run knows the value, and
    its other spellings. `is_noise`: each value counts for itself, whether it equals another one or not.
    """

    name: str
    host: str
    path: str
    place: Place | None
    source: str
    anchor: str = ""
    hint: str = field(compare=False, repr=False, default="")
    is_known: bool = False
    is_noise: bool = False
    _pattern: _Pattern = field(compare=False, repr=False, default=re.compile("(?!)"))

    @property
    def is_narrow(self) -> bool:
        """Whether the rule names its value by a kind without meaning, or by words that stand around it."""
        kind = KINDS.get(self.source)
        if self.anchor or (kind is not None and kind.is_plain):
            return True
        return kind is None and len(_certain(self.source).strip()) > 2

    def covers(self, host: str, path: str) -> bool:
        """Whether the rule holds for requests to this host and path."""
        return fnmatch.fnmatchcase(host, self.host) and fnmatch.fnmatchcase(path, self.path)

    def is_in(self, value: Any) -> bool:
        """Whether a value is at the rule's place in a JSON body."""
        return self.place is not None and any(map(self._pattern.search, _texts_at(value, self.place.pointer)))

    def spans(self, place: Place, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each value in the text at `place`."""
        if place.is_fixed or not self._is_at(place):
            return
        group = 1 if self._pattern.groups else 0
        for match in self._pattern.finditer(text):
            start, end = match.span(group)
            if start < end:
                yield start, end

    def names(self, place: Place) -> bool:
        """Whether the rule was made for this very place."""
        return self.place is not None and self._is_at(place)

    def _is_at(self, place: Place) -> bool:
        if self.place is None:
            return place.is_text
        where = "part" if place.where == "filename" else place.where
        if (self.place.where, self.place.name) != (where, place.name):
            return False
        return len(self.place.pointer) == len(place.pointer) and all(
            mine in ("*", token) for mine, token in zip(self.place.pointer, place.pointer, strict=True)
        )


class VolatileRules:
    """The rules of a run, in order; the first that names a span names its value.

    Equal texts make one object, which is compared by identity and pickled as its texts.
    """

    __slots__ = ("_texts", "rules")

    def __init__(
        self, rules: Iterable[Rule] = (), texts: tuple[str, str, str | None] = ("", "", None)
    ) -> None:
        self.rules = tuple(rules)
        self._texts = texts

    def __bool__(self) -> bool:
        return bool(self.rules)

    def __repr__(self) -> str:
        return f"VolatileRules({self.rules!r})"

    def __reduce__(
        self,
    ) -> tuple[Callable[[str, str, str | None], VolatileRules], tuple[str, str, str | None]]:
        return parse_volatile, self._texts

    @lru_cache(maxsize=256)  # noqa: B019 - rules live as long as the process
    def of(self, host: str, path: str) -> Covering | None:
        """The rules that hold for requests to this host and path; None if there are none."""
        rules = [rule for rule in self.rules if rule.covers(host, path)]
        return Covering(rules) if rules else None


class Covering:
    """The rules that hold for one endpoint."""

    __slots__ = ("_always", "_by_place", "_hints", "names_headers", "rules")

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        in_body = [rule for rule in rules if rule.place is None or rule.place.where == "pointer"]
        self._hints = _of_hints(sorted({rule.hint for rule in in_body if rule.hint}))
        self._by_place = [rule for rule in in_body if not rule.hint]
        places = {rule.place.where for rule in rules if rule.place is not None}
        self.names_headers = "header" in places
        self._always = bool(places & {"query", "part"})

    def may_bind(self, saved: bytes, value: Any) -> bool:
        """Whether a saved request, whose JSON body is `value`, can hold a value beyond its headers.

        Most requests hold none, and are known by one pass over the saved form.
        """
        return (
            self._always
            or self._hints.search(saved) is not None
            or any(rule.is_in(value) for rule in self._by_place)
        )


def parse_volatile(kinds: str = "", tables: str = "", agents_in: str | None = None) -> VolatileRules:
    """Rules from a list of kinds, and from the tables of provider-proxy.toml as JSON.

    The rules for agents are added where `agents_in` is not None; it names the folders in which they work, as
    `cwd=/path,home=/path`. Raises UsageError with a one-line message.
    """
    return _parsed(",".join(filter(None, map(str.strip, kinds.split(",")))), tables.strip(), agents_in)


@lru_cache(maxsize=64)
def _parsed(kinds: str, tables: str, agents_in: str | None) -> VolatileRules:
    rules = [*_tables(tables), *map(_everywhere, filter(None, kinds.split(",")))]
    if len(rules) > _MAX_RULES:
        raise UsageError(f"VOLATILE: {len(rules)} rules; {_MAX_RULES} at most")
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"VOLATILE: two rules are named {twice!r}; give each a name of its own")
    if agents_in is not None:
        from addon.volatile.agents import agent_rules, folder_rules

        rules += [*folder_rules(agents_in), *agent_rules()]
    return VolatileRules(rules, (kinds, tables, agents_in))


def _texts_at(value: Any, pointer: tuple[str, ...]) -> Iterator[str]:
    if not pointer:
        if isinstance(value, str):
            yield value
        return
    name, rest = pointer[0], pointer[1:]
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = value.values() if name == "*" else [value[name]] if name in value else ()
    elif isinstance(value, list):
        inner = value if name == "*" else value[int(name) :][:1] if name.isdecimal() and len(name) < 9 else ()
    for item in inner:
        yield from _texts_at(item, rest)


def _everywhere(name: str) -> Rule:
    kind = KINDS.get(name)
    plain = [known for known, each in KINDS.items() if each.is_plain]
    if kind is None:
        raise UsageError(f"VOLATILE: {name!r} is not a kind of value; use {', '.join(plain)}")
    if not kind.is_plain:
        raise UsageError(
            f"VOLATILE: a {name} means something, so it needs a rule with host, path, pointer and anchor; "
            f"only {', '.join(plain)} may be looked for everywhere"
        )
    return Rule(name, "*", "*", None, name, _pattern=re.compile(kind.pattern), hint=kind.hint)


def _tables(text: str) -> Iterator[Rule]:
    if not text:
        return
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError):
        tables = None
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError("VOLATILE_RULES: write rules as [[volatile]] tables in provider-proxy.toml")
    for number, table in enumerate(tables, 1):
        yield _rule(table, number)


def _rule(table: Mapping[str, Any], number: int) -> Rule:
    for name, value in table.items():
        if name not in _MEMBERS:
            near = difflib.get_close_matches(str(name), _MEMBERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(_MEMBERS)}"
            raise UsageError(f"volatile rule {number}: {name!r} is not known; {hint}")
        if not isinstance(value, str):
            raise UsageError(f"volatile rule {number}: {name} is not text")
    name = table.get("name", "")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"volatile rule {number}: {name!r} is not a valid name; write small letters, digits and -"
        )
    says = f"volatile rule {name!r}"
    given = [place for place in _PLACES if place in table]
    if len(given) != 1:
        raise UsageError(f"{says} needs exactly one of {', '.join(_PLACES)}")
    if ("kind" in table) == ("regex" in table):
        raise UsageError(f"{says} needs either kind or regex")
    return Rule(
        name,
        table.get("host", "*").lower(),
        table.get("path", "*"),
        _place(given[0], table[given[0]], says),
        table.get("kind") or table["regex"],
        table.get("anchor", ""),
        _pattern=_pattern(table, says),
        hint=_hint(table),
    )


def _certain(expression: str) -> str:
    """The longest letters, digits and blanks that stand in every text that `expression` matches; '' for none."""
    literal = _NOT_LITERAL.sub(lambda match: "(" if match[0][0] == "(" else "\0", expression)
    changed = 1
    while changed:
        literal, changed = _INNERMOST.subn(lambda match: "\0" if "|" in match[1] else match[1], literal)
    return "" if _UNCERTAIN.search(literal) else max(_PLAIN.findall(literal), key=len, default="")


def _hint(table: Mapping[str, Any]) -> str:
    words = max(_PLAIN.findall(table.get("anchor", "")), key=len, default="") or _certain(
        table.get("regex", "")
    )
    return words if len(words) > 2 else KINDS[table["kind"]].hint if "kind" in table else ""


def _place(where: str, text: str, says: str) -> Place:
    if where == "header":
        return Place(where, text.lower())
    if where != "pointer":
        return Place(where, text)
    if not text.startswith("/") or re.search("~(?![01])", text):
        raise UsageError(f"{says}: {text!r} is not a JSON Pointer such as /messages/*/content")
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])
    if tokens[-1] in _FIXED:
        raise UsageError(f"{says}: {tokens[-1]} decides what the answer is, and is never volatile")
    return Place(where, pointer=tokens)


def _pattern(table: Mapping[str, Any], says: str) -> _Pattern:
    anchor = table.get("anchor", "")
    if "regex" in table:
        if anchor:
            raise UsageError(f"{says}: write the text around the value into regex; anchor goes with kind")
        _need(table, ("host", "path"), says)
        return _expression(table["regex"], says)
    kind = KINDS.get(table["kind"])
    if kind is None:
        near = difflib.get_close_matches(table["kind"], KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KINDS)}"
        raise UsageError(f"{says}: {table['kind']!r} is not a kind of value; {hint}")
    if not kind.is_plain:
        _need(
            table,
            ("host", "path", "anchor") if "pointer" in table or "part" in table else ("host", "path"),
            says,
        )
    if not anchor:
        return re.compile(kind.pattern)
    before, gap, after = anchor.partition(_GAP)
    if not gap or _GAP in after or len((before + after).strip()) < 3:
        raise UsageError(
            f"{says}: an anchor is text with {_GAP} where the value stands, as in `Today is {_GAP}`"
        )
    return re.compile(f"{re.escape(before)}({kind.pattern}){re.escape(after)}")


def _need(table: Mapping[str, Any], names: tuple[str, ...], says: str) -> None:
    if lacking := [name for name in names if not table.get(name, "").strip("*/")]:
        raise UsageError(
            f"{says} matches values that mean something, so it must also name {' and '.join(lacking)}"
        )


def _expression(text: str, says: str) -> _Pattern:
    """An expression of the user's. Raises UsageError."""
    if len(text) > _MAX_PATTERN:
        raise UsageError(f"{says}: the expression is longer than {_MAX_PATTERN} characters")
    try:
        pattern = _linear(text)
    except ValueError as error:
        raise UsageError(f"{says}: {text!r} is not an expression that RE2 knows: {error}") from error
    if pattern.groups > 1:
        raise UsageError(
            f"{says}: an expression has at most one group, which is the value; use (?:…) for others"
        )
    value = _group(text) if pattern.groups else None
    if any(map(pattern.search, ("", *_WORDS))) or (value is not None and any(map(value.fullmatch, _WORDS))):
        raise UsageError(f"{says}: {text!r} matches ordinary words, and would make different requests equal")
    return pattern


def _group(text: str) -> _Pattern | None:
    """The expression within the one group of `text`; None if it cannot be read alone."""
    depth = start = 0
    for match in _SYNTAX.finditer(text):
        if match[0] == "(":
            depth += 1
            if not start and (
                match.end() == len(text) or text[match.end()] != "?" or text[match.end() + 1] == "P"
            ):
                start, outside = match.end(), depth
        elif match[0] == ")":
            if start and depth == outside:
                inside = re.sub(r"^\?P<\w+>", "", text[start : match.start()])
                try:
                    return _linear(inside)
                except ValueError:
                    return None
            depth -= 1
    return None


def _of_hints(hints: list[str]) -> _Searched:
    """What finds any of the hints, which are our own expressions, in UTF-8 bytes."""
    text = "|".join(hints) or "^ $"
    try:
        return _linear(text)
    except MissingExtra:  # the rules for agents do not need it
        return re.compile(text.encode())


def _linear(text: str) -> _Pattern:
    """A pattern that takes time linear in the text. Raises ValueError, and UsageError where RE2 is missing."""
    try:
        import re2
    except ImportError as error:
        raise MissingExtra("volatile values need", "volatile") from error
    options = re2.Options()
    options.log_errors = False
    try:
        pattern: _Pattern = re2.compile(text, options=options)
    except re2.error as error:
        raise ValueError(str(error)) from error
    return pattern
