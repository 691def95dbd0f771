"""One difference between a recorded answer and today's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Reason"]


@dataclass(frozen=True, slots=True)
class Reason:
    """What differs, and where: a JSON Pointer into the answer, after `event KIND` in a stream, or `header NAME`.

    `old` is what was recorded, `new` what came today, both as short text; None where there is nothing. A benign
    difference is one that a program cannot notice by the answer's form.
    """

    what: str
    place: str
    old: str | None = None
    new: str | None = None
    is_benign: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "what": self.what,
            "place": self.place,
            "old": self.old,
            "new": self.new,
            "benign": self.is_benign,
        }
