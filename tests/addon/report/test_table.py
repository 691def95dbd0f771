"""The table at a run's end."""

from __future__ import annotations

import logging

import pytest

from addon.accounting.counts import RunCounts
from addon.judging.reasons import NotStored
from addon.report.table import log_report, render_report
from tests.addon.report.verdicts import report_with_tests


def _counts(*hosts: str) -> RunCounts:
    counts = RunCounts(run="r", mode="read-write")
    for n, host in enumerate(hosts, 1):
        row = counts.host(host)
        row.requests, row.hits, row.misses, row.stored, row.refused = 10 * n, 4 * n, 3 * n, 2 * n, n
        row.bypassed, row.errors, row.saved_seconds = n, 7 * n, 61.0
        row.hit_bytes, row.live_bytes, row.live_seconds = 1000 * n, 500 * n, 2.0
    return counts


def _cells(report: str, name: str) -> list[str]:
    return next(line for line in report.splitlines() if line.startswith(name)).split()


def test_a_row_per_host_and_one_for_all() -> None:
    """Every count stands under its heading, with the sum below."""
    report = render_report(_counts("a.example", "b.example"))
    assert report.splitlines()[0] == "provider-proxy, mode read-write, 30 requests, 57.1 % hits"
    assert _cells(report, "host") == [
        "host",
        "requests",
        "hits",
        "misses",
        "stored",
        "refused",
        "bypassed",
        "errors",
        "live",
        "saved",
    ]
    assert _cells(report, "a.example")[1:] == [
        "10",
        "4",
        "3",
        "2",
        "1",
        "1",
        "7",
        "2.0",
        "s",
        "1.0",
        "min",
    ]
    assert _cells(report, "b.example")[1:] == [
        "20",
        "8",
        "6",
        "4",
        "2",
        "2",
        "14",
        "2.0",
        "s",
        "1.0",
        "min",
    ]
    assert _cells(report, "all")[1:] == [
        "30",
        "12",
        "9",
        "6",
        "3",
        "3",
        "21",
        "4.0",
        "s",
        "2.0",
        "min",
    ]


def test_one_host_needs_no_sum() -> None:
    """The row says it all."""
    assert "all" not in render_report(_counts("a.example")).split()


def test_a_run_without_requests_has_no_table() -> None:
    """Only the first line is left."""
    assert render_report(RunCounts(run="r", mode="off")) == "provider-proxy, mode off, 0 requests\n"


def test_what_went_by_is_said_below() -> None:
    """Reasons, tunnelled hosts, distrusting clients and faults have a line each, in order of name."""
    counts = _counts("a.example")
    counts.host("a.example").not_stored.update({NotStored.STATUS: 2, NotStored.MODE: 1})
    counts.tunnelled.update({"z.example": 1, "b.example": 2})
    counts.tls_refused["c.example"] += 3
    counts.cache_faults["write"] += 4
    lines = render_report(counts).splitlines()
    assert lines[-4:] == [
        "not stored: mode \u00d71, status \u00d72",
        "tunnelled: b.example 2, z.example 1",
        "CA not trusted by clients of: c.example 3",
        "cache faults: write 4",
    ]


def test_a_replaying_run_without_requests_warns() -> None:
    """In its last line, with what to check; nothing else would tell that the client went live."""
    last = render_report(RunCounts(run="r", mode="read-only-require-hit")).splitlines()[-1]
    assert last.startswith("warning: no request reached the proxy, so nothing was replayed; check with `")
    assert "doctor -- COMMAND" in last
    counts = RunCounts(run="r", mode="read-only-require-hit")
    counts.host("a.example").requests = 1
    assert "warning" not in render_report(counts)


@pytest.mark.parametrize("host", ["[/bold]", "[red]x[/red]", "[::1]", ":smile:", "[link=http://x]"])
def test_a_host_is_never_taken_for_markup(host: str) -> None:
    """Host names come from clients: brackets are brackets, and none of them breaks the report."""
    counts = _counts(host)
    counts.tunnelled[host] += 1
    report = render_report(counts)
    assert _cells(report, host)[1] == "10"
    assert report.splitlines()[-1] == f"tunnelled: {host} 1"


def test_a_report_from_a_file_is_the_same() -> None:
    """`stop` renders what the background proxy wrote."""
    counts = _counts("a.example", "b.example")
    assert render_report(counts.as_dict()) == render_report(counts)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (-2.0, "-2.0 s"), (90, "1.5 min"), (5400, "1.5 h")],
)
def test_times_have_a_unit(seconds: float, text: str) -> None:
    """Seconds, minutes or hours, whichever reads best."""
    counts = _counts("a.example")
    counts.host("a.example").saved_seconds = seconds
    assert _cells(render_report(counts), "a.example")[-2:] == text.split()


def test_a_long_host_name_is_not_cut() -> None:
    """The table is as wide as its hosts."""
    host = "a-rather-long-resource-name-in-one-region.openai.azure.com"
    assert host in render_report(_counts(host))


def test_the_log_gets_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    """Inside stock mitmproxy the table goes to its log; a percent sign in a name does no harm."""
    with caplog.at_level(logging.INFO):
        log_report(_counts("%s.example"))
    assert [record.getMessage() for record in caplog.records] == render_report(
        _counts("%s.example")
    ).splitlines()


def _missed(counts: RunCounts, key: str, nearest: str | None = "pp1-near", **more: object) -> None:
    why = {"key": key, "place": "POST a.example/v1", "nearest": nearest, "recorded_at": None, "shared_messages": 0,
           "differences": [], "more": False, "note": "", "remedy": "", "question": "Who wrote Hamlet?"}  # fmt: skip
    counts.miss(key, why | more, f"nearest recorded: {nearest}")


