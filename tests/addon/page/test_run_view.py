"""What the page shows of a run."""

from __future__ import annotations

from addon.accounting.counts import RunCounts
from addon.page.run_view import run_view, users_by_key


def counts() -> RunCounts:
    """A run with a hit, a miss and a test."""
    run = RunCounts("run", "read-write")
    host = run.host("api.example")
    host.requests, host.hits, host.misses = 4, 3, 1
    verdict = run.verdict("", "test_a", 1)
    assert verdict is not None
    verdict.requests, verdict.hits = 2, 1
    verdict.use("pp2-1", 1)
    verdict.miss("pp2-2")("differs at /model", "/model", folded=False)
    why = {"key": "pp2-2", "place": "POST api.example/v1", "question": "q", "nearest": "pp2-1", "recorded_at": 1.0,
           "shared_messages": 0, "more": False, "note": "", "remedy": "do it",
           "differences": [{"place": "/model", "kind": "model", "old": "a", "new": "b", "same": 0}]}  # fmt: skip
    run.miss("pp2-2", why, "a line")
    return run


def test_a_run_in_figures() -> None:
    """The rate, the tests with their verdicts, the misses with their first difference."""
    view = run_view(counts().as_dict())
    assert (view["rate"], view["figures"]["requests"]) == ("75.0 %", 4)
    (test,) = view["tests"]
    assert (test["name"], test["verdict"], test["miss"], test["why"]) == (
        "test_a",
        "missed",
        "pp2-2",
        "differs at /model",
    )
    (miss,) = view["misses"]
    assert (miss["difference"]["place"], miss["more"], miss["remedy"]) == ("/model", 0, "do it")


def test_which_tests_used_an_entry() -> None:
    """By key."""
    assert users_by_key(counts().as_dict()) == {"pp2-1": ["test_a"]}


def test_a_run_that_did_nothing() -> None:
    """Has no rate."""
    assert run_view(RunCounts("run", "off").as_dict())["rate"] == ""
