"""What the page lists of a cache."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.page.cache_view import entries_page, rows_of
from addon.report.drift_verdicts import KeptVerdict
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore


def _entry(number: int, host: str = "a.example", size: int = 10) -> Entry:
    saved = {
        "body": {"kind": "json", "value": {"messages": [{"role": "user", "content": f"question {number}"}]}}
    }
    label = {"method": "POST", "host": host, "path": "/v1", "model": f"m{number % 2}"}
    return Entry(
        f"pp2-{number}",
        200,
        "OK",
        (),
        b"x" * size,
        1000.0 + number,
        1.0,
        "run",
        label,
        request_json=json.dumps(saved).encode(),
    )


def _rows() -> list[dict[str, Any]]:
    store = MemoryStore()
    for number in range(5):
        store.put(_entry(number, "b.example" if number == 4 else "a.example", 10 * number))
    return rows_of(store, {})


def test_the_rows_of_a_directory(tmp_path: Path) -> None:
    """Stored sizes come without reading bodies, also of those that lie in files of their own."""
    store = DiskStore(tmp_path)
    for number, size in ((0, 10), (1, 200_000)):
        store.put(_entry(number, size=size))
    rows = rows_of(store, store.stored_sizes())
    assert [(row["key"], row["question"]) for row in rows] == [
        ("pp2-0", "question 0"),
        ("pp2-1", "question 1"),
    ]
    assert 10 < rows[0]["size"] < 1000 < 200_000 < rows[1]["size"]
    assert rows_of(store, {}, lambda: True) == []
    store.close()


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ({}, "0 1 2 3 4"),
        ({"host": "b.example"}, "4"),
        ({"model": "m1"}, "1 3"),
        ({"text": "QUESTION 2"}, "2"),
        ({"test": "test_a"}, "0"),
        ({"unused": "1"}, "1 2 3 4"),
        ({"drift": "changed"}, "1"),
        ({"drift": "none"}, "0 2 3 4"),
        ({"sort": "newest"}, "4 3 2 1 0"),
        ({"sort": "largest"}, "4 3 2 1 0"),
        ({"sort": "used"}, "0 1 2 3 4"),
        ({"sort": "nonsense", "offset": "3"}, "3 4"),
        ({"offset": "-1"}, "0 1 2 3 4"),
        ({"offset": "9" * 50}, "0 1 2 3 4"),
    ],
)
def test_entries_are_chosen_and_sorted(wanted: dict[str, str], keys: str) -> None:
    """By host, model, test, words, use, drift; a value that makes no sense is left out.

    A verdict on an older recording says nothing of this one.
    """
    verdicts = {
        "pp2-1": KeptVerdict("changed", 2000.0, 1001.0, ()),
        "pp2-2": KeptVerdict("same", 2000.0, 1.0, ()),
    }
    page = entries_page(_rows(), wanted, {"pp2-0": ["tests/test_a.py::test_a"]}, {"pp2-0": 2}, verdicts)
    assert " ".join(row["key"].removeprefix("pp2-") for row in page["rows"]) == keys
    assert (page["entries"], page["hosts"]) == (5, [["a.example", 4], ["b.example", 1]])
    assert page["drifts"] == [["changed", 1]]
    assert all("shown" not in row for row in page["rows"])


def test_a_page_is_bounded() -> None:
    """The rest is on the next one."""
    rows = [dict(_rows()[0], key=f"pp2-{number}") for number in range(450)]
    assert [len(entries_page(rows, {"offset": str(at)}, {}, {}, {})["rows"]) for at in (0, 200, 400)] == [
        200,
        200,
        50,
    ]


def test_a_picture_is_no_part_of_the_question() -> None:
    """Its base64 says nothing to a reader."""
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 999}"}},
    ]
    saved = {"body": {"kind": "json", "value": {"messages": [{"role": "user", "content": parts}]}}}
    store = MemoryStore()
    store.put(replace(_entry(1), request_json=json.dumps(saved).encode()))
    assert [row["question"] for row in rows_of(store, {})] == ["What is this?"]
