"""What a request asks of the answer's form: the schemas of its tools' arguments, and that of its output.

OpenAI chat, Mistral, Groq   `tools[].function.parameters`        `response_format`
OpenAI Responses             `tools[].parameters`                 `text.format`
Anthropic                    `tools[].input_schema`               `output_format`, `output_config.format`
Gemini                       `functionDeclarations[].parameters`  `generationConfig.responseSchema`
Bedrock Converse             `toolConfig.tools[].toolSpec`        none
Cohere v2                    `tools[].function.parameters`        `response_format`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Output", "output_of", "tool_schemas"]

_SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema", "input_schema", "inputSchema")
_OUTPUT_SCHEMAS = ("responseJsonSchema", "responseSchema", "response_json_schema", "response_schema")


class Output(NamedTuple):
    """The output is to be JSON, if `schema` is not None by that schema."""

    schema: dict[str, Any] | None


def tool_schemas(body: Any) -> dict[str, dict[str, Any]]:
    """The schema of each tool's arguments by the tool's name, as far as the request declares them."""
    found: dict[str, dict[str, Any]] = {}
    for tool in _tools(body):
        schema: Any = next((tool[name] for name in _SCHEMAS if name in tool), None)
        if isinstance(schema, dict) and isinstance(schema.get("json"), dict):  # Bedrock
            schema = schema["json"]
        if isinstance(tool.get("name"), str) and isinstance(schema, dict):
            found[tool["name"]] = schema
    return found


def output_of(body: Any) -> Output | None:
    """The form that the request asks for; None if it asks for plain text."""
    body = _dict(body)
    forms = (
        body.get("response_format"),
        _dict(body.get("text")).get("format"),
        body.get("output_format"),
        _dict(body.get("output_config")).get("format"),
    )
    for form in map(_dict, forms):
        if str(form.get("type", "")).startswith("json"):
            schema = _dict(form.get("json_schema")).get("schema") or form.get("schema")
            return Output(schema if isinstance(schema, dict) else None)
    config = _dict(body.get("generationConfig")) or _dict(body.get("generation_config"))
    schema = next((config[name] for name in _OUTPUT_SCHEMAS if isinstance(config.get(name), dict)), None)
    mime = config.get("responseMimeType") or config.get("response_mime_type")
    return Output(schema) if schema is not None or mime == "application/json" else None


def _tools(body: Any) -> Iterator[dict[str, Any]]:
    body = _dict(body)
    for tool in [*_dicts(body.get("tools")), *_dicts(_dict(body.get("toolConfig")).get("tools"))]:
        yield _dict(tool.get("function")) or _dict(tool.get("toolSpec")) or tool
        for name in ("functionDeclarations", "function_declarations"):
            yield from _dicts(tool.get(name))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
