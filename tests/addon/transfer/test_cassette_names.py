"""Which cassette belongs to which test."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.transfer.cassette_names import tests_by_cassette as by_cassette

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("test", "cassette"),
    [
        ("tests/test_a.py::test_b", "tests/cassettes/test_a/test_b.yaml"),
        ("tests/test_a.py::TestC::test_b", "tests/cassettes/test_a/TestC.test_b.yaml"),
        ("tests/test_a.py::TestO::TestI::test_b", "tests/cassettes/test_a/TestI.test_b.yaml"),
        ("tests/test_a.py::test_b[a::b/c?-1]", "tests/cassettes/test_a/test_b[a--b-c--1].yaml"),
        ("tests/models/test_a.py::test_b", "tests/models/cassettes/test_a/test_b.yaml"),
        ("tests/test_a.py::TestC::test_b", "tests/cassettes/TestC.test_b.yaml"),
        ("tests/integration_tests/test_a.py::TestC::test_b", "tests/cassettes/TestC.test_b.yaml.gz"),
        ("test_a.py::test_b", "cassettes/test_b.yml"),
    ],
)
def test_the_layouts_of_recorders(test: str, cassette: str) -> None:
    """pytest-recording's, pytest-vcr's, pydantic-ai's and langchain's."""
    found = by_cassette(["", f"{test}\n", "1 test collected in 0.01s"], ROOT)
    assert found[ROOT / cassette] == [test]


def test_two_tests_of_one_file() -> None:
    """Both get it; an id that is listed twice counts once."""
    ids = ["tests/test_a.py::test_b", "tests/test_c.py::test_b", "tests/test_a.py::test_b"]
    assert by_cassette(ids, ROOT)[ROOT / "tests/cassettes/test_b.yaml"] == ids[:2]
