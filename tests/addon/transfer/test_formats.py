"""Formats, told by names."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.transfer.formats import Format, format_of, format_to_write
from cache_store.errors import UsageError


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.ppack", Format.PACK), ("a.HAR", Format.HAR), ("a.yaml", Format.VCR), ("a.yml", Format.VCR),
     ("a.json", Format.VCR), ("a.flow", Format.FLOWS), ("a.mitm", Format.FLOWS)],
)  # fmt: skip
def test_a_file_is_told_by_its_suffix(name: str, kind: Format) -> None:
    """Case does not matter."""
    assert format_of(Path(name)) is kind


def test_a_directory_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    """A database, TensorZero's names, or anything else."""
    assert format_of(tmp_path) is Format.DIR
    (tmp_path / f"api.openai.com-{0:064x}").touch()
    assert format_of(tmp_path) is Format.TENSORZERO
    (tmp_path / "cache.db").touch()
    assert format_of(tmp_path) is Format.CACHE


def test_what_is_written(tmp_path: Path) -> None:
    """A name without a suffix is a directory; what is only read is refused."""
    assert format_to_write(Path("fixtures")) is Format.DIR
    assert format_to_write(tmp_path) is Format.DIR
    assert format_to_write(Path("a.ppack")) is Format.PACK
    with pytest.raises(UsageError):
        format_to_write(Path("a.har"))


def test_a_name_that_does_not_tell() -> None:
    """The message lists the formats to choose from: those that export writes, or all that import reads."""
    with pytest.raises(UsageError, match=r"--format pack\|dir$"):
        format_to_write(Path("a.zip"))
    with pytest.raises(UsageError, match=r"--format pack\|dir\|cache\|tensorzero\|vcr\|har\|flows$"):
        format_of(Path("a.zip"))
