"""Globs of tests."""

from __future__ import annotations

import pytest

from addon.scopes.globs import fits_any


@pytest.mark.parametrize(
    ("test", "glob", "fits"),
    [
        ("tests/test_a.py::test_b[1]", "tests/test_a.py::test_b[1]", True),
        ("tests/test_a.py::test_b[1]", "tests/test_a.py::*", True),
        ("tests/test_a.py::test_b[1]", "*test_b*", True),
        ("tests/test_a.py::test_b[1]", "*test_c*", False),
        ("tests/test_a.py::test_B", "*test_b", False),
    ],
)
def test_one_glob(test: str, glob: str, *, fits: bool) -> None:
    """A parametrised test is named as pytest prints it; case counts."""
    assert fits_any(test, ["nothing", glob]) is fits
