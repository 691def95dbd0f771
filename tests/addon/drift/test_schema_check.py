"""A small check of JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from addon.drift.schema_check import schema_fault

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "x/y": {"anyOf": [{"type": "number"}, {"const": "none"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"tag": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"name": "A", "age": 7, "kind": "a", "tags": ["t"], "x/y": 1.5}, ""),
        ({"name": "A", "age": None, "x/y": "none"}, ""),
        ({"name": "A", "age": 7.0}, ""),
        ({}, "/name: missing"),
        ({"name": 7}, "/name: not string"),
        ({"name": "A", "age": 7.5}, "/age: not integer or null"),
        ({"name": "A", "age": True}, "/age: not integer or null"),
        ({"name": "A", "kind": "c"}, "/kind: not one of the allowed values"),
        ({"name": "A", "tags": ["t", 7]}, "/tags/1: not string"),
        ({"name": "A", "x/y": "some"}, "/x~1y: fits none of anyOf"),
        ({"name": "A", "more": 1}, "/more: not declared"),
        ([], "/: not object"),
    ],
    ids=str,
)
def test_the_first_fault_is_named(value: Any, fault: str) -> None:
    """With its JSON Pointer."""
    assert schema_fault(value, PERSON) == fault


def test_geminis_types_are_in_capitals() -> None:
    """And what may be null says so in a member."""
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    assert schema_fault({"a": None}, schema) == ""
    assert schema_fault({"a": 1}, schema) == "/a: not string"


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        {"type": "strange"},
        {"$ref": "#/$defs/none"},
        {"$ref": "http://x"},
        {"enum": 7},
        {"required": [7, {}]},
    ],
)
def test_what_is_not_understood_finds_no_fault(schema: Any) -> None:
    """It must not report a change that there is not."""
    assert schema_fault({"a": 1}, schema) == ""


def test_a_schema_that_refers_to_itself_ends() -> None:
    """A hostile request must not hang the command."""
    loop: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    schema_fault({"a": [1] * 50}, loop)
