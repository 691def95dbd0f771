"""Tables and the README's block, from a result made up for it."""

from __future__ import annotations

from tests.bench import names
from tests.bench.readme import drawn, rendered
from tests.bench.test_figures import RESULT
from tests.bench.words import goal_table, setting, tables

ABOUT = {
    "mode": "full",
    "rounds": 3,
    "machine": {"cpu": "A Processor", "cores": 2, "memory_gb": 24, "system": "Linux 6", "python": "3.13.0",
                "openssl": "3.0"},
    "versions": {"provider-proxy": "0.1.0 (abc)", "mitmproxy": "12.2.3"},
}  # fmt: skip
HITS_TITLE = "Hits (CPU: the peer's for one answer; generator: its share of one core)"
HITS = ABOUT | {"hits": RESULT["hits"]}


def test_the_setting_names_machine_versions_and_rounds() -> None:
    """In one line."""
    said = setting(ABOUT)
    assert said.startswith(
        "A Processor, 2 cores (the load generator runs on them too), 24 GB, Linux 6, Python 3.13.0"
    )
    assert said.endswith(" OpenSSL 3.0; provider-proxy 0.1.0 (abc), mitmproxy 12.2.3; full mode, 3 rounds")


def test_a_table_has_a_row_for_every_cell_and_says_why_one_is_empty() -> None:
    """A door that a peer lacks is named; a figure is a median with its spread."""
    rows = dict(tables(HITS))[HITS_TITLE]
    assert len(rows) == 1 + len(RESULT["hits"]["cells"])
    assert rows[1][3:] == (
        names.OURS,
        "300 (270 to 500)",
        "10.0 (10.0 to 10.0)",
        "8.00 (8.00 to 8.00)",
        "400 (400 to 400)",
        "10%",
    )
    assert rows[-1][3:5] == (names.LITELLM, "no such door")


def test_an_absent_peer_is_listed_with_its_reason() -> None:
    """Nothing is guessed for it."""
    assert (names.OURS_2, "absent: no such setting") in dict(tables(HITS))["Peers"]


def test_sections_that_were_not_measured_have_no_table() -> None:
    """Only what is in the result, and the goals."""
    assert [title for title, _ in tables(ABOUT | {"start": RESULT["start"], "hits": RESULT["hits"]})] == [
        "Peers", HITS_TITLE, "The load generator against nginx, 16 connections", "Start",
        "Must reach (medians of the rounds' ratios)",
    ]  # fmt: skip


def test_goals_say_yes_no_or_not_measured() -> None:
    """With the median of ratios and its spread."""
    rows = goal_table(ABOUT | RESULT)[1]
    assert rows[1] == (
        "hits/s, 2 KB, 16 connections, 1 worker",
        names.CONSTANT,
        "at least 3.50",
        "3.00",
        "2.00 to 3.00",
        "no",
    )
    assert rows[2][3:] == ("not measured", "", "")
    assert rows[3][-1] == "no"


def test_the_readmes_block_is_markdown_with_every_peer() -> None:
    """Rates by door, and against the same door of stock mitmdump."""
    lines = rendered(ABOUT | RESULT).splitlines()
    assert f"| {names.OURS} | 300 | 400 | 3.00 and 2.00 |" in lines
    assert f"| {names.LITELLM} | - | 20.0 | 0.10 |" in lines
    assert f"| {names.OURS_2} | - | - | absent |" in lines
    assert lines[0].startswith("![")


def test_the_picture_has_a_panel_for_each_door() -> None:
    """CONNECT and plain."""
    assert drawn(RESULT).count('class="title"') == 2
