"""The last verdicts of `drift`, in the folder `.provider-proxy`, for the page.

The file holds keys, times, verdicts and reasons. A reason has its values only where the answer changed, without
credentials, as in the report of `drift`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from addon.report.drift_text import reason_text
from addon.settings.state_folder import make_state_folder
from cache_store.atomic_file import replace_file
from cache_store.plain_files import read_plain

__all__ = ["KeptVerdict", "keep_verdicts", "read_verdicts"]

_VERDICTS = ("same", "benign", "changed")
"""Those that say something about a recording."""

_NAME = "drift.json"
_VERSION = 1
_LARGEST = 16 * 1024 * 1024  # bytes
_MOST = 5000
_REASONS = 5
_LONGEST = 300  # characters


class KeptVerdict(NamedTuple):
    """The verdict on the recording of `recorded_at`, which was compared at `at`, both in Unix seconds."""

    verdict: str
    at: float
    recorded_at: float
    reasons: tuple[str, ...]

    @classmethod
    def read(cls, value: Any) -> Self:
        """Of a value that anyone may have written. Raises ValueError, LookupError or TypeError."""
        verdict, at, recorded_at, reasons = value
        is_known = isinstance(verdict, str) and verdict in _VERDICTS and isinstance(reasons, list)
        if not (is_known and math.isfinite(at) and math.isfinite(recorded_at)):
            raise ValueError("this is not a verdict")
        texts = tuple(reason[:_LONGEST] for reason in reasons[:_REASONS] if isinstance(reason, str))
        return cls(verdict, float(at), float(recorded_at), texts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"verdict": self.verdict, "at": self.at, "reasons": list(self.reasons)}


def keep_verdicts(folder: Path, rows: Iterable[Mapping[str, Any]], at: float) -> None:
    """Add the verdicts of a report's `entries`, made at `at`, to those in `folder`. The latest 5,000 stay.

    A request that got no answer keeps its last verdict. Raises OSError.
    """
    kept = read_verdicts(folder)
    for row in rows:
        if row["verdict"] in _VERDICTS:
            reasons = [_text(reason)[:_LONGEST] for reason in row["reasons"][:_REASONS]]
            kept.pop(row["key"], None)
            kept[row["key"]] = KeptVerdict(row["verdict"], at, row["recorded_at"], tuple(reasons))
    latest = dict(list(kept.items())[-_MOST:])
    make_state_folder(folder)
    text = json.dumps({"version": _VERSION, "verdicts": latest})
    replace_file(folder / _NAME, text.encode(), 0o600)


def read_verdicts(folder: Path) -> dict[str, KeptVerdict]:
    """The verdicts by key, the oldest first; of a file that cannot be used, none."""
    try:
        found = json.loads(read_plain(folder / _NAME, _LARGEST))
        if found["version"] != _VERSION:
            return {}
        return {key: KeptVerdict.read(value) for key, value in list(found["verdicts"].items())[-_MOST:]}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _text(reason: Mapping[str, Any]) -> str:
    return reason_text({**reason, "old": None, "new": None} if reason["benign"] else reason)
