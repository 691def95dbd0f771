"""Short keys."""

from __future__ import annotations

import pytest

from addon.cli.keys import full_key, matches, short_key
from cache_store.errors import UsageError

A = "pp2-" + "77172b45" * 8
B = "pp2-" + "77172b46" * 8
VOLATILE = "pp2v-" + "0123abcd" * 8
TEST = "@" + "89abcdef" * 4


@pytest.mark.parametrize(
    ("key", "short"),
    [
        (A, "77172b45"),
        (f"{A}.2", "77172b45.2"),
        (f"{VOLATILE}{TEST}.12", "0123abcd@89abcdef.12"),
        ("something else", "somethin"),
        ("", ""),
    ],
)
def test_a_short_key(key: str, short: str) -> None:
    """Members of a sequence and of a test stay distinct; a foreign key is cut."""
    assert short_key(key) == short
    assert matches(key, short)


@pytest.mark.parametrize("short", ["7", "77172b45", "pp2-77172b45", A])
def test_the_first_of_a_sequence(short: str) -> None:
    """Without a number, the first answer is meant; with one, that answer."""
    keys = [f"{A}.2", A, f"{A}.3", VOLATILE]
    assert full_key(keys, short) == A
    assert full_key(keys, f"{short}.3") == f"{A}.3"


@pytest.mark.parametrize(
    ("short", "words"),
    [("7717", "2 keys begin"), ("f", "no key begins"), ("pp1-77172b45", "no key"), ("77172b45.4", "no key")],
)
def test_none_or_several(short: str, words: str) -> None:
    """Both are a usage error that says what to do."""
    with pytest.raises(UsageError, match=words):
        full_key([A, B], short)


def test_a_test_of_a_key_is_another_key() -> None:
    """A key that two tests share is not cut to either."""
    with pytest.raises(UsageError, match="2 keys"):
        full_key([A, A + TEST], "77172b45")
    assert full_key([A, A + TEST], "77172b45@89") == A + TEST
