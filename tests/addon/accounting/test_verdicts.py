"""What one attempt of a test did."""

from __future__ import annotations

from typing import Any

import pytest

from addon.accounting.verdicts import Verdict, merged


def test_a_miss_is_explained_later() -> None:
    """Until then its line and pointer are empty; many are counted and not listed. Every change is marked."""
    verdict = Verdict("gw0", "a")
    explained = [verdict.miss(str(number)) for number in range(60)]
    verdict.changed = False
    explained[0]("a line", "/messages/0", folded=True)
    explained[59]("nowhere", "", folded=False)
    assert verdict.changed
    found = verdict.as_dict()
    assert found["misses"][0] == {"key": "0", "pointer": "/messages/0", "line": "a line", "folded": True}
    assert found["misses"][1] == {"key": "1", "pointer": "", "line": "", "folded": False}
    assert (len(found["misses"]), found["more_misses"]) == (50, 10)


def test_what_was_used_and_what_was_not_stored() -> None:
    """An entry that was only recorded has no hits yet."""
    verdict = Verdict("gw0", "a")
    verdict.use("k", 0)
    verdict.use("k", 2)
    verdict.end(None)
    verdict.end("secret")
    found = verdict.as_dict()
    assert (found["entries"], found["stored"], found["not_stored"]) == ({"k": 2}, 1, {"secret": 1})


def test_the_clients_of_an_attempt_are_added_up() -> None:
    """Attempts stay apart; the sum of misses keeps the bound."""
    one, other, again = Verdict("gw0", "a"), Verdict("gw1", "a", file="a.py", line=3), Verdict("gw0", "a", 2)
    for verdict, hits in ((one, 1), (other, 2), (again, 4)):
        verdict.hits = hits
        verdict.use("k", hits)
        for number in range(30):
            verdict.miss(str(number))
    one.faults.update(reset=2)
    other.faults.update(reset=1, stall=1)
    other.coarse = True
    rows = merged([one.as_dict(), other.as_dict(), again.as_dict()])
    assert [(row["attempt"], row["hits"], row["entries"], row["coarse"]) for row in rows] == [
        (1, 3, {"k": 3}, True),
        (2, 4, {"k": 4}, False),
    ]
    assert (len(rows[0]["misses"]), rows[0]["more_misses"]) == (50, 10)
    assert (rows[0]["client"], rows[0]["file"], rows[0]["line"]) == ("", "a.py", 3)
    assert [row["faults"] for row in rows] == [{"reset": 3, "stall": 1}, {}]
    assert one.as_dict()["hits"] == 1


@pytest.mark.parametrize(
    ("parts", "usd"),
    [
        ([0.0, 0.0], 0.0),
        ([0.5, 0.0], 0.5),
        ([0.5, 0.25], 0.75),
        ([None, 0.0], None),
        ([0.0, None], None),
        ([None, 0.5], 0.5),
        ([None, None], None),
    ],
)
def test_money_that_is_not_known_is_never_free(parts: list[float | None], usd: float | None) -> None:
    """A sum has what is known; null if nothing is."""
    rows: list[dict[str, Any]] = [Verdict("w", "a").as_dict() | {"usd": part} for part in parts]
    assert merged(rows)[0]["usd"] == usd
