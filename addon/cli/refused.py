"""`ls --refused`: lists the answers that earlier runs did not store, each with its reason and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

from addon.accounting.figures import plural
from addon.cli.filters import Filter
from addon.cli.keys import short_key
from addon.cli.output import print_fields, print_json, say
from addon.cli.showing import time_text
from addon.exchange.refused_answers import read_refused
from cache_store.entry import Entry

__all__ = ["list_refused"]


def list_refused(folder: Path | None, wanted: Filter, now: float, *, as_json: bool) -> None:
    """Print the refused answers that `folder` notes and whose requests are `wanted`; `now` is Unix seconds.

    They have no body, so a size is that of nothing and no text is found in them.
    """
    found = {
        key: refused
        for key, refused in read_refused(folder).items()
        if wanted.matches(Entry(key, refused.status, "", (), b"", refused.at, 0.0, "", refused.label), now)
    }
    if as_json:
        print_json(
            [
                {
                    "key": key,
                    **item.label,
                    "at": item.at or None,
                    "reason": str(item.reason),
                    "status": item.status or None,
                    "advice": item.advice,
                    "test": item.test,
                }
                for key, item in found.items()
            ]
        )
        return
    if sys.stdout.isatty():
        for key, item in found.items():
            say(f"{short_key(key)}  {item.place}")
            say(f"  {item.why}; {item.advice}" + (f" (asked by {item.test})" if item.test else ""))
    else:
        print_fields(
            (
                key,
                time_text(item.at) if item.at else "",
                item.why,
                *(item.label.get(name, "") for name in ("method", "host", "path", "model")),
                item.advice,
                item.test,
            )
            for key, item in found.items()
        )
    say(plural(len(found), "refused answer"), err=True)
