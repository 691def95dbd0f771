"""Tools that the provider runs."""

from __future__ import annotations

from typing import Any

import pytest

from addon.drift.hosted_tools import hosted_tools

SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "name": "c"}]}, []),
        ({"tools": [{"name": "f", "input_schema": SCHEMA}]}, []),
        ({"tools": [{"name": "f", "parameter_definitions": SCHEMA}]}, []),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "computer_20250124"}]}, []),
        ({"tools": [{"functionDeclarations": []}]}, []),
        ({"toolConfig": {"tools": [{"toolSpec": {}}, {"cachePoint": {}}]}}, []),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ["web_search_20250305"]),
        ({"tools": [{"type": "mcp", "server_url": "https://x"}, {"type": "code_interpreter"}]}, ["mcp", "code_interpreter"]),
        ({"tools": [{"googleSearch": {}}, {"codeExecution": {}}]}, ["googleSearch", "codeExecution"]),
        ({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}, ["systemTool"]),
        ({"tools": [{"type": "functional_evil"}, {"type": 7}]}, ["functional_evil", "7"]),
        ({"mcp_servers": [{"url": "https://x"}]}, ["mcp_servers"]),
        ({"connectors": [{"id": "web-search"}]}, ["connectors"]),
        ({"plugins": [{"id": "web"}], "mcp_servers": []}, ["plugins"]),
        ({"web_search_options": {"a": 1}, "search_parameters": {"mode": "on"}}, ["search_parameters", "web_search_options"]),
        ({"agent_id": "a", "conversation": "c", "prompt": {"id": "p"}}, ["agent_id", "conversation", "prompt"]),
        ({"prompt": "text"}, []),
        ({"tools": "text", "toolConfig": 7}, []),
        ([], []),
        (None, []),
    ],
    ids=str,
)  # fmt: skip
def test_hosted_tools(body: Any, found: list[str]) -> None:
    """A function is the client's; whatever is not known is the provider's."""
    assert hosted_tools(body) == found
