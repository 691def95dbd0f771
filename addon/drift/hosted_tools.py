"""Finds tools that the provider runs by itself: they may change something, or spend more than the answer's tokens.

Unknown means hosted. The tools that a client runs are those of the providers' references: functions, and
Anthropic's and OpenAI's tools whose calls are handed back to the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["hosted_tools"]

# A tool of one of these types is run by the client; Anthropic's have a date behind the name.
_OF_CLIENT = ("function", "custom", "bash", "text_editor", "computer", "memory", "local_shell", "apply_patch")
# Gemini's and Bedrock's tools have no type: each is a member of an object.
_DECLARED = {"functionDeclarations", "function_declarations", "toolSpec", "cachePoint", "function"}
# Members of a request that let the provider act or search: MCP servers (Anthropic), connectors (Cohere), plugins
# (OpenRouter), live search (xAI), web search (OpenAI chat), data sources (Azure), agents with tools of their own
# (Mistral, OpenAI), and a conversation, to which the answer is added (OpenAI).
_MEMBERS = (
    "mcp_servers",
    "connectors",
    "plugins",
    "search_parameters",
    "web_search_options",
    "data_sources",
    "dataSources",
    "agent_id",
    "assistant_id",
    "conversation",
)


def hosted_tools(body: Any) -> list[str]:
    """The names of such tools in a request (parsed JSON), in order, each once."""
    return list(dict.fromkeys(_found(body))) if isinstance(body, dict) else []


def _found(body: dict[str, Any]) -> Iterator[str]:
    yield from (name for name in _MEMBERS if body.get(name))
    if isinstance(body.get("prompt"), dict):  # one that OpenAI keeps, maybe with tools
        yield "prompt"
    config = body.get("toolConfig")
    for tools in (body.get("tools"), config.get("tools") if isinstance(config, dict) else None):
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict):
                yield from _of_tool(tool)


def _of_tool(tool: dict[str, Any]) -> Iterator[str]:
    kind = tool.get("type")
    if kind is None:
        # Anthropic's own form of a function has no type, but a schema.
        if not (
            "name" in tool
            and ("input_schema" in tool or "parameters" in tool or "parameter_definitions" in tool)
        ):
            yield from (str(name)[:40] for name in tool if name not in _DECLARED)
    elif not isinstance(kind, str) or not any(
        kind == own or kind.startswith(f"{own}_") for own in _OF_CLIENT
    ):
        yield str(kind)[:40]