def test_a_miss_is_said_with_what_follows_from_it() -> None:
    """One line for its place and one for why; later ones are counted, not listed."""
    counts = _counts("a.example")
    _missed(counts, "pp1-first-key")
    counts.miss("pp1-second", {}, "", root="pp1-first-key")
    counts.miss("pp1-third", {}, "", root="pp1-first-key")
    lines = render_report(counts).splitlines()
    assert lines[-2:] == [
        "miss pp1-first-ke… POST a.example/v1 “Who wrote Hamlet?” (2 later misses follow from it)",
        "  nearest recorded: pp1-near",
    ]


def test_a_miss_is_not_compared_with_its_own_run() -> None:
    """In a first recording there is nothing to compare with; what was recorded earlier is named."""
    counts = _counts("a.example")
    _missed(counts, "pp1-own-run", recorded_at=counts.started_at + 1)
    assert "pp1-own-run" not in render_report(counts)
    _missed(counts, "pp1-earlier", recorded_at=counts.started_at - 1)
    assert "miss pp1-earlier" in render_report(counts)
    assert "miss pp1-own-run" in render_report(counts.as_dict() | {"mode": "read-only-require-hit"})


def test_a_miss_with_nothing_near_is_not_listed() -> None:
    """A first recording misses everywhere: the count says it all. Where nothing may be sent, it says what to do."""
    counts = _counts("a.example")
    for key in ("pp1-first", "pp1-second"):
        counts.miss(key, {"nearest": None}, "nothing is recorded for a.example. Record it")
    counts.miss("pp1-second", {"nearest": None}, "nothing is recorded for a.example. Record it")
    assert "Record it" not in render_report(counts)
    run = counts.as_dict() | {"mode": "read-only-require-hit"}
    assert render_report(run).splitlines()[-1] == "3 misses: Nothing is recorded for a.example. Record it"


def test_failed_gates_come_last() -> None:
    """The failed gates are the last lines."""
    counts = _counts("a.example")
    counts.failed_gates = ["--max-misses 0: there were 3 misses"]
    assert render_report(counts).splitlines()[-1] == "gate failed: --max-misses 0: there were 3 misses"


def test_the_state_of_a_second_tier_is_said() -> None:
    """The report has a line on the second tier only if there is one."""
    counts = RunCounts("run", "read-write")
    assert "second tier" not in render_report(counts)
    counts.second_tier = "unhealthy"
    assert "second tier: unhealthy" in render_report(counts)


def test_columns_of_zeros_are_left_out() -> None:
    """The usual table fits into 80 columns; a rare count has its column as soon as there is one."""
    counts = RunCounts("r", "read-write")
    row = counts.host("generativelanguage.googleapis.com")
    row.requests, row.hits, row.misses, row.hit_bytes, row.live_seconds = 1234, 1200, 34, 99_900_000, 3599.0
    report = render_report(counts)
    assert report.splitlines()[0].endswith("1234 requests, 97.2 % hits")
    assert max(map(len, report.splitlines())) <= 80
    assert "errors" not in report
    row.errors = 1
    assert "errors" in render_report(counts)


def test_failures_are_told_by_status_and_reason() -> None:
    """An error of the provider, an unreachable one and a client that left are told apart."""
    counts = RunCounts("r", "read-write")
    counts.host("a").failures.update({"429": 9, NotStored.UNREACHABLE: 2, NotStored.CLIENT_LEFT: 1})
    expected = "live requests without success: 429 \u00d79, client-left \u00d71, unreachable \u00d72"
    assert expected in render_report(counts).splitlines()
    counts.host("a").not_stored.update({"status 429": 8, NotStored.UNREACHABLE: 2})
    lines = render_report(counts).splitlines()
    assert (
        "live requests without success: 429 \u00d71, client-left \u00d71" in lines
    )  # the others are named once
    counts.host("a").not_stored.update({"status 429": 1, NotStored.CLIENT_LEFT: 1})
    assert "without success" not in render_report(counts)


def test_a_table_by_test() -> None:
    """Tests to look at have a row, the others are counted in a line; a miss names its test. No name acts."""
    report = render_report(report_with_tests())
    lines = report.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("test "))
    assert lines[at].split() == ["test", "hits", "misses", "folded", "stored", "live", "cost"]
    assert lines[at + 1].split() == ["tests/test_a.py::test_missed", "0", "2", "1", "0", "0.0", "s", "$0"]
    assert "1 test answered from the cache alone" in lines
    assert "  asked by tests/test_a.py::test_missed and 1 more test" in lines
    assert "\x1b" not in report
    assert not any(line.startswith("::") for line in lines)
    assert "tests/test_b.py::test_quiet" not in report
    assert "tests/test_b.py::test_quiet" in render_report(report_with_tests(), every_test=True)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_fits_a_terminal(width: int) -> None:
    """Long host names are cut, and columns that are mostly empty become a line, before a row is wrapped."""
    counts = _counts(
        "generativelanguage.googleapis.com", "bedrock-runtime.us-east-1.amazonaws.com", "a.example"
    )
    lines = render_report(counts, width).splitlines()
    table = lines[1 : 6 if width == 140 else 7]
    assert max(map(len, table)) <= width
    assert ("bedrock-runtime.us-east-1.amazonaws.com" in table[2]) is (width > 60)
    assert ("…" in table[2]) is (width == 60)
    assert ("stored 12, refused 6, bypassed 6, errors 42" in table) is (width < 140)
