"""Fault rules: what is read, what is refused and how, which requests get a fault."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from addon.faults.rules import KINDS, FaultRule, parse_rules, text_of_flags
from cache_store.errors import UsageError


def rule(**values: object) -> FaultRule:
    """The one rule with these values, of a kind that needs no other."""
    (read,) = parse_rules(json.dumps([{"kind": "rate-limit"} | values]))
    return read


def test_a_rule_needs_no_more_than_its_kind() -> None:
    """It is called by its kind and is for every request."""
    assert parse_rules('[{"kind": "rate-limit"}]') == (FaultRule("rate-limit", "rate-limit"),)
    assert parse_rules("") == parse_rules("[]") == ()


def test_names_are_told_apart() -> None:
    """Rules of one kind have their own counts in the report."""
    names = [one.name for one in parse_rules(json.dumps([{"kind": "rate-limit"}] * 3))]
    assert names == ["rate-limit", "rate-limit-2", "rate-limit-3"]


def test_names_may_be_written_with_hyphens() -> None:
    """As in flags and in TOML."""
    assert rule(**{"retry-after": 3}) == rule(retry_after=3)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "`kind` is missing; use one of rate-limit, overloaded, "),
        ({"kind": "ratelimit"}, "kind 'ratelimit' is not known; did you mean rate-limit?"),
        ({"kind": ["rate-limit"]}, "is not known; did you mean rate-limit?"),
        ({"kind": "rate-limit", "nht": 1}, "`nht` is not a value of rate-limit; did you mean nth?"),
        ({"kind": "reset", "provider": "openai"}, "`provider` is not a value of reset; use name, kind, "),
        ({"kind": "rate-limit", "nth": 0}, "`nth` is a whole number from 1 to 2147483647"),
        ({"kind": "rate-limit", "nth": [1, True]}, "`nth` is a whole number"),
        ({"kind": "rate-limit", "nth": 1.5}, "`nth` is a whole number"),
        ({"kind": "rate-limit", "probability": 1.1}, "`probability` is a number from 0 to 1"),
        ({"kind": "rate-limit", "probability": "nan"}, "`probability` is a number from 0 to 1"),
        ({"kind": "rate-limit", "host": ""}, "`host` is a glob of 1 to 500 characters"),
        ({"kind": "rate-limit", "path": "*" * 501}, "`path` is a glob"),
        ({"kind": "rate-limit", "name": "a b"}, "`name` has 1 to 64 of the characters"),
        (
            {"kind": "rate-limit", "provider": "OpenAI"},
            "provider 'OpenAI' is not known; use openai, anthropic",
        ),
        ({"kind": "gateway-page", "status": 500}, "`status` is one of 502, 503, 504"),
        ({"kind": "latency"}, "latency needs `seconds`"),
        ({"kind": "latency", "seconds": 601}, "`seconds` is a number from 0 to 600"),
        ({"kind": "truncate"}, "truncate needs `after_bytes` or `after_events`"),
        (
            {"kind": "stall", "after_bytes": 1, "after_events": 1},
            "state `after_bytes` or `after_events`, not",
        ),
    ],
)
def test_what_is_not_valid_stops_the_start(table: dict[str, object], said: str) -> None:
    """The message names the rule and, for an unknown name, the nearest known one."""
    with pytest.raises(UsageError) as refused:
        parse_rules(json.dumps([{"kind": "reset"}, table]))
    assert str(refused.value).startswith("fault rule 2: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '"reset"', "[" * 100_000, json.dumps([{}] * 101)])
def test_what_is_no_list_of_tables_is_refused(text: str) -> None:
    """In one line, however it is broken."""
    with pytest.raises(UsageError, match=r"list of tables|at most 100"):
        parse_rules(text)


def test_every_kind_can_be_stated() -> None:
    """With the values that it needs, and no others."""
    needed = {"latency": {"seconds": 1}, "truncate": {"after_bytes": 1}}
    assert [rule(kind=kind, **needed.get(kind, {})).kind for kind in KINDS] == list(KINDS)


def test_flags_state_the_same_as_tables() -> None:
    """The kind first, then names and values; a repeated name is a list."""
    flags = [
        "rate-limit,nth=1,nth=3,retry-after=0.01,host=API.openai.com",
        " stall , seconds = 2 , after-bytes=5",
    ]
    tables = [
        {"kind": "rate-limit", "nth": [1, 3], "retry_after": 0.01, "host": "api.openai.com"},
        {"kind": "stall", "seconds": 2, "after_bytes": 5},
    ]
    assert parse_rules(text_of_flags(flags)) == parse_rules(json.dumps(tables))
    assert text_of_flags([]) == ""


def test_a_flag_that_is_no_rule_is_refused() -> None:
    """With an example."""
    with pytest.raises(UsageError, match="--fault: 'twice' is not NAME=VALUE; write rate-limit,nth=1"):
        text_of_flags(["rate-limit,twice"])


@pytest.mark.parametrize(
    ("values", "host", "path", "test", "covered"),
    [
        ({}, "any.host", "/", "", True),
        ({"host": "*.openai.com"}, "api.openai.com", "/", "", True),
        ({"host": "*.openai.com"}, "api.anthropic.com", "/", "", False),
        ({"path": "*/chat/*"}, "h", "/v1/chat/completions", "", True),
        ({"path": "/v1/responses"}, "h", "/v1/chat/completions", "", False),
        ({"test": "tests/*"}, "h", "/", "tests/test_a.py::test_b", True),
        ({"test": "*"}, "h", "/", "", False),
        ({"test": "t.py::test_b[x-1]"}, "h", "/", "t.py::test_b[x-1]", True),
    ],
)
def test_which_requests_a_rule_covers(
    values: dict[str, object], host: str, path: str, test: str, covered: bool
) -> None:
    """By globs of host, path and test; a rule for tests is for no request without one."""
    assert rule(**values).covers(host, path, test) is covered


def test_nth_and_every_request() -> None:
    """Numbers count from 1; a request that could not be counted has the number 0 and gets no fault."""
    assert [n for n in range(6) if rule(nth=[2, 4]).fires("t", n)] == [2, 4]
    assert [n for n in range(4) if rule().fires("t", n)] == [1, 2, 3]


def test_a_probability_is_drawn_the_same_in_every_process() -> None:
    """Seed, test and number decide, and nothing else; about the share of the requests that was asked for."""
    flaky = rule(probability=0.3, seed=7)
    drawn = [flaky.fires("t", n) for n in range(1, 2001)]
    assert 500 < sum(drawn) < 700
    assert drawn != [flaky.fires("other", n) for n in range(1, 2001)]
    assert drawn != [rule(probability=0.3, seed=8).fires("t", n) for n in range(1, 2001)]
    code = (
        "from addon.faults.rules import parse_rules as p; "
        'r = p(\'[{"kind": "rate-limit", "probability": 0.3, "seed": 7}]\')[0]; '
        "print([r.fires('t', n) for n in range(1, 2001)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(drawn)
    assert [n for n in range(1, 9) if rule(probability=0).fires("t", n)] == []
