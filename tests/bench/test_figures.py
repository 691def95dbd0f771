"""Medians, ratios and goals, from numbers made up for it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.bench import names
from tests.bench.figures import Goal, Spread, cell, goals, ratios, spread, standing


def _cell(peer: str, door: str, rate: list[float], p50: float = 10.0, p99: float = 20.0) -> dict[str, Any]:
    rounds = len(rate)
    return {
        "peer": peer, "door": door, "size": "2 KB", "connections": 16,
        "rate": rate, "p50": [p50] * rounds, "p99": [p99] * rounds, "cpu": [400.0] * rounds, "generator": [0.1] * rounds,
    }  # fmt: skip


RESULT: dict[str, Any] = {
    "hits": {
        "peers": {names.OURS: {}, names.OURS_2: {"absent": "no such setting"}, names.CONSTANT: {}, names.LITELLM: {}},
        "cells": [
            _cell(names.OURS, "CONNECT", [300.0, 270.0, 500.0], p99=8.0),
            _cell(names.CONSTANT, "CONNECT", [100.0, 90.0, 250.0]),
            _cell(names.REPLAY, "CONNECT", [150.0, 135.0, 250.0]),
            _cell(names.OURS, "plain", [400.0, 400.0, 400.0]),
            _cell(names.CONSTANT, "plain", [200.0, 200.0, 200.0]),
            _cell(names.LITELLM, "plain", [20.0, 20.0, 20.0]),
            {"peer": names.LITELLM, "door": "CONNECT", "size": "2 KB", "connections": 16, "left_out": "no such door"},
        ],
        "generator": [],
    },
    "streams": {"peers": {names.OURS: {"first": [2.0, 2.2]}, names.TEE: {"first": [2.0, 2.0]}}},
    "start": {names.OURS: [400.0, 400.0], names.STOCK: [500.0, 500.0]},
    "suite": {"proxy_cpu": [0.5, 1.0], "cpu": [10.0, 10.0]},
    "store": [{"entries": 0, "resident": [60, 60]}, {"entries": 100_000, "resident": [63, 63]}],
}  # fmt: skip


def _goal(what: str, against: str = "", result: dict[str, Any] = RESULT) -> Goal:
    return next(goal for goal in goals(result) if goal.what.startswith(what) and against in goal.against)


def test_a_spread_is_the_median_and_both_ends() -> None:
    """Not the mean: one slow round does not move it."""
    assert spread([3.0, 1.0, 100.0]) == Spread(3.0, 1.0, 100.0)


def test_ratios_are_taken_round_by_round() -> None:
    """A minute in which the machine is slow for both leaves the ratio as it is; a lacking round is an error."""
    assert ratios([300.0, 30.0], [100.0, 10.0]) == [3.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_a_cell_that_was_left_out_is_none() -> None:
    """As is one of a peer that is absent."""
    found = cell(RESULT, names.OURS, "plain")
    assert found is not None
    assert found["rate"] == [400.0] * 3
    assert cell(RESULT, names.LITELLM, "CONNECT") is None
    assert cell(RESULT, names.OURS_2, "CONNECT") is None


def test_standing_is_relative_to_the_same_door() -> None:
    """Each door has a baseline of its own."""
    assert standing(RESULT, "CONNECT") == {names.OURS: 3.0, names.CONSTANT: 1.0, names.REPLAY: 1.5}
    assert standing(RESULT, "plain") == {names.OURS: 2.0, names.CONSTANT: 1.0, names.LITELLM: 0.1}


def test_a_least_is_reached_from_above() -> None:
    """The median counts, not the best round."""
    assert _goal("hits/s, 2 KB, 16 connections, 1 worker").measured == Spread(3.0, 2.0, 3.0)
    assert _goal("hits/s, 2 KB, 16 connections, 1 worker").reached is False
    assert _goal("hits/s", names.LITELLM).reached is True
    assert _goal("hits/s", names.REPLAY).reached is False
    assert _goal("hits/s", names.LITELLM).measured == Spread(20.0, 20.0, 20.0)


def test_a_most_is_reached_from_below() -> None:
    """Tail, first byte, start, processor and memory."""
    reached = {goal.what: goal.reached for goal in goals(RESULT) if goal.at_most and goal.measured}
    assert reached == {
        "p99 of a hit, 2 KB, 16 connections": True,
        "first byte of a streamed miss": True,
        "start to ready": True,
        "proxy CPU of the realistic suite": True,
        "resident memory at 100,000 entries": True,
    }
    assert _goal("p99").measured == Spread(0.8, 0.8, 0.8)
    slow = copy.deepcopy(RESULT)
    slow["streams"]["peers"][names.OURS]["first"] = [3.0, 3.0]
    assert _goal("first byte", result=slow).reached is False


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    """A peer that is absent, and a section that was left out."""
    assert _goal("hits/s, 2 KB, 16 connections, 2 workers").reached is None
    part = {name: RESULT[name] for name in ("hits", "start")}
    assert _goal("first byte", result=part).measured is None
    assert _goal("resident memory", result=part).measured is None
    assert len(goals(part)) == len(goals(RESULT))


def test_growth_and_costs_are_compared_with_what_they_must_reach() -> None:
    """Large against small round by round, times against their limits; what was not measured says so."""
    commands = {"ls": 0.4, "push": 0.5}
    small = {"entries": 3_000, "start": [400.0, 500.0], "resident": [80, 80], "hit": [1.0, 1.0], "worst_miss": [9.0],
             "commands": commands}  # fmt: skip
    large = small | {
        "entries": 300_000,
        "start": [420.0, 540.0],
        "worst_miss": [50.0],
        "commands": commands | {"push": 2.0},
    }
    result = RESULT | {
        "growth": [small, large],
        "misses": {"2 KB": {names.OURS: [3.0], names.STOCK: [2.0]}},
        "calls": [
            {"size": "1 MB", "peer": names.OURS, "cpu": [6.0]},
            {"size": "1 MB", "peer": names.VCR, "cpu": [1.0]},
        ],
    }
    assert _goal("start at 300,000", result=result).measured == Spread(1.065, 1.05, 1.08)
    assert _goal("a miss with its explanation", result=result).reached is True
    assert _goal("first page of ls", result=result).measured == Spread(0.4, 0.4, 0.4)
    assert _goal("push of ten", result=result).reached is False
    assert _goal("CPU of a recorded miss, 2 KB", result=result).reached is True
    assert _goal("a hit of 1 MB", result=result).reached is False
    for what in (
        "CPU of a recorded miss, 50 events",
        "a new answer of 64 MB",
        "a hit of 2 KB",
        "run -- true",
    ):
        assert _goal(what, result=result).reached is None
    assert _goal("memory at 300,000").measured is None
