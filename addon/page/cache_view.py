"""What the page lists of a cache: a page of its entries, filtered and sorted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from addon.printing import program
from addon.report.drift_verdicts import KeptVerdict
from cache_store.answers import bounded_json
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.nearest.sketch import question_of
from cache_store.store import Store

__all__ = ["entries_page", "rows_of"]

_QUESTION = 160  # characters
_LONGEST_READ = 32 * 1024  # bytes of a request whose question is looked for
_DATA = re.compile(r"data:[\w.+/-]{1,100};base64,\S*")
_MOST_ROWS = 200
_MOST_NAMES = 200
_LONGEST_NAME = 200
_SHOWN = ("key", "method", "host", "path", "model", "status", "size", "recorded_at", "question")
_ORDERS: dict[str, tuple[str, bool]] = {
    "newest": ("recorded_at", True),
    "oldest": ("recorded_at", False),
    "largest": ("size", True),
    "host": ("host", False),
    "model": ("model", False),
    "used": ("used", True),
}


def rows_of(
    store: Store, sizes: Mapping[str, int], is_over: Callable[[], bool] = lambda: False
) -> list[dict[str, Any]]:
    """A row for each entry that can be read, in the order of recording. May raise StoreError.

    Bodies are not read where the store has `head`; `sizes` are the stored sizes by key. It ends early once it
    `is_over`.
    """
    read = getattr(store, "head", store.get)
    rows = []
    for key in store.keys():  # noqa: SIM118 - a store is not a dict
        if is_over():
            break
        try:
            entry = read(key)
        except EntryError:
            continue  # `verify` lists it
        if entry is not None:
            rows.append(_row(entry, sizes.get(key, entry.size)))
    return rows


def entries_page(
    rows: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, str],
    tests: Mapping[str, Sequence[str]],
    used: Mapping[str, int],
    verdicts: Mapping[str, KeptVerdict],
) -> dict[str, Any]:
    """The rows that fit, from `offset` on.

    `wanted` may have `host`, `model`, `test`, `text` (looked for in what a row shows), `unused` (1), `drift` (a
    verdict, or `none`), `sort` and `offset`. `tests` are the names of those that used each entry in the run, `used`
    how often each was used, and `verdicts` the last ones of `drift`.
    """
    offset = (
        int(wanted["offset"]) if wanted.get("offset", "").isdecimal() and len(wanted["offset"]) < 10 else 0
    )
    drifts = {row["key"]: _drift(row, verdicts) for row in rows} if verdicts else {}
    fitting = [
        row
        for row in rows
        if _fits(row, wanted, tests, used)
        and wanted.get("drift", "") in ("", drifts.get(row["key"], "") or "none")
    ]
    if order := _ORDERS.get(wanted.get("sort", "")):
        name, reverse = order
        value = (lambda row: used.get(row["key"], 0)) if name == "used" else (lambda row: row[name])
        fitting.sort(key=value, reverse=reverse)
    shown = [
        {name: row[name] for name in _SHOWN}
        | {"used": used.get(row["key"], 0), "tests": len(tests.get(row["key"], ()))}
        | {"drift": drifts.get(row["key"], "")}
        for row in fitting[offset : offset + _MOST_ROWS]
    ]
    return {
        "rows": shown,
        "offset": offset,
        "count": len(fitting),
        "size": sum(row["size"] for row in fitting),
        "entries": len(rows),
        "hosts": _names(row["host"] for row in rows),
        "models": _names(row["model"] for row in rows),
        "drifts": _names(drifts.values()),
        "commands": [f"{program()} prune --unused-since 30d --dry-run"],
    }


def _fits(
    row: Mapping[str, Any],
    wanted: Mapping[str, str],
    tests: Mapping[str, Sequence[str]],
    used: Mapping[str, int],
) -> bool:
    text = wanted.get("text", "").lower()
    test = wanted.get("test", "").lower()
    return (
        wanted.get("host", "") in ("", row["host"])
        and wanted.get("model", "") in ("", row["model"])
        and (not text or text in row["shown"])
        and (not test or any(test in name.lower() for name in tests.get(row["key"], ())))
        and (wanted.get("unused") != "1" or row["key"] not in used)
    )


def _drift(row: Mapping[str, Any], verdicts: Mapping[str, KeptVerdict]) -> str:
    """The verdict on this recording; '' if there is none, or only one on an older recording."""
    kept = verdicts.get(row["key"])
    return kept.verdict if kept is not None and kept.recorded_at == row["recorded_at"] else ""


def _names(names: Iterable[str]) -> list[list[Any]]:
    """The most frequent names, each with its number."""
    return [[name, count] for name, count in Counter(names).most_common(_MOST_NAMES) if name]


def _row(entry: Entry, size: int) -> dict[str, Any]:
    label = {name: entry.label.get(name, "")[:_LONGEST_NAME] for name in ("method", "host", "path", "model")}
    question = _question(entry)
    return {
        "key": entry.key,
        **label,
        "status": entry.status,
        "size": size,
        "recorded_at": entry.recorded_at,
        "question": question,
        "shown": "\n".join((entry.key, *label.values(), question)).lower(),
    }


def _question(entry: Entry) -> str:
    """The first words of what the request asks; '' if it is long or not JSON."""
    if len(entry.request_json) > _LONGEST_READ:
        return ""
    try:
        saved = bounded_json.loads(entry.request_json)
    except ValueError:
        return ""
    body = saved.get("body") if isinstance(saved, dict) else None
    value = body.get("value") if isinstance(body, dict) else None
    return " ".join(_DATA.sub("", question_of(value)[: 4 * _QUESTION]).split())[:_QUESTION]
