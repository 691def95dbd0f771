"""Texts of a JSON document and where they stand."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from addon.volatile.json_texts import json_leaves, json_texts, quoted, with_replacements

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _texts(value: Any, pointer: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        return [(pointer, value)]
    if isinstance(value, list):
        return [text for at, item in enumerate(value) for text in _texts(item, (*pointer, at))]
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in _texts(item, (*pointer, name))]
    return []


@given(_VALUES, st.sampled_from([None, 1]), st.booleans())
def test_every_text_is_found_with_its_pointer_and_place(
    value: Any, indent: int | None, is_ascii: bool
) -> None:
    """In any spelling; member names and numbers are not texts."""
    document = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    found = list(json_texts(document))
    assert [(text.pointer, text.value) for text in found] == _texts(value)
    assert all(json.loads(document[text.start : text.end]) == text.value for text in found)


@given(_VALUES, st.sampled_from([None, 1]))
def test_every_leaf_is_found_with_its_json(value: Any, indent: int | None) -> None:
    """Numbers, truth values and nulls, too; each can be looked up by its pointer."""
    for leaf in json_leaves(json.dumps(value, indent=indent)):
        at = value
        for token in leaf.pointer:
            at = at[token]
        assert json.loads(leaf.value) == at


@given(st.text())
def test_a_quoted_text_reads_as_itself(text: str) -> None:
    """Also a lone surrogate, which UTF-8 cannot hold."""
    assert json.loads(quoted(text)) == text
    quoted(text).encode()


def test_replacements_keep_everything_between() -> None:
    """Spans in order."""
    assert with_replacements("abcdef", [(1, 2, "XX"), (4, 6, "")]) == "aXXcd"
    assert with_replacements("abc", []) == "abc"
