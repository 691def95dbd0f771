"""Checks a JSON value against a JSON Schema, as far as providers' structured outputs use it.

Keywords: `type` (Gemini's in capitals), `enum`, `const`, `required`, `properties`, `additionalProperties: false`,
`items`, `anyOf` and `$ref` within the schema. Any other keyword is passed over, so that it finds fewer faults than
a full validator and no other ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from addon.drift.shape import token

__all__ = ["schema_fault"]

_MOST_DEPTH = 60
_MOST_STEPS = 20_000
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def schema_fault(value: Any, schema: Any) -> str:
    """The JSON Pointer of the first fault and what is wrong, such as `/age: not number`; '' if there is none."""
    return next(_Check(schema).faults(value, schema, "", 0), "")


class _Check:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = 0

    def faults(self, value: Any, schema: Any, place: str, depth: int) -> Iterator[str]:
        self._steps += 1
        if not isinstance(schema, dict) or depth > _MOST_DEPTH or self._steps > _MOST_STEPS:
            return
        at = place or "/"
        if isinstance(schema.get("$ref"), str):
            yield from self.faults(value, self._referred(schema["$ref"]), place, depth + 1)
        kinds = schema.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(kinds, list) and not self._has_type(value, kinds, schema):
            yield f"{at}: not {' or '.join(str(kind).lower() for kind in kinds)}"
            return
        yield from (f"{at}: {fault}" for fault in self._value_faults(value, schema, place, depth))
        if isinstance(value, dict):
            yield from self._members(value, schema, place, depth)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from self.faults(item, schema.get("items"), f"{place}/{number}", depth + 1)

    def _value_faults(self, value: Any, schema: dict[str, Any], place: str, depth: int) -> Iterator[str]:
        if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
            yield "not one of the allowed values"
        if "const" in schema and value != schema["const"]:
            yield "not the required value"
        options = schema.get("anyOf")
        if (
            isinstance(options, list)
            and options
            and not any(self._fits(value, o, place, depth) for o in options)
        ):
            yield "fits none of anyOf"

    def _fits(self, value: Any, schema: Any, place: str, depth: int) -> bool:
        return not any(True for _ in self.faults(value, schema, place, depth + 1))

    def _members(
        self, value: dict[str, Any], schema: dict[str, Any], place: str, depth: int
    ) -> Iterator[str]:
        required, declared = schema.get("required"), schema.get("properties")
        for name in required if isinstance(required, list) else ():
            if isinstance(name, str) and name not in value:
                yield f"{place}/{token(name)}: missing"
        if not isinstance(declared, dict):
            return
        for name, member in value.items():
            if name in declared:
                yield from self.faults(member, declared[name], f"{place}/{token(name)}", depth + 1)
            elif schema.get("additionalProperties") is False:
                yield f"{place}/{token(name)}: not declared"

    def _has_type(self, value: Any, kinds: list[Any], schema: dict[str, Any]) -> bool:
        if value is None and schema.get("nullable") is True:
            return True
        return any(_is(value, str(kind).lower()) for kind in kinds)

    def _referred(self, reference: str) -> Any:
        if not reference.startswith("#"):
            return None
        found = self._root
        for step in reference[1:].split("/")[1:]:
            if not isinstance(found, dict):
                return None
            found = found.get(step.replace("~1", "/").replace("~0", "~"))
        return found


def _is(value: Any, kind: str) -> bool:
    """Whether a value has a type of JSON Schema; a type that is not known fits."""
    expected = _TYPES.get(kind)
    if expected is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, expected)
