"""Which format a file or directory is in, told by its name."""

from __future__ import annotations

import enum
import re
from itertools import islice
from pathlib import Path

from cache_store.disk.safe_disk import DATABASE
from cache_store.errors import UsageError

__all__ = ["WRITTEN", "Format", "format_of", "format_to_write"]

_TENSORZERO = re.compile(r"[^/]+-[0-9a-f]{64}")
_LOOKED_AT = 1000  # names of a directory


class Format(enum.StrEnum):
    """The formats by the names that `--format` takes."""

    PACK = "pack"
    DIR = "dir"
    CACHE = "cache"
    TENSORZERO = "tensorzero"
    VCR = "vcr"
    HAR = "har"
    FLOWS = "flows"


WRITTEN = (Format.PACK, Format.DIR, Format.TENSORZERO)
"""What `export` writes."""

_SUFFIXES = {
    ".ppack": Format.PACK, ".har": Format.HAR, ".yaml": Format.VCR, ".yml": Format.VCR, ".json": Format.VCR,
    ".flow": Format.FLOWS, ".flows": Format.FLOWS, ".mitm": Format.FLOWS, ".dump": Format.FLOWS,
}  # fmt: skip


def format_of(path: Path) -> Format:
    """The format of something to import. Raises UsageError where its name does not tell."""
    if path.is_dir():
        if (path / DATABASE).exists():
            return Format.CACHE
        names = [child.name for child in islice(path.iterdir(), _LOOKED_AT)]
        theirs = any(_TENSORZERO.fullmatch(name) for name in names)
        return Format.TENSORZERO if theirs else Format.DIR
    return _by_suffix(path, tuple(Format))


def format_to_write(path: Path) -> Format:
    """The format of something to export: by its suffix; a name without one is a directory."""
    if path.is_dir() or not path.suffix:
        return Format.DIR
    kind = _by_suffix(path, WRITTEN)
    if kind not in WRITTEN:
        raise UsageError(f"{path}: {kind} is read only; export writes {', '.join(WRITTEN)}")
    return kind


def _by_suffix(path: Path, offered: tuple[Format, ...]) -> Format:
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: its name does not tell its format; give --format {'|'.join(offered)}")
    return kind
