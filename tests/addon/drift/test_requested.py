"""Schemas that a request declares."""

from __future__ import annotations

from typing import Any

import pytest

from addon.drift.requested import Output, output_of, tool_schemas
from tests.addon.drift.dialects import DIALECTS, SCHEMA, Dialect


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_each_dialect_declares_its_schemas(dialect: Dialect) -> None:
    """Of a tool's arguments, and of the output."""
    assert dialect.with_tool is not None
    assert tool_schemas(dialect.with_tool("f", SCHEMA)) == {"f": SCHEMA}
    if dialect.with_schema is not None:
        assert output_of(dialect.with_schema(SCHEMA)) == Output(SCHEMA)


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Output(None)),
        ({"generationConfig": {"responseMimeType": "application/json"}}, Output(None)),
        ({"response_format": 7, "text": [], "generationConfig": "x"}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_form_of_the_output(body: Any, output: Output | None) -> None:
    """JSON without a schema, text, and what makes no sense."""
    assert output_of(body) == output
    assert tool_schemas(body) == {}
