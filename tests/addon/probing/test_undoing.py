"""Alterations taken back in later requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.messages import WireRequest
from addon.probing.altering import altered, changes_of
from addon.probing.edits import Kind
from addon.probing.undoing import Undo, undo_member, undo_text, undone
from addon.probing.words import other_text
from tests.addon.probing.answers import ANSWERS, FIRST, SECOND, TEXT

SAID = "".join(TEXT)


def request(body: Any, **headers: str) -> WireRequest:
    """A request with this JSON body."""
    named = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/x", named, json.dumps(body).encode())


def taken_back(body: Any, *undos: Undo) -> Any:
    """The body of such a request after it."""
    return json.loads(undone(request(body), undos).body)


def undos_of(dialect: str, kind: Kind) -> list[tuple[str, Undo]]:
    """The pointers of the alterations of a kind, and how to take them back."""
    answer = ANSWERS[dialect]()
    found = []
    for change in changes_of(answer, 0):
        made = altered(answer, change, 0)
        assert made is not None
        if change.kind is kind:
            found.append((change.pointer, made.undo))
    return found


@pytest.mark.parametrize(
    "repeated",
    [
        lambda text: text,
        lambda text: f"You said: {text} Is that so?",
        lambda text: f"\n{text.strip()}\n",
        lambda text: text.split("\n")[1],
        lambda text: f"More about {text.split()[3]}, please.",
        lambda text: json.dumps({"said": text}),
        lambda text: f"In JSON: {json.dumps(text)}",
    ],
)
def test_a_text_is_taken_back_wherever_it_stands_whole(repeated: Any) -> None:
    """The whole, a line of it or a longer word of it, plain or in a JSON text."""
    ((_, undo),) = undos_of("chat", Kind.TEXT)
    other = other_text(SAID, 0)
    talk = {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": repeated(other)}]
    }
    assert taken_back(talk, undo)["messages"][1]["content"] == repeated(SAID)


def test_a_word_within_a_longer_one_stays() -> None:
    """So do short words of their own."""
    undo = undo_text("Qbsjt jt pl", "Paris is ok")
    assert taken_back(["Qbsjts jt pl", "pl"], undo) == ["Qbsjts jt pl", "pl"]
    assert taken_back(["Qbsjt", "Qbsjt jt pl"], undo) == ["Paris", "Paris is ok"]


def test_a_short_text_is_taken_back_where_it_is_all_that_is_said() -> None:
    """`42` within another text may be another 42."""
    undo = undo_text("53", "42")
    assert taken_back({"content": "53", "more": "53 of 530", "n": 53}, undo) == {
        "content": "42",
        "more": "53 of 530",
        "n": 53,
    }


@pytest.mark.parametrize("dialect", ANSWERS)
def test_arguments_are_taken_back_as_text_and_as_an_object(dialect: str) -> None:
    """As the client got them, or written anew; a result that repeats a value under its name, too."""
    for pointer, undo in undos_of(dialect, Kind.ARGUMENT):
        name = pointer.rpartition("/")[2]
        if name not in FIRST:
            continue
        other = FIRST | {name: {"city": "Qbsjt", "days": 4, "exact": False}[name]}
        talk = [
            {"arguments": json.dumps(other)},
            {"arguments": json.dumps(other, separators=(",", ":"))},
            {"input": other},
            {"result": json.dumps({name: other[name], "degrees": 4, "ok": False})},
        ]
        assert taken_back(talk, undo) == [
            {"arguments": json.dumps(FIRST)},
            {"arguments": json.dumps(FIRST, separators=(",", ":"))},
            {"input": FIRST},
            {"result": json.dumps({name: FIRST[name], "degrees": 4, "ok": False})},
        ]


def test_a_value_without_a_name_is_taken_back_if_it_is_a_text() -> None:
    """An item of a list."""
    assert taken_back([["ifsf", 2.5]], undo_member(1, "ifsf", "here")) == [["here", 2.5]]
    assert taken_back([["ifsf", 2.5]], undo_member(0, 2.5, 1.5)) == [["ifsf", 2.5]]
    assert "at" in SECOND


def test_an_empty_text_becomes_the_recorded_one() -> None:
    """Under the names that messages have for it."""
    ((_, undo),) = undos_of("messages", Kind.EMPTY)
    assert taken_back([{"role": "assistant", "content": "", "name": ""}], undo) == [
        {"role": "assistant", "content": SAID, "name": ""}
    ]


def test_a_request_without_the_alteration_stays_as_it_is() -> None:
    """The same object, whatever it is."""
    undo = undo_text("Qbsjt", "Paris")
    for each in (
        request({"content": "Paris"}),
        request({"content": "Qbsjt"}, content_encoding="gzip"),
        WireRequest("GET", "https", "a", 443, "/Qbsjt", (), b""),
        WireRequest("POST", "https", "a", 443, "/", (), b"Qbsjt \xff"),
    ):
        assert undone(each, [undo]) is each


def test_nothing_is_taken_back_twice() -> None:
    """A recorded word that is the altered form of another one stays."""
    undo = undo_text("bbbb aaaa", "aaaa zzzz")
    assert taken_back("aaaa bbbb", undo) == "zzzz aaaa"
