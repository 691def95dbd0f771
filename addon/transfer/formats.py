"""Tells the format of a file or directory from its name."""

from __future__ import annotations

import enum
import re
from itertools import islice
from pathlib import Path

from cache_store.disk.database_check import DATABASE
from cache_store.errors import UsageError

__all__ = ["TENSORZERO_FILE", "WRITTEN", "Format", "by_suffix", "format_of", "format_to_write"]

TENSORZERO_FILE = re.compile(r"[A-Za-z0-9._\[\]:-]+-[0-9a-f]{64}")
"""Names of the files in a cache of TensorZero's provider-proxy: host and SHA-256."""

_MAX_NAMES = 1000  # names of a directory that are looked at


class Format(enum.StrEnum):
    """The formats, named as `--format` takes them."""

    PACK = "pack"
    DIR = "dir"
    CACHE = "cache"
    TENSORZERO = "tensorzero"
    VCR = "vcr"
    HAR = "har"
    FLOWS = "flows"


WRITTEN = (Format.PACK, Format.DIR)
"""The formats that `export` writes."""

_SUFFIXES = {
    ".ppack": Format.PACK,
    ".har": Format.HAR,
    ".yaml": Format.VCR,
    ".yml": Format.VCR,
    ".json": Format.VCR,
    ".flow": Format.FLOWS,
    ".flows": Format.FLOWS,
    ".mitm": Format.FLOWS,
    ".dump": Format.FLOWS,
}


def format_of(path: Path) -> Format:
    """The format of a file or directory to import. Raises UsageError if its name does not tell."""
    if path.is_dir():
        if (path / DATABASE).exists():
            return Format.CACHE
        names = [child.name for child in islice(path.iterdir(), _MAX_NAMES)]
        is_tensorzero = any(TENSORZERO_FILE.fullmatch(name) for name in names)
        return Format.TENSORZERO if is_tensorzero else Format.DIR
    return _by_suffix(path, tuple(Format))


def format_to_write(path: Path) -> Format:
    """The format to export to: told by the suffix; a name without a suffix is a directory.

    Raises UsageError for a format that is only read.
    """
    if path.is_dir() or not path.suffix:
        return Format.DIR
    kind = _by_suffix(path, WRITTEN)
    if kind not in WRITTEN:
        raise UsageError(f"{path}: {kind} can only be imported; export writes {', '.join(WRITTEN)}")
    return kind


def by_suffix(path: Path) -> Format | None:
    """The format that a file's name tells; None if it tells none."""
    name = path.name.lower()
    return _SUFFIXES.get(path.suffix.lower()) if not name.endswith(".yaml.gz") else Format.VCR


def _by_suffix(path: Path, offered: tuple[Format, ...]) -> Format:
    kind = by_suffix(path)
    if kind is None:
        raise UsageError(f"{path}: the name does not tell the format; add --format {'|'.join(offered)}")
    return kind
