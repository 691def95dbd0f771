"""How two requests differ."""

from __future__ import annotations

from addon.learning.comparing import compare, place_name
from addon.volatile.binding import Binding
from addon.volatile.rules import Place
from tests.addon.learning.requests_of_takes import CONTENT, UUIDS, asked, chat, compared


def test_a_value_has_its_place_and_the_text_around_it() -> None:
    """As far as both requests have it."""
    found = compared(f"First {UUIDS[0]} then", f"First {UUIDS[1]} then")
    (change,) = found.changes
    assert (change.place, change.old, change.new, change.kind) == (CONTENT, *UUIDS, "uuid")
    assert (change.before, change.after, change.is_whole) == ("First ", " then", False)
    assert found.others == []


def test_the_text_around_a_value_holds_no_other_value() -> None:
    """Though both end alike by chance."""
    found = compared(f"at 10a1b2 is {UUIDS[0]}, 7c1d2e", f"at 99f1b2 is {UUIDS[1]}, 7c1d3f")
    assert [(change.before, change.after) for change in found.changes] == [
        ("at ", " is "), (" is ", ", "), (", ", ""),
    ]  # fmt: skip


def test_headers_are_compared_as_they_were_sent() -> None:
    """Recordings have a hash of them only."""
    one, two = (asked("x", x_session=value) for value in UUIDS)
    (change,) = compare(one, two).changes
    assert (change.place, change.new) == (Place("header", "x-session"), UUIDS[1])
    one.request = None
    assert compare(one, two).changes == []
    assert len(compare(one, two).others) == 1


def test_other_differences_are_named() -> None:
    """A number, a member; each once."""
    found = compared(chat("x", seed=1), chat("x", seed=2, user="me"))
    assert found.changes == []
    assert sorted(line.partition(":")[0] for line in found.others) == ["/seed", "/user"]


def test_what_a_rule_covers_already_is_no_difference() -> None:
    """The run's own rules bound both values under one number."""
    one, two = (asked(f"First {value} then") for value in UUIDS)
    one.bindings, two.bindings = ((Binding("uuid", 1, value),) for value in UUIDS)
    assert compare(one, two).changes == []


def test_texts_without_anything_in_common_are_one_difference() -> None:
    """And no thousand values."""
    found = compared("a " * 5000, "b c " * 5000)
    assert found.changes == []
    assert "differ too much" in found.others[0]


def test_places_have_names() -> None:
    """As JSON Pointers write them."""
    assert place_name(Place("pointer", pointer=("a/b", "0"))) == "/a~1b/0"
    assert place_name(Place("pointer")) == "the body"
    assert place_name(Place("query", "n")) == "query n"
