"""Which gates fail, on counts alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from addon.accounting.counts import RunCounts
from addon.accounting.gates import Gates, failures, parse_rate


def counts(hits: int = 0, misses: int = 0, mode: str = "read-write", live: int = 0) -> RunCounts:
    """A run's counts."""
    run = RunCounts("r", mode)
    row = run.host("h.example")
    row.hits, row.misses, row.live = hits, misses, live
    return run


def test_no_gate_fails_nothing() -> None:
    """Misses alone are no failure where the mode forwards them."""
    assert failures(Gates(), counts(misses=9, live=9)) == []


@pytest.mark.parametrize(
    ("rate", "hits", "misses", "fails"),
    [
        (1, 9999, 1, True),
        (1, 5, 0, False),
        (0.95, 95, 5, False),
        (0.95, 949, 51, True),
        (0, 0, 5, False),
        (0.5, 0, 0, True),
    ],
)
def test_the_hit_rate_is_not_rounded(rate: float, hits: int, misses: int, fails: bool) -> None:
    """0.9999 is not 1, and without look-ups there is no rate."""
    assert bool(failures(Gates(min_hit_rate=rate), counts(hits, misses))) == fails


def test_refused_telemetry_fails_nothing() -> None:
    """Requests that the tests do not need count neither as misses nor as refusals."""
    run = counts(hits=3, mode="read-only-require-hit")
    run.host("h.example").refused = 7
    assert failures(Gates(min_hit_rate=1, max_misses=0), run) == []


def test_require_hit_fails_on_refusals() -> None:
    """Tests that need a WebSocket or a token got none; the line names the kinds. Other modes forward them."""
    run = counts(hits=3, mode="read-only-require-hit")
    run.refusals.update({"websocket": 2, "token-endpoint": 1})
    (line,) = failures(Gates(), run)
    assert line.startswith(
        "3 requests were refused in read-only-require-hit (token-endpoint 1, websocket 2); "
    )
    assert failures(Gates(allow_refusals=True), run) == []
    assert failures(Gates(allow_misses=True), run) != []
    run.mode = "read-write"
    assert failures(Gates(), run) == []


@pytest.mark.parametrize("mode", ["read-only-require-hit", "read-write"])
def test_no_traffic_fails_only_if_some_is_required(mode: str) -> None:
    """A suite without any request may be right."""
    run = RunCounts("r", mode)
    assert failures(Gates(), run) == []
    assert failures(Gates(require_traffic=True), run) == ["--require-traffic: no request reached the proxy"]
    run.host("h.example").requests = 1
    assert failures(Gates(require_traffic=True), run) == []


def test_require_hit_fails_on_any_miss() -> None:
    """Unless misses are allowed; other modes ask for a gate."""
    run = counts(hits=3, misses=1, mode="read-only-require-hit")
    assert failures(Gates(), run) == ["1 miss in read-only-require-hit; --allow-misses lets them pass"]
    assert failures(Gates(allow_misses=True), run) == []
    assert failures(Gates(max_misses=0, allow_misses=True), run) == ["--max-misses 0: there was 1 miss"]


def test_money_that_is_not_known_is_not_zero() -> None:
    """An answer of unknown price fails a gate on money, whatever the others cost."""
    run = counts(misses=2, live=2)
    run.spent.add("api.openai.com", "gpt-4.1", {"prompt_tokens": 1_000_000, "completion_tokens": 0})
    run.spent.settle()
    assert failures(Gates(max_usd=Decimal(2)), run) == []
    assert failures(Gates(max_usd=Decimal("1.99")), run) == ["--max-usd 1.99: $2.000000 was spent"]
    run.spent.add("api.openai.com", "house-model", {"prompt_tokens": 1})
    run.spent.settle()
    assert failures(Gates(max_usd=Decimal(5)), run) == [
        "--max-usd 5: the price of 1 live answers is not known"
    ]


def test_a_budget_that_refused_something_failed() -> None:
    """The bound held, and the run wanted more than it."""
    run = counts(misses=4, live=2)
    assert failures(Gates(max_live=2), run) == []
    run.over_budget = 2
    assert failures(Gates(max_live=2), run) == [
        "--max-live 2: 2 requests were forwarded, 2 more were refused"
    ]


def test_unused_entries_that_could_not_be_listed() -> None:
    """A gate that cannot be checked has failed."""
    assert failures(Gates(fail_on_unused=True), counts()) == [
        "--fail-on-unused: the entries could not be listed"
    ]
    run = counts()
    run.unused = []
    assert failures(Gates(fail_on_unused=True), run) == []
    run.unused = [f"pp1-{n}" for n in range(5)]
    assert failures(Gates(fail_on_unused=True), run) == [
        "--fail-on-unused: 5 entries (pp1-0, pp1-1, pp1-2, …) were not used"
    ]


def test_tunnelled_hosts() -> None:
    """Globs without regard to case; what none of them names fails."""
    run = counts()
    run.tunnelled.update({"Packages.example": 2, "files.mirror.example": 1})
    gates = Gates(fail_on_tunnel=True, allow_tunnel=("packages.example", "*.Mirror.example"))
    assert failures(gates, run) == []
    run.tunnelled["api.newprovider.example"] += 1
    assert failures(gates, run) == ["--fail-on-tunnel: 1 host (api.newprovider.example) was tunnelled"]


@pytest.mark.parametrize("text", ["1.01", "-0.1", "nan", "inf", "", "most"])
def test_a_rate_is_from_0_to_1(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rate(text)


def test_gates_name_the_tests() -> None:
    """Those that missed, most misses first, all attempts as one; a test that fits and went live fails its gate."""
    counts = RunCounts("r", "read-only-require-hit")
    counts.host("h").misses, counts.host("h").live = 3, 1
    for name, attempt, misses, live in (("a", 1, 1, 0), ("b[1]", 1, 1, 1), ("b[1]", 2, 1, 0), ("c", 1, 0, 0)):
        verdict = counts.verdict("gw0", name, attempt)
        assert verdict is not None
        verdict.live = live
        for number in range(misses):
            verdict.miss(str(number))
    by = "misses by 2 tests (b[1] 2, a 1)"
    assert failures(Gates(min_hit_rate=0.5), counts)[0].endswith(f"0 of 3 requests were hits; {by}")
    assert f"; {by}" in failures(Gates(max_misses=1), counts)[0]
    assert f"; {by}; --allow-misses lets them pass" in failures(Gates(), counts)[0]
    quiet = Gates(allow_misses=True, fail_on_live=("b[1]", "x*"))
    assert failures(quiet, counts) == ["--fail-on-live: 1 test (b[1] 1) was forwarded to a provider"]
    assert failures(Gates(allow_misses=True, fail_on_live=("c",)), counts) == []
    counts.tests.clear()
    assert "no request named its test" in failures(quiet, counts)[0]
