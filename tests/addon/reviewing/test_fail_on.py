"""The conditions of `--fail-on`."""

from __future__ import annotations

from decimal import Decimal

import pytest

from addon.reviewing.changes import What
from addon.reviewing.fail_on import failed, parse_conditions
from addon.reviewing.recordings import Figures, listed, recording_of
from addon.reviewing.review import Review, reviewed
from cache_store.errors import UsageError
from tests.addon.reviewing.states import chat


def review(before: Figures | None = None, after: Figures | None = None, **counted: int) -> Review:
    """A review with so many changes of each kind."""
    found = Review(before=before or Figures(), after=after or Figures())
    found.counted.update({What[name]: count for name, count in counted.items()})
    return found


def test_kinds_of_change() -> None:
    """One that is there fails, another does not, `any` is each of them."""
    conditions = parse_conditions("model-change, any,,tool-change")
    assert failed(conditions, review(MODEL=2)) == [
        "--fail-on model-change: there were 2 changes",
        "--fail-on any: there were 2 changes",
    ]
    assert failed(conditions, review()) == []


def priced(usd: str, unpriced: int = 0) -> Figures:
    """Figures of one answer."""
    return Figures(1, 100, 10, Decimal(usd), unpriced)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (priced("1"), priced("1.2"), ""),
        (priced("1"), priced("1.21"), "it grew from $1.00 to $1.21, +21 %"),
        (priced("1"), priced("0"), ""),
        (Figures(), priced("0.5"), "it grew from $0.00 to $0.5000"),
        (priced("1"), priced("0", 1), "the price of 1 answer is not known"),
    ],
)
def test_cost(before: Figures, after: Figures, said: str) -> None:
    """Growth up to the limit passes; what cannot be checked fails."""
    lines = failed(parse_conditions("cost:+20%"), review(before, after))
    assert bool(lines) == bool(said)
    assert said in "".join(lines)


def test_tokens() -> None:
    """In and out together; their prices do not matter."""
    grown = failed(parse_conditions("tokens:+0%"), review(priced("0", 1), Figures(1, 100, 11, unpriced=1)))
    assert grown == ["--fail-on tokens:+0%: it grew from 110 tokens to 111 tokens, +1 %"]


@pytest.mark.parametrize("condition", ["cost:+20%", "tokens:+20%"])
def test_what_a_lock_file_does_not_say_fails(condition: str) -> None:
    """Also on one side only, and if nothing changed: it was not checked."""
    entry = recording_of(chat("a"))
    line = listed(entry.key, entry.digest, "POST api.openai.com/v1/chat/completions gpt-4.1")
    conditions = parse_conditions(condition)
    (said,) = failed(conditions, reviewed([line], [line]))
    assert said.startswith(f"--fail-on {condition}: lock files do not say it (2 recordings)")
    assert failed(conditions, reviewed([line], []))
    assert failed(conditions, reviewed([entry], [line]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modelchange", "did you mean model-change?"),
        ("zzz", "use any, prompt-change"),
        ("any:1", "any takes no value"),
        ("cost", "write cost:+20%"),
        ("cost:+x%", "write cost:+20%"),
        ("tokens:-5%", "write tokens:+20%"),
    ],
)
def test_what_is_not_a_condition(text: str, said: str) -> None:
    """The message names what is nearest."""
    with pytest.raises(UsageError, match=said.replace("?", r"\?").replace("+", r"\+")):
        parse_conditions(text)
